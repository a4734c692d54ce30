//! The allocator hooks that a program sets on a handle.
//!
//! Results that the program will own come from its hook and workloads that it
//! gave go back through it. Hooks are user code: they are called only through
//! [`upcall`].
//!
//! Must not: hold memory.

use super::callbacks::*;
use super::frames::{Block, Gone, upcall};
use libc::c_void;

/// The hooks of one handle; without one, `malloc` and `free`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hooks {
    pub(super) malloc: gearman_malloc_fn,
    pub(super) malloc_context: *mut c_void,
    pub(super) free: gearman_free_fn,
    pub(super) free_context: *mut c_void,
}

impl Hooks {
    /// `malloc` and `free`.
    pub(super) const NONE: Hooks = Hooks {
        malloc: None,
        malloc_context: std::ptr::null_mut(),
        free: None,
        free_context: std::ptr::null_mut(),
    };

    /// Sets all four allocators or, when all are NULL, none. (The library
    /// never needs `realloc` and `calloc`.)
    ///
    /// # Errors
    /// When some are NULL and some are not.
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
        *self = Hooks { malloc, malloc_context: context, free, free_context: context };
        Ok(())
    }

    /// Allocates `size` bytes.
    ///
    /// # Errors
    /// [`Gone`] when the hook freed the handle; the memory goes back at once.
    ///
    /// # Safety
    /// As for [`upcall`].
    pub(super) unsafe fn allocate<B: Block>(
        self,
        block: *mut B,
        purpose: B::Purpose,
        size: usize,
    ) -> Result<*mut c_void, Gone<()>> {
        match self.malloc {
            // SAFETY: the caller guarantees the block; the hook is the user's,
            // called as its type says.
            Some(hook) => unsafe {
                upcall(block, purpose, move || hook(size, self.malloc_context)).map_err(
                    |Gone(memory)| {
                        self.release_orphan(memory);
                        Gone(())
                    },
                )
            },
            // SAFETY: malloc takes any size.
            None => Ok(unsafe { libc::malloc(size) }),
        }
    }

    /// Frees what `allocate` made, or what the program gave.
    ///
    /// # Errors
    /// [`Gone`] when the hook freed the handle.
    ///
    /// # Safety
    /// As for [`upcall`]; `memory` is from these hooks and not used again.
    pub(super) unsafe fn release<B: Block>(
        self,
        block: *mut B,
        purpose: B::Purpose,
        memory: *mut c_void,
    ) -> Result<(), Gone<()>> {
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

    /// Frees what a function returned whose handle is gone: nothing is left that
    /// a call could be noted in.
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
