//! Detects that the process was forked, without a system call.
//!
//! One page of the process is marked `MADV_WIPEONFORK`: in a child, the kernel replaces
//! it by a page of zeros. A reader that finds zero writes the next generation there; an
//! object with an older generation is inherited. The page is part of the library's data,
//! so that it is unmapped when the library is unloaded.
//!
//! Must not: install fork handlers, which would outlive an unloaded library.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The largest page size of a supported system.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// Memory that contains a whole page at any load address. It is zeros without a file
/// behind them, and only that page is used.
static PAGE_MEMORY: [AtomicU64; 2 * PAGE_BYTES_MAX / 8] = [const { AtomicU64::new(0) }; _];
/// The first word of the wiped page; null before the first call.
static GENERATION_WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last generation; children inherit it.
static LAST_GENERATION: AtomicU64 = AtomicU64::new(0);

/// A number that differs between a process and its forked children. It is never 0.
#[inline]
pub fn generation() -> u64 {
    let word = GENERATION_WORD.load(Ordering::Acquire);
    if word.is_null() {
        return first_generation();
    }
    // SAFETY: `GENERATION_WORD` is only ever set to a word of `PAGE_MEMORY`.
    let word = unsafe { &*word };
    match word.load(Ordering::Relaxed) {
        0 => next_generation(word),
        current => current,
    }
}

#[cold]
fn next_generation(word: &AtomicU64) -> u64 {
    let next = LAST_GENERATION.fetch_add(1, Ordering::Relaxed) + 1;
    match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(other_thread) => other_thread,
    }
}

#[cold]
fn first_generation() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page_bytes = usize::try_from(page_bytes).unwrap_or(0);
    let skip =
        PAGE_MEMORY.as_ptr().cast::<u8>().align_offset(page_bytes.max(8).next_power_of_two()) / 8;
    let word = match PAGE_MEMORY.get(skip) {
        Some(word) if page_bytes <= PAGE_BYTES_MAX => ptr::from_ref(word).cast_mut(),
        _ => return u64::from(std::process::id()),
    };
    // SAFETY: the page lies within `PAGE_MEMORY`, and contains atomics only. Wiping it in a
    // child sets them to zero, which every reader of `generation` handles.
    if unsafe { libc::madvise(word.cast(), page_bytes, libc::MADV_WIPEONFORK) } != 0 {
        // A kernel before 4.14: the process id is read in each call.
        return u64::from(std::process::id());
    }
    GENERATION_WORD.store(word, Ordering::Release);
    generation()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_another_generation_than_its_parent() {
        let mine = generation();
        assert_eq!(generation(), mine);
        // SAFETY: the child only reads the page and ends with `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let other = generation() != mine && generation() == generation();
            // SAFETY: `_exit` has no preconditions, and runs no destructors of the parent's.
            unsafe { libc::_exit(i32::from(!other)) };
        }
        let mut status = -1;
        // SAFETY: `status` is a valid int during the call.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0);
        assert_eq!(generation(), mine);
    }
}
