//! [`Owned`]: a growable buffer of bytes from `malloc`.
//!
//! Must not: abort when memory is exhausted. Growing returns an error.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// The allocation failed, or its size overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory")]
pub struct OutOfMemory;

/// Bytes in memory from `malloc`, which a C program can take over and `free`.
///
/// The memory is one byte larger than the capacity, so that a NUL can follow the last byte.
#[derive(Debug)]
pub struct Owned {
    /// Dangling while `capacity` is 0.
    ptr: NonNull<u8>,
    /// Initialised bytes.
    len: usize,
    /// Bytes that fit, without the one for a NUL.
    capacity: usize,
}

// SAFETY: an `Owned` is the only owner of its memory, and any thread may use and free
// memory from malloc.
unsafe impl Send for Owned {}

impl Owned {
    /// An empty buffer, without an allocation.
    pub const fn new() -> Owned {
        Owned { ptr: NonNull::dangling(), len: 0, capacity: 0 }
    }

    /// An empty buffer for at least `capacity` bytes.
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
        // SAFETY: `ptr` is valid for `len` initialised bytes (dangling only while `len` is 0),
        // and `self` is borrowed for the life of the slice.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The bytes written so far, mutable.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed alone for the life of the slice.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// The number of bytes written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The number of bytes that fit without growing.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Removes the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Removes the bytes behind the first `len`, and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether no byte is written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the bytes, valid until the buffer grows or is dropped. Dangling for a
    /// buffer without an allocation.
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr.as_ptr()
    }

    /// The capacity for `more` bytes behind the last one, and the bytes to allocate: one more, for
    /// a NUL also behind a buffer that was allocated for no byte.
    fn sizes(&self, more: usize) -> Result<(usize, usize), OutOfMemory> {
        // 0 would mean that there is no allocation.
        let capacity = self.len.checked_add(more).ok_or(OutOfMemory)?.max(1);
        Ok((capacity, capacity.checked_add(1).ok_or(OutOfMemory)?))
    }

    /// Grows the capacity so that exactly `more` bytes fit behind the last one.
    fn reserve_exact(&mut self, more: usize) -> Result<(), OutOfMemory> {
        if self.capacity - self.len >= more && self.capacity > 0 {
            return Ok(());
        }
        let (capacity, size) = self.sizes(more)?;
        let old = if self.capacity == 0 { ptr::null_mut() } else { self.ptr.as_ptr() };
        // SAFETY: `old` is null or memory from realloc that `self` owns. If realloc fails, it
        // leaves that memory as it is.
        let new = unsafe { libc::realloc(old.cast(), size) };
        self.ptr = NonNull::new(new.cast()).ok_or(OutOfMemory)?;
        self.capacity = capacity;
        Ok(())
    }

    /// Grows the capacity so that `more` bytes fit behind the last one. It at least doubles,
    /// unless memory is short.
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
        // SAFETY: `reserve` guarantees capacity for `bytes.len()` bytes after `len`, and a
        // borrowed slice cannot overlap memory that `self`, borrowed alone, owns.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr.as_ptr().add(self.len), bytes.len());
        }
        self.len += bytes.len();
        Ok(())
    }

    /// The memory behind the last byte, up to the capacity, for a system call to write into.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: `self` owns the memory from `len` to `capacity` and is borrowed alone for the
        // life of the slice, whose element type allows uninitialised bytes.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.ptr.as_ptr().add(self.len).cast(),
                self.capacity - self.len,
            )
        }
    }

    /// Adds the first `more` bytes of [`Owned::spare`] to the bytes written.
    ///
    /// # Safety
    /// The first `more` bytes of `spare()` must be initialised.
    pub unsafe fn advance(&mut self, more: usize) {
        debug_assert!(more <= self.capacity - self.len);
        self.len += more;
    }

    /// As [`Owned::copy_of`], with a NUL behind the last byte.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn terminated_copy_of(bytes: &[u8]) -> Result<Owned, OutOfMemory> {
        let mut copy = Owned::copy_of(bytes)?;
        copy.terminate()?;
        Ok(copy)
    }

    /// Writes a NUL behind the last byte, so that the bytes can be read as a C string. It
    /// does not count as a byte, and is valid until the buffer changes.
    ///
    /// # Errors
    /// [`OutOfMemory`], only for a buffer without an allocation.
    #[inline]
    pub fn terminate(&mut self) -> Result<(), OutOfMemory> {
        if self.capacity == 0 {
            self.reserve_exact(0)?;
        }
        // SAFETY: an allocation has one byte more than `capacity`, and `len <= capacity`.
        unsafe { self.ptr.as_ptr().add(self.len).write(0) };
        Ok(())
    }

    /// Hands the memory to a receiver that calls `free`, with a NUL behind the last byte.
    /// Null for a buffer without an allocation.
    pub fn into_raw(self) -> *mut u8 {
        if self.capacity == 0 {
            return ptr::null_mut();
        }
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: an allocation has one byte more than `capacity`, and `len <= capacity`.
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
            // SAFETY: the memory is from realloc, and `self` is its only owner.
            unsafe { libc::free(self.ptr.as_ptr().cast()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_grows_keeps_its_bytes() {
        let mut buffer = Owned::new();
        assert!(buffer.is_empty() && buffer.as_slice().is_empty());
        for n in 0..1000u32 {
            buffer.extend(&n.to_be_bytes()).expect("memory");
        }
        assert_eq!(buffer.len(), 4000);
        assert_eq!(&buffer.as_slice()[3996..], 999u32.to_be_bytes());
    }

    #[test]
    fn a_buffer_that_is_handed_to_c_ends_with_a_nul() {
        let raw = Owned::copy_of(b"abc").expect("memory").into_raw();
        // SAFETY: `into_raw` returned three bytes and a NUL, in memory from malloc.
        unsafe {
            assert_eq!(std::ffi::CStr::from_ptr(raw.cast()).to_bytes(), b"abc");
            libc::free(raw.cast());
        }
        assert!(Owned::new().into_raw().is_null());
        let empty = Owned::copy_of(b"").expect("memory").into_raw();
        assert!(!empty.is_null());
        // SAFETY: `into_raw` returned this memory from malloc, which nothing else owns.
        unsafe { libc::free(empty.cast()) };
    }

    #[test]
    fn a_terminating_nul_does_not_count_as_a_byte() {
        let mut buffer = Owned::new();
        buffer.terminate().expect("memory");
        assert!(buffer.is_empty());
        buffer.extend(b"ab").expect("memory");
        buffer.terminate().expect("memory");
        // SAFETY: `terminate` has written a NUL, and the buffer does not change.
        let text = unsafe { std::ffi::CStr::from_ptr(buffer.as_ptr().cast()) };
        assert_eq!((text, buffer.len()), (c"ab", 2));
    }

    #[test]
    fn an_allocation_has_a_byte_more_than_its_capacity_also_for_an_empty_copy() {
        let buffer = Owned::new();
        for more in [0, 1, 2, 100] {
            let (capacity, size) = buffer.sizes(more).expect("fits");
            assert!(capacity >= more.max(1) && size == capacity + 1, "{more}: {capacity}, {size}");
        }
        // The byte fits without growing, and the NUL behind it is in the allocation.
        let mut copy = Owned::copy_of(b"").expect("memory");
        copy.extend(b"x").expect("memory");
        copy.terminate().expect("memory");
        // SAFETY: `terminate` has written a NUL, and the buffer does not change.
        let text = unsafe { std::ffi::CStr::from_ptr(copy.as_ptr().cast()) };
        assert_eq!((text, copy.capacity()), (c"x", 1));
    }

    #[test]
    fn a_size_that_overflows_is_an_error() {
        assert_eq!(Owned::with_capacity(usize::MAX).err(), Some(OutOfMemory));
        let mut buffer = Owned::copy_of(b"x").expect("memory");
        assert_eq!(buffer.reserve(usize::MAX), Err(OutOfMemory));
        assert_eq!(buffer.as_slice(), b"x");
    }
}
