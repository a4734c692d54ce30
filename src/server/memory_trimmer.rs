//! The allocator, and when it gives back what it keeps.
//!
//! An allocator keeps freed memory for the next allocation, and looks at what it
//! keeps when it is called. A server whose queue has drained does not call it any
//! more, and would stay as large as the queue was. So the event loop says how many
//! jobs there are, and a while after most of them are gone all is given back.
//!
//! It stays given back only where memory comes in small pages. Of a huge page all is
//! resident for the sake of any byte of it, and the kernel makes huge pages of what
//! lies around small holes, holes included.
//!
//! Must not: be called for every job.
#![allow(unsafe_code)]

use std::time::Duration;

/// The C library's allocator gives memory back only from its end: one small
/// allocation made while a queue was full keeps all of it.
pub const MIMALLOC: Allocator = mimalloc::MiMalloc;

/// The type of [`MIMALLOC`].
pub type Allocator = mimalloc::MiMalloc;

/// How long after a fall memory is given back: it could be needed again.
const TRIM_DELAY: Duration = Duration::from_secs(1);

/// Whether there were many more jobs than there are.
#[derive(Debug, Default)]
pub(crate) struct MemoryTrimmer {
    /// Most jobs that there were since memory was given back.
    high: usize,
    is_due: bool,
}

/// Asks the kernel to do without huge pages in this process, whatever the system's
/// setting. The allocator does not ask for any: that was settled when it was built.
pub(crate) fn use_small_pages() {
    // Where that cannot be had, the server is just larger.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

impl MemoryTrimmer {
    /// Notes how many jobs there are. Returns after how long to call
    /// [`MemoryTrimmer::trim`], when that has become necessary.
    pub(crate) fn note(&mut self, jobs: usize) -> Option<Duration> {
        self.high = self.high.max(jobs);
        (jobs * 2 < self.high && !std::mem::replace(&mut self.is_due, true)).then_some(TRIM_DELAY)
    }

    /// Gives memory back.
    pub(crate) fn trim(&mut self, jobs: usize) {
        (self.high, self.is_due) = (jobs, false);
        give_back();
    }
}

/// Gives back all memory that is not in use.
fn give_back() {
    // SAFETY: the function may be called at any time from any thread; it touches
    // only what the allocator itself knows to be free.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
