//! Noticing that the process was forked, without a system call.
//!
//! One page of the process is marked `MADV_WIPEONFORK`: the kernel hands a
//! child a page of zeros in its place. A reader that finds zero writes the next
//! generation there, and whatever remembers an older generation is inherited. The
//! page is the library's own, so that it goes when the library is unloaded.
//!
//! Must not: install fork handlers, which would outlive a library that is
//! unloaded.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The largest page that a supported system has.
const LARGEST_PAGE: usize = 64 * 1024;

/// Room with a whole page in it, wherever it is loaded: zeros that come from no file,
/// of which only that page is ever touched.
static ROOM: [AtomicU64; 2 * LARGEST_PAGE / 8] = [const { AtomicU64::new(0) }; _];
/// The wiped page's first word, null before the first call.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last generation that was given out; inherited by children.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that differs between a process and its forked children.
#[inline]
pub fn generation() -> u64 {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return first_generation();
    }
    // SAFETY: `PAGE` is only ever set to a word of `ROOM`.
    let word = unsafe { &*page };
    match word.load(Ordering::Relaxed) {
        0 => next_generation(word),
        current => current,
    }
}

#[cold]
fn next_generation(word: &AtomicU64) -> u64 {
    let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(other_thread) => other_thread,
    }
}

#[cold]
fn first_generation() -> u64 {
    // SAFETY: has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).unwrap_or(0);
    let skip = ROOM.as_ptr().cast::<u8>().align_offset(page.max(8).next_power_of_two()) / 8;
    let word = match ROOM.get(skip) {
        Some(word) if page <= LARGEST_PAGE => ptr::from_ref(word).cast_mut(),
        _ => return u64::from(std::process::id()),
    };
    // SAFETY: advises about one page that lies within `ROOM`. Wiping it in a child sets
    // atomics there to zero, which every reader expects.
    if unsafe { libc::madvise(word.cast(), page, libc::MADV_WIPEONFORK) } != 0 {
        // A kernel before 4.14: ask for the process id each time.
        return u64::from(std::process::id());
    }
    PAGE.store(word, Ordering::Release);
    generation()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_another_generation_than_its_parent() {
        let mine = generation();
        assert_eq!(generation(), mine);
        // SAFETY: the child only reads the page and leaves by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let other = generation() != mine && generation() == generation();
            // SAFETY: leaves without running destructors of the test process.
            unsafe { libc::_exit(i32::from(!other)) };
        }
        let mut status = -1;
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0);
        assert_eq!(generation(), mine);
    }
}
