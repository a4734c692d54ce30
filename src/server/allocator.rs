//! The allocator of the process, and the thread that frees large memory.
//!
//! Large memory goes back to the kernel when it is freed, which takes 10 ms for 100 MB: a result that
//! was delivered would stop the event loop as long. So another thread frees it, in pieces, since
//! the kernel lets no thread map memory meanwhile. It is started when large memory is allocated for
//! the first time: in a process with one thread system calls cost less.
//!
//! Must not: free memory that is in use, which no caller of an allocator does.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use mimalloc::MiMalloc;
use parking_lot::{Condvar, Mutex};
use rustix::mm::{Advice, madvise};

/// Size from which memory is freed by the thread.
const LARGE_BYTES_MIN: usize = 8 << 20;
/// Bytes that are returned to the kernel at once.
const PIECE_BYTES: usize = 4 << 20;
/// Most blocks that wait for the thread. Further ones are freed at once.
const WAITING_BLOCKS_MAX: usize = 64;
/// No large memory was allocated, so there is no thread.
const UNUSED: u8 = 0;
/// Large memory was allocated, and the event loop has to start the thread.
const WANTED: u8 = 1;
/// There is a thread.
const RUNNING: u8 = 2;
/// The system has refused a thread.
const REFUSED: u8 = 3;

/// Pages of every size begin at its multiples.
const ALIGNMENT_OF_PAGES: usize = 64 << 10;

/// The allocator of the process. That of the C library returns memory only from the end
/// of its heap, where one small allocation can keep all of it.
pub struct Allocator(MiMalloc);

/// An [`Allocator`].
pub const ALLOCATOR: Allocator = Allocator(MiMalloc);

/// Memory that its owner has freed.
struct FreedBlock {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: the owner has given the memory up, so the holder of this value is the only one who knows
// it, and the allocator takes it back from any thread.
unsafe impl Send for FreedBlock {}

/// Blocks that wait for the thread.
struct Disposal {
    waiting: Mutex<WaitingBlocks>,
    has_come: Condvar,
    /// Whether there is a thread: one of the constants above.
    state: AtomicU8,
}

/// A stack of fixed size: an allocator cannot allocate to free.
struct WaitingBlocks {
    blocks: [Option<FreedBlock>; WAITING_BLOCKS_MAX],
    count: usize,
}

static DISPOSAL: Disposal = Disposal::new();

impl Disposal {
    const fn new() -> Disposal {
        let blocks = [const { None }; WAITING_BLOCKS_MAX];
        Disposal {
            waiting: Mutex::new(WaitingBlocks { blocks, count: 0 }),
            has_come: Condvar::new(),
            state: AtomicU8::new(UNUSED),
        }
    }

    /// Notes that memory of this size was allocated.
    fn note_allocation(&self, size: usize) {
        if size >= LARGE_BYTES_MIN && self.state.load(Ordering::Relaxed) == UNUSED {
            // Whichever thread loses the race finds a state that is none of its own concern.
            let _ =
                self.state.compare_exchange(UNUSED, WANTED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Keeps a block for the thread. Returns it if there is none, or if too many wait.
    fn offer(&self, block: FreedBlock) -> Option<FreedBlock> {
        if self.state.load(Ordering::Relaxed) != RUNNING {
            return Some(block);
        }
        let mut waiting = self.waiting.lock();
        let count = waiting.count;
        let Some(place) = waiting.blocks.get_mut(count) else { return Some(block) };
        *place = Some(block);
        waiting.count += 1;
        self.has_come.notify_one();
        None
    }

    /// Waits for a block.
    fn take(&self) -> FreedBlock {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(last) = waiting.count.checked_sub(1) {
                waiting.count = last;
                return waiting.blocks[last].take().expect("a counted place has a block");
            }
            self.has_come.wait(&mut waiting);
        }
    }
}

impl FreedBlock {
    /// Frees the block. Its pages are returned in pieces first, so that the allocator has none to
    /// return.
    fn free(self) {
        let (first, len) = (self.start as usize, self.layout.size());
        let mut from = first.next_multiple_of(ALIGNMENT_OF_PAGES);
        let end = (first + len) / ALIGNMENT_OF_PAGES * ALIGNMENT_OF_PAGES;
        while from < end {
            let piece = PIECE_BYTES.min(end - from);
            let start = self.start.wrapping_add(from - first);
            // SAFETY: the range consists of whole pages inside the block, which its owner has given
            // up, so the loss of their content is seen by nothing. If the kernel refuses, the
            // allocator returns them below.
            let _ = unsafe { madvise(start.cast(), piece, Advice::LinuxDontNeed) };
            from += piece;
        }
        // SAFETY: `dealloc` got the pointer and the layout from the owner, who has given the memory
        // up, and hands every block over once.
        unsafe { ALLOCATOR.0.dealloc(self.start, self.layout) };
    }
}

// SAFETY: every call is passed to mimalloc as it is, which fulfils the contract. A block whose
// freeing is put off is unknown to its former owner, and stays allocated until it is freed.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        DISPOSAL.note_allocation(layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        DISPOSAL.note_allocation(layout.size());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        DISPOSAL.note_allocation(size);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if layout.size() >= LARGE_BYTES_MIN
            && DISPOSAL.offer(FreedBlock { start, layout }).is_none()
        {
            return;
        }
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.dealloc(start, layout) }
    }
}

/// Whether [`start_disposal`] has to be called.
pub(crate) fn is_disposal_wanted() -> bool {
    DISPOSAL.state.load(Ordering::Relaxed) == WANTED
}

/// Starts the thread that frees large memory.
///
/// # Errors
/// If the system refuses a thread. Memory is then freed where its use ends.
pub(crate) fn start_disposal() -> io::Result<()> {
    let run = || {
        loop {
            DISPOSAL.take().free();
        }
    };
    let started = thread::Builder::new().name("free".into()).spawn(run);
    let state = if started.is_ok() { RUNNING } else { REFUSED };
    DISPOSAL.state.store(state, Ordering::Relaxed);
    started.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> FreedBlock {
        let layout = Layout::from_size_align(LARGE_BYTES_MIN + 100, 8).expect("a layout");
        // SAFETY: the size is not zero.
        let start = unsafe { ALLOCATOR.alloc(layout) };
        assert!(!start.is_null());
        // SAFETY: so many bytes were allocated.
        unsafe { start.write_bytes(7, layout.size()) };
        FreedBlock { start, layout }
    }

    #[test]
    fn a_block_waits_for_the_thread_as_long_as_there_is_one_and_few_wait() {
        let disposal = Disposal::new();
        disposal.offer(block()).expect("no thread takes it").free();
        disposal.note_allocation(LARGE_BYTES_MIN - 1);
        assert_eq!(disposal.state.load(Ordering::Relaxed), UNUSED);
        disposal.note_allocation(LARGE_BYTES_MIN);
        assert_eq!(disposal.state.load(Ordering::Relaxed), WANTED);
        disposal.state.store(RUNNING, Ordering::Relaxed);
        let blocks: Vec<_> = (0..WAITING_BLOCKS_MAX).map(|_| block()).collect();
        let mut starts: Vec<_> = blocks.iter().map(|block| block.start).collect();
        assert!(blocks.into_iter().all(|block| disposal.offer(block).is_none()));
        disposal.offer(block()).expect("too many wait").free();
        while let Some(start) = starts.pop() {
            let block = disposal.take();
            assert_eq!(block.start, start);
            block.free();
        }
        assert_eq!(disposal.waiting.lock().count, 0);
        assert!(disposal.offer(block()).is_none(), "there is room again");
        disposal.take().free();
    }

    #[test]
    fn the_thread_frees_large_blocks() {
        start_disposal().expect("a thread");
        for _ in 0..100 {
            let FreedBlock { start, layout } = block();
            // SAFETY: it was allocated with this layout, and is not used any more.
            unsafe { ALLOCATOR.dealloc(start, layout) };
        }
        // Without the thread, or with a block lost, they would stay.
        while DISPOSAL.waiting.lock().count > 0 {
            thread::yield_now();
        }
    }
}
