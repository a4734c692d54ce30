//! Noticing that the process was forked, without a system call.
//!
//! One page of the process is marked `MADV_WIPEONFORK`: the kernel hands a
//! child a page of zeros in its place. A reader that finds zero writes the next
//! generation there, and whatever remembers an older generation is inherited.
//!
//! Must not: install fork handlers, which would outlive a library that is
//! unloaded.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

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
    // SAFETY: `PAGE` is only ever set to a mapping that is never unmapped, is
    // large enough and aligned for an `AtomicU64`, and starts as zero.
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
    // SAFETY: an anonymous mapping of one page at an address the kernel picks.
    let mapped = unsafe {
        libc::mmap(
            ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if mapped == libc::MAP_FAILED {
        return u64::from(std::process::id());
    }
    // SAFETY: advises about the mapping made above.
    if unsafe { libc::madvise(mapped, 4096, libc::MADV_WIPEONFORK) } != 0 {
        // A kernel before 4.14: ask for the process id each time.
        // SAFETY: unmaps the mapping made above, which nobody else knows.
        unsafe { libc::munmap(mapped, 4096) };
        return u64::from(std::process::id());
    }
    let page: *mut AtomicU64 = mapped.cast();
    match PAGE.compare_exchange(ptr::null_mut(), page, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {}
        Err(_) => {
            // Another thread was first.
            // SAFETY: unmaps the mapping made above, which nobody else knows.
            unsafe { libc::munmap(mapped, 4096) };
        }
    }
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
