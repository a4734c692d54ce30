//! [`Owned`]: a growable buffer of bytes from `malloc`.
//!
//! Must not: abort when memory runs out. Growing returns an error.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// No memory was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory")]
pub struct OutOfMemory;

/// Bytes in memory from `malloc`, which C can take over and `free`.
///
/// Always one byte larger than its capacity says, so that a NUL can follow the
/// last byte.
#[derive(Debug)]
pub struct Owned {
    ptr: NonNull<u8>,
    len: usize,
    capacity: usize,
}

// SAFETY: an `Owned` is the only owner of its memory, and malloc's memory may
// be used and freed by any thread.
unsafe impl Send for Owned {}

impl Owned {
    /// An empty buffer that has not allocated anything.
    pub const fn new() -> Owned {
        Owned { ptr: NonNull::dangling(), len: 0, capacity: 0 }
    }

    /// A buffer with room for `capacity` bytes.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn with_capacity(capacity: usize) -> Result<Owned, OutOfMemory> {
        let mut buffer = Owned::new();
        buffer.reserve_exact(capacity)?;
        Ok(buffer)
    }

    /// A copy of `bytes`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn copy_of(bytes: &[u8]) -> Result<Owned, OutOfMemory> {
        let mut buffer = Owned::with_capacity(bytes.len())?;
        buffer.extend(bytes)?;
        Ok(buffer)
    }

    /// The bytes written so far.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `ptr` is valid for `len` initialised bytes (dangling only
        // while `len` is 0), and `self` is borrowed for the slice's life.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The bytes written so far, to change them.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed alone for the slice's
        // life.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// How many bytes are written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many bytes fit without growing.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Forgets the bytes from the one at `len` on, and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether no byte is written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the bytes are. Stays the same until the buffer grows.
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr.as_ptr()
    }

    /// Makes room for `more` bytes, exactly.
    fn reserve_exact(&mut self, more: usize) -> Result<(), OutOfMemory> {
        if self.capacity - self.len >= more && self.capacity > 0 {
            return Ok(());
        }
        let capacity = self.len.checked_add(more).ok_or(OutOfMemory)?;
        let size = capacity.checked_add(1).ok_or(OutOfMemory)?;
        let old = if self.capacity == 0 { ptr::null_mut() } else { self.ptr.as_ptr() };
        // SAFETY: `old` is null or came from malloc/realloc and is not freed;
        // on failure it stays valid and stays ours.
        let new = unsafe { libc::realloc(old.cast(), size) };
        self.ptr = NonNull::new(new.cast()).ok_or(OutOfMemory)?;
        self.capacity = capacity.max(1);
        Ok(())
    }

    /// Makes room for `more` bytes, and for later ones when that had to grow.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the buffer is unchanged.
    #[inline]
    pub fn reserve(&mut self, more: usize) -> Result<(), OutOfMemory> {
        if self.capacity - self.len >= more { Ok(()) } else { self.grow(more) }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) -> Result<(), OutOfMemory> {
        let ahead = if self.len == 0 { more } else { more.max(self.len) };
        self.reserve_exact(ahead).or_else(|_| self.reserve_exact(more))
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the buffer is unchanged.
    #[inline(always)]
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), OutOfMemory> {
        self.reserve(bytes.len())?;
        // SAFETY: `reserve` made room for `bytes.len()` bytes after `len`, and a
        // borrowed slice cannot overlap memory that `self` owns.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr.as_ptr().add(self.len), bytes.len());
        }
        self.len += bytes.len();
        Ok(())
    }

    /// The room after the last byte, for the kernel to write into.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the memory from `len` to `capacity` is ours, borrowed for the
        // slice's life, and may be uninitialised.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.ptr.as_ptr().add(self.len).cast(),
                self.capacity - self.len,
            )
        }
    }

    /// Counts `more` bytes of [`Owned::spare`] as written.
    ///
    /// # Safety
    /// The first `more` bytes of `spare()` must have been written.
    pub unsafe fn advance(&mut self, more: usize) {
        debug_assert!(more <= self.capacity - self.len);
        self.len += more;
    }

    /// Puts a NUL, which does not count, after the last byte, for those who read
    /// the bytes as a C string. It stays until the buffer changes.
    ///
    /// # Errors
    /// [`OutOfMemory`], only if nothing was ever allocated.
    #[inline]
    pub fn terminate(&mut self) -> Result<(), OutOfMemory> {
        if self.capacity == 0 {
            self.reserve_exact(0)?;
        }
        // SAFETY: there is always one byte more than `capacity`, and
        // `len <= capacity`.
        unsafe { self.ptr.as_ptr().add(self.len).write(0) };
        Ok(())
    }

    /// Hands the memory to C, with a NUL after the last byte. Null when nothing
    /// was ever allocated. The receiver calls `free`.
    pub fn into_raw(self) -> *mut u8 {
        if self.capacity == 0 {
            return ptr::null_mut();
        }
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: there is always one byte more than `capacity`, and
        // `len <= capacity`.
        unsafe { this.ptr.as_ptr().add(this.len).write(0) };
        this.ptr.as_ptr()
    }
}

impl Default for Owned {
    fn default() -> Owned {
        Owned::new()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: came from realloc, and `self` is its only owner.
            unsafe { libc::free(self.ptr.as_ptr().cast()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_keeps_its_bytes() {
        let mut buffer = Owned::new();
        assert!(buffer.is_empty() && buffer.as_slice().is_empty());
        for n in 0..1000u32 {
            buffer.extend(&n.to_be_bytes()).expect("memory");
        }
        assert_eq!(buffer.len(), 4000);
        assert_eq!(&buffer.as_slice()[3996..], 999u32.to_be_bytes());
    }

    #[test]
    fn is_followed_by_a_nul_when_handed_to_c() {
        let raw = Owned::copy_of(b"abc").expect("memory").into_raw();
        // SAFETY: `into_raw` gives three bytes and a NUL from malloc.
        unsafe {
            assert_eq!(std::ffi::CStr::from_ptr(raw.cast()).to_bytes(), b"abc");
            libc::free(raw.cast());
        }
        assert!(Owned::new().into_raw().is_null());
        let empty = Owned::copy_of(b"").expect("memory").into_raw();
        assert!(!empty.is_null());
        // SAFETY: came from malloc.
        unsafe { libc::free(empty.cast()) };
    }

    #[test]
    fn a_nul_can_follow_without_counting() {
        let mut buffer = Owned::new();
        buffer.terminate().expect("memory");
        assert!(buffer.is_empty());
        buffer.extend(b"ab").expect("memory");
        buffer.terminate().expect("memory");
        // SAFETY: just terminated, and the bytes hold no other NUL.
        let text = unsafe { std::ffi::CStr::from_ptr(buffer.as_ptr().cast()) };
        assert_eq!((text, buffer.len()), (c"ab", 2));
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        assert_eq!(Owned::with_capacity(usize::MAX).err(), Some(OutOfMemory));
        let mut buffer = Owned::copy_of(b"x").expect("memory");
        assert_eq!(buffer.reserve(usize::MAX), Err(OutOfMemory));
        assert_eq!(buffer.as_slice(), b"x");
    }
}
