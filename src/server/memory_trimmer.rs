//! The memory trimmer, which returns unused memory to the kernel.
//!
//! An allocator keeps freed memory for later allocations, and reviews what it keeps only
//! when it is called. A server whose queue has drained, or whose largest connections have closed,
//! hardly calls it, and would stay as large as it was. So the event loop reports how much jobs and
//! connections take, and a second after most of that is gone all unused memory is returned.
//!
//! This needs small pages. A huge page stays resident as a whole for any byte in use, and
//! the kernel builds huge pages from ranges with small holes, holes included.
//!
//! Must not: be called for every job.
#![allow(unsafe_code)]

use std::time::Duration;

/// Delay of a trim after most is gone, since what comes next may need the memory.
const TRIM_DELAY: Duration = Duration::from_secs(1);

/// Decides when to return unused memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryTrimmer {
    /// Largest measure since the last trim.
    high: usize,
    is_due: bool,
}

/// Disables transparent huge pages for this process, whatever the system's setting. The
/// allocator is built not to request any.
pub(crate) fn use_small_pages() {
    // If the kernel refuses, the server only uses more memory.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

impl MemoryTrimmer {
    /// Notes how much memory is in use, in any measure. Returns the delay after which to call
    /// [`MemoryTrimmer::trim`], if a trim has become due.
    pub(crate) fn note(&mut self, measure: usize) -> Option<Duration> {
        self.high = self.high.max(measure);
        (measure * 2 < self.high && !std::mem::replace(&mut self.is_due, true))
            .then_some(TRIM_DELAY)
    }

    /// Returns unused memory to the kernel.
    pub(crate) fn trim(&mut self, measure: usize) {
        (self.high, self.is_due) = (measure, false);
        collect();
    }
}

/// Returns all unused memory to the kernel.
fn collect() {
    // SAFETY: mimalloc allows `mi_collect` at any time from any thread; it touches only
    // memory that the allocator itself knows to be free.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
