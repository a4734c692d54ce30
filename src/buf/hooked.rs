//! [`HookBuf`]: a buffer that a program's allocator hook made.
//!
//! Must not: free itself. Its memory goes to the caller, or back through the
//! hook by an upcall that `capi` makes.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Memory from an allocator hook, being filled with a result.
///
/// Plain data without a destructor: it may be alive while user code runs.
#[derive(Clone, Copy, Debug)]
pub struct HookBuf {
    ptr: NonNull<u8>,
    len: usize,
    capacity: usize,
}

impl HookBuf {
    /// Wraps memory that a hook returned.
    ///
    /// # Safety
    /// `ptr` must be valid for writing `capacity` bytes until the buffer is
    /// given to C or back to its hook.
    pub unsafe fn new(ptr: NonNull<u8>, capacity: usize) -> HookBuf {
        HookBuf { ptr, len: 0, capacity }
    }

    /// How many bytes are written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The start of the memory.
    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Appends as many of `bytes` as there is room for.
    pub fn extend(&mut self, bytes: &[u8]) {
        let n = bytes.len().min(self.capacity - self.len);
        // SAFETY: `new`'s caller guarantees `capacity` writable bytes, and `n`
        // more fit; a hook's fresh memory overlaps no borrowed slice.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr.as_ptr().add(self.len), n);
        }
        self.len += n;
    }

    /// The room after the last byte.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: as in `extend`; the bytes may be uninitialised.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.ptr.as_ptr().add(self.len).cast(),
                self.capacity - self.len,
            )
        }
    }

    /// Counts `more` bytes of [`HookBuf::spare`] as written.
    ///
    /// # Safety
    /// The first `more` bytes of `spare()` must have been written.
    pub unsafe fn advance(&mut self, more: usize) {
        debug_assert!(more <= self.capacity - self.len);
        self.len += more;
    }
}
