//! [`HookBuf`]: the body of a packet in memory from a program's allocator hook, and [`Bin`],
//! the queue of such memory that can be freed.
//!
//! Must not: call a hook. `capi` empties the bin and calls the hook that frees.

use super::Owned;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;

/// A queue of memory that its hook can free, the oldest first. Clones share the queue,
/// which does not own the memory.
#[derive(Clone, Debug, Default)]
pub struct Bin(Rc<RefCell<VecDeque<NonNull<u8>>>>);

impl Bin {
    /// Adds memory, which no buffer uses any more.
    pub fn put(&self, memory: NonNull<u8>) {
        self.0.borrow_mut().push_back(memory);
    }

    /// Takes the oldest memory out of the queue. The caller has it freed.
    pub fn take(&self) -> Option<NonNull<u8>> {
        self.0.borrow_mut().pop_front()
    }
}

/// The body of a packet in memory from an allocator hook. Dropping it puts the memory into
/// its bin.
///
/// A hook may return the same memory for two bodies that are alive at the same time. So a
/// borrow of the bytes must not be kept while another body is filled.
#[derive(Debug)]
pub struct HookBuf {
    /// None once the memory was handed out.
    ptr: Option<NonNull<u8>>,
    len: usize,
    /// In bytes.
    capacity: usize,
    bin: Bin,
}

impl HookBuf {
    /// Wraps memory that a hook returned.
    ///
    /// # Safety
    /// `ptr` must be valid for reading and writing `capacity` bytes until the memory is
    /// taken out of `bin`, or handed out with [`Bytes::into_raw`].
    pub unsafe fn new(ptr: NonNull<u8>, capacity: usize, bin: Bin) -> HookBuf {
        HookBuf { ptr: Some(ptr), len: 0, capacity, bin }
    }

    /// Replaces the content by `bytes`, cut to the capacity.
    pub fn fill(&mut self, bytes: &[u8]) {
        let Some(ptr) = self.ptr else { return };
        self.len = bytes.len().min(self.capacity);
        // SAFETY: the caller of `new` guarantees `capacity` writable bytes. `bytes` are in the
        // library's own memory, which does not overlap memory of a hook.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), ptr.as_ptr(), self.len) };
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `fill` has written `len` bytes, and the caller of `new` guarantees that they
        // are readable.
        self.ptr.map_or(&[], |p| unsafe { std::slice::from_raw_parts(p.as_ptr(), self.len) })
    }

    /// Hands the memory out, to a receiver that has its hook free it.
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

/// The body of a packet, in memory from `malloc` or from the program's hook.
#[derive(Debug)]
pub enum Bytes {
    /// Memory from `malloc`.
    Owned(Owned),
    /// Memory from the hook.
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

    /// Hands the memory to C, which frees it with `free` or with its hook. Memory from
    /// `malloc` has a NUL behind the bytes; memory from a hook has exactly their size.
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
        // SAFETY: every test keeps its memory until the end, longer than the buffer.
        unsafe { HookBuf::new(ptr, memory.len(), bin.clone()) }
    }

    #[test]
    fn a_dropped_buffer_puts_its_memory_into_the_bin_behind_those_dropped_before() {
        let (mut first, mut second, bin) = ([0; 4], [0; 4], Bin::default());
        let (mut a, mut b) = (buffer(&mut first, &bin), buffer(&mut second, &bin));
        a.fill(b"a");
        b.fill(b"b");
        drop(b);
        drop(a);
        // SAFETY: the memory is one of the two arrays, which are still alive.
        let take = || bin.take().map(|memory| unsafe { memory.read() });
        assert_eq!([take(), take(), take()], [Some(b'b'), Some(b'a'), None]);
    }

    #[test]
    fn a_buffer_that_is_handed_out_puts_no_memory_into_the_bin() {
        let (mut memory, bin) = ([0; 4], Bin::default());
        let mut buffer = buffer(&mut memory, &bin);
        buffer.fill(b"abcdef");
        assert_eq!(buffer.as_slice(), b"abcd");
        Bytes::Hooked(buffer).into_raw();
        assert_eq!(bin.take(), None);
    }
}
