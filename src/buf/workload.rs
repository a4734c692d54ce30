//! [`Workload`]: the body of a packet to send, owned or lent by the caller.
//!
//! Must not: outlive the call that lent it; `Borrowed::new` states the bargain.

use super::Owned;
use std::ptr::NonNull;

/// Bytes that a C program lends for the length of a call.
///
/// Plain data without a destructor.
#[derive(Clone, Copy, Debug)]
pub struct Borrowed {
    ptr: NonNull<u8>,
    len: usize,
}

impl Borrowed {
    /// Wraps lent bytes; null and 0 are fine.
    ///
    /// # Safety
    /// When `len` is not 0, `ptr` must be valid for reading `len` bytes, which
    /// nobody writes to, until the last copy of the result is gone.
    pub unsafe fn new(ptr: *const u8, len: usize) -> Borrowed {
        match NonNull::new(ptr.cast_mut()) {
            // More than a slice may be is too much for a packet, too.
            Some(ptr) => Borrowed { ptr, len: len.min(isize::MAX as usize) },
            None => Borrowed::EMPTY,
        }
    }

    /// No bytes.
    pub const EMPTY: Borrowed = Borrowed { ptr: NonNull::dangling(), len: 0 };

    /// The lent bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `new`'s caller guarantees the bytes; dangling only with 0.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

/// The body of a packet to send.
#[derive(Debug, Default)]
pub enum Workload {
    /// Nothing, or all of it was sent and let go.
    #[default]
    None,
    /// A copy of the caller's bytes.
    Owned(Owned),
    /// The caller's own bytes, for as long as its call lasts. Also memory that
    /// `gearman_task_give_workload` gave: `capi` keeps it for the task's life.
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
