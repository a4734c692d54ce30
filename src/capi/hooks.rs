//! The allocator hooks that a program sets on a handle.
//!
//! Memory that the program will own is from its hook, and workloads that it gave are
//! freed by its hook. Hooks are user code: they are called only through [`upcall`].
//!
//! Must not: keep memory.

use super::callbacks::*;
use super::frames::{Block, Freed, upcall};
use super::text::CStrArg;
use crate::engine::ReturnCode;
use crate::protocol::limits::MAX_PAYLOAD;
use libc::c_void;
use std::ptr;

/// The hooks of one handle; `malloc` and `free` stand for hooks that are not set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hooks {
    pub(super) malloc: gearman_malloc_fn,
    malloc_context: *mut c_void,
    free: gearman_free_fn,
    free_context: *mut c_void,
    /// Whether a hook was ever set: if not, no memory of a hook needs freeing.
    pub(super) used: bool,
}

impl Hooks {
    /// No hook is set.
    pub(super) const NONE: Hooks = Hooks {
        malloc: None,
        malloc_context: std::ptr::null_mut(),
        free: None,
        free_context: std::ptr::null_mut(),
        used: false,
    };

    /// Sets the allocator hook.
    pub(super) fn set_malloc(&mut self, malloc: gearman_malloc_fn, context: *mut c_void) {
        (self.malloc, self.malloc_context) = (malloc, context);
        self.used |= self.any();
    }

    /// Sets the free hook.
    pub(super) fn set_free(&mut self, free: gearman_free_fn, context: *mut c_void) {
        (self.free, self.free_context) = (free, context);
        self.used |= self.any();
    }

    /// Whether a hook is set: bodies and workloads are then kept in its memory.
    pub(super) fn any(self) -> bool {
        self.malloc.is_some() || self.free.is_some()
    }

    /// Sets all four allocators or, if all are NULL, none. (The library never needs
    /// `realloc` and `calloc`.)
    ///
    /// # Errors
    /// If some are NULL and others are not.
    pub(super) fn set_all(
        &mut self,
        malloc: gearman_malloc_fn,
        free: gearman_free_fn,
        realloc: gearman_realloc_fn,
        calloc: gearman_calloc_fn,
        context: *mut c_void,
    ) -> Result<(), ()> {
        let given = [malloc.is_some(), free.is_some(), realloc.is_some(), calloc.is_some()];
        if given != [true; 4] && given != [false; 4] {
            return Err(());
        }
        self.set_malloc(malloc, context);
        self.set_free(free, context);
        Ok(())
    }

    /// Allocates `size` bytes.
    ///
    /// # Errors
    /// [`Freed`] if the hook freed the handle; the memory is then freed at once.
    ///
    /// # Safety
    /// As for [`upcall`].
    pub(super) unsafe fn allocate<B: Block>(
        self,
        block: *mut B,
        purpose: B::Purpose,
        size: usize,
    ) -> Result<*mut c_void, Freed<()>> {
        match self.malloc {
            // SAFETY: the caller guarantees the block; the hook is the user's,
            // called as its type says.
            Some(hook) => unsafe {
                upcall(block, purpose, move || hook(size, self.malloc_context)).map_err(
                    |Freed(memory)| {
                        self.release_orphan(memory);
                        Freed(())
                    },
                )
            },
            // SAFETY: malloc takes any size.
            None => Ok(unsafe { libc::malloc(size) }),
        }
    }

    /// Calls `send` with a copy of the bytes in memory of the hooks, if hooks are set. If
    /// the hook returns no memory, `send` gets the bytes themselves.
    ///
    /// # Errors
    /// [`Freed`] if a hook freed the handle, or `send` says so.
    ///
    /// # Safety
    /// As for [`upcall`]; `bytes` are readable for `size`, and `send` does not keep its
    /// argument.
    #[inline]
    pub(super) unsafe fn send_copy<B: Block>(
        self,
        block: *mut B,
        purpose: B::Purpose,
        (bytes, size): (*const c_void, usize),
        send: impl FnOnce(&[u8]) -> Result<ReturnCode, Freed<ReturnCode>>,
    ) -> Result<ReturnCode, Freed<ReturnCode>> {
        // SAFETY: the caller guarantees the block and the bytes; the copy is as large, and
        // is not borrowed when it is freed.
        unsafe {
            // Bytes that no packet can hold are not read.
            if !self.any() || size > MAX_PAYLOAD as usize {
                return send(bytes.sized(size));
            }
            let gone = |Freed(())| Freed(ReturnCode::SUCCESS);
            let memory = self.allocate(block, purpose, size).map_err(gone)?;
            if memory.is_null() {
                return send(bytes.sized(size));
            }
            let from = bytes.sized(size);
            // The hook may have returned the memory that the program's bytes are in.
            ptr::copy(from.as_ptr(), memory.cast(), from.len());
            let sent = send(memory.cast_const().sized(from.len()));
            let code = sent.inspect_err(|_| self.release_orphan(memory))?;
            self.release(block, purpose, memory).map_err(|Freed(())| Freed(code))?;
            Ok(code)
        }
    }

    /// Frees memory of `allocate`, or memory that the program gave.
    ///
    /// # Errors
    /// [`Freed`] if the hook freed the handle.
    ///
    /// # Safety
    /// As for [`upcall`]; `memory` is from these hooks and not used again.
    pub(super) unsafe fn release<B: Block>(
        self,
        block: *mut B,
        purpose: B::Purpose,
        memory: *mut c_void,
    ) -> Result<(), Freed<()>> {
        match self.free {
            // SAFETY: the caller guarantees the block and the memory.
            Some(hook) => unsafe {
                upcall(block, purpose, move || hook(memory, self.free_context))
            },
            None => {
                // SAFETY: without a hook the memory is malloc's.
                unsafe { libc::free(memory) };
                Ok(())
            }
        }
    }

    /// Frees what a function returned after its handle was freed. The call of the hook
    /// cannot be noted, since the handle's frames are gone.
    ///
    /// # Safety
    /// `memory` is NULL or from these hooks, and not used again.
    pub(super) unsafe fn release_orphan(self, memory: *mut c_void) {
        match self.free {
            _ if memory.is_null() => {}
            // SAFETY: the hook is the user's, called as its type says.
            Some(hook) => unsafe { hook(memory, self.free_context) },
            // SAFETY: without a hook the memory is malloc's.
            None => unsafe { libc::free(memory) },
        }
    }
}
