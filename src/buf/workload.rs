//! [`Workload`]: the body of a packet to send, owned or lent by the caller.
//!
//! Must not: be used after the call that lent its bytes; see `Borrowed::new`.

use super::Owned;
use std::ptr::NonNull;

/// Bytes that a C program lends for one call. Plain data without a destructor.
#[derive(Clone, Copy, Debug)]
pub struct Borrowed {
    ptr: NonNull<u8>,
    len: usize,
}

impl Borrowed {
    /// Wraps lent bytes. A null pointer is no bytes.
    ///
    /// # Safety
    /// Unless `ptr` is null or `len` is 0, `ptr` must be valid for reading `len` bytes, which
    /// must not be written to, while the result or a copy of it is used.
    pub unsafe fn new(ptr: *const u8, len: usize) -> Borrowed {
        match NonNull::new(ptr.cast_mut()) {
            // A slice has at most isize::MAX bytes; a packet has fewer.
            Some(ptr) => Borrowed { ptr, len: len.min(isize::MAX as usize) },
            None => Borrowed::EMPTY,
        }
    }

    /// No bytes.
    pub const EMPTY: Borrowed = Borrowed { ptr: NonNull::dangling(), len: 0 };

    /// The lent bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the caller of `new` guarantees the bytes; `ptr` is dangling only if `len` is
        // 0.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

/// The body of a packet to send.
#[derive(Debug, Default)]
pub enum Workload {
    /// No bytes, or bytes that were sent and freed.
    #[default]
    None,
    /// A copy of the caller's bytes.
    Owned(Owned),
    /// The caller's own bytes, for the length of its call. Also memory from
    /// `gearman_task_give_workload`, which `capi` keeps for the life of the task.
    Borrowed(Borrowed),
}

impl Workload {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Workload::None => &[],
            Workload::Owned(bytes) => bytes.as_slice(),
            Workload::Borrowed(bytes) => bytes.as_slice(),
        }
    }
}
