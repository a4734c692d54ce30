//! [`HookBuf`]: memory that a program's allocator hook gave for the body of a
//! packet, and [`Bin`], where it goes when it is not needed any more.
//!
//! Must not: call a hook. `capi` gives back what is in the bin.

use super::Owned;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;

/// Memory to be given back to its hook, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Bin(Rc<RefCell<VecDeque<NonNull<u8>>>>);

impl Bin {
    /// Adds memory.
    pub fn put(&self, memory: NonNull<u8>) {
        self.0.borrow_mut().push_back(memory);
    }

    /// Takes the oldest memory out.
    pub fn take(&self) -> Option<NonNull<u8>> {
        self.0.borrow_mut().pop_front()
    }
}

/// The body of a packet in memory from an allocator hook. Dropping it puts the
/// memory into its bin.
///
/// A hook may hand out the same memory twice, for two bodies that are alive at
/// once. So no borrow of the bytes is kept while another body is filled.
#[derive(Debug)]
pub struct HookBuf {
    /// None once the memory was given away.
    ptr: Option<NonNull<u8>>,
    len: usize,
    capacity: usize,
    bin: Bin,
}

impl HookBuf {
    /// Wraps memory that a hook returned.
    ///
    /// # Safety
    /// `ptr` must be valid for reading and writing `capacity` bytes until it is
    /// given back to its hook, or handed out.
    pub unsafe fn new(ptr: NonNull<u8>, capacity: usize, bin: Bin) -> HookBuf {
        HookBuf { ptr: Some(ptr), len: 0, capacity, bin }
    }

    /// Replaces the content by as many of `bytes` as there is room for.
    pub fn fill(&mut self, bytes: &[u8]) {
        let Some(ptr) = self.ptr else { return };
        self.len = bytes.len().min(self.capacity);
        // SAFETY: `new`'s caller guarantees `capacity` writable bytes; the library's
        // own memory, which `bytes` are in, is not the hook's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), ptr.as_ptr(), self.len) };
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `fill` wrote `len` bytes, and `new`'s caller guarantees that they
        // can be read.
        self.ptr.map_or(&[], |p| unsafe { std::slice::from_raw_parts(p.as_ptr(), self.len) })
    }

    /// Hands the memory out.
    fn into_raw(mut self) -> *mut u8 {
        self.ptr.take().map_or(std::ptr::null_mut(), NonNull::as_ptr)
    }
}

impl Drop for HookBuf {
    fn drop(&mut self) {
        if let Some(ptr) = self.ptr.take() {
            self.bin.put(ptr);
        }
    }
}

/// The body of a packet, in memory of ours or of the program's hook.
#[derive(Debug)]
pub enum Bytes {
    /// From `malloc`.
    Owned(Owned),
    /// From the hook.
    Hooked(HookBuf),
}

impl Bytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Owned(bytes) => bytes.as_slice(),
            Bytes::Hooked(bytes) => bytes.as_slice(),
        }
    }

    /// Hands the memory to C, which gives it back the way it was allocated. What is
    /// ours is followed by a NUL; a hook was asked for the bytes alone.
    pub fn into_raw(self) -> *mut u8 {
        match self {
            Bytes::Owned(bytes) => bytes.into_raw(),
            Bytes::Hooked(bytes) => bytes.into_raw(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(memory: &mut [u8], bin: &Bin) -> HookBuf {
        let ptr = NonNull::new(memory.as_mut_ptr()).expect("not null");
        // SAFETY: the memory outlives the buffer.
        unsafe { HookBuf::new(ptr, memory.len(), bin.clone()) }
    }

    #[test]
    fn dropped_memory_is_in_the_bin_in_the_order_of_dropping() {
        let (mut first, mut second, bin) = ([0; 4], [0; 4], Bin::default());
        let (a, b) = (buffer(&mut first, &bin), buffer(&mut second, &bin));
        drop(b);
        drop(a);
        assert_eq!(bin.take().map(NonNull::as_ptr), Some(second.as_mut_ptr()));
        assert_eq!(bin.take().map(NonNull::as_ptr), Some(first.as_mut_ptr()));
        assert_eq!(bin.take(), None);
    }

    #[test]
    fn memory_that_is_handed_out_is_not_in_the_bin() {
        let (mut memory, bin) = ([0; 4], Bin::default());
        let mut buffer = buffer(&mut memory, &bin);
        buffer.fill(b"abcdef");
        assert_eq!(buffer.as_slice(), b"abcd");
        Bytes::Hooked(buffer).into_raw();
        assert_eq!(bin.take(), None);
    }
}
