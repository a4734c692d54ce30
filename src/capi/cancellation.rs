//! Whether the calling thread can be cancelled (pthread_cancel), and when.
//!
//! A cancelled thread unwinds its stack without asking anyone. It may do so where
//! user code runs and where the library waits, because nothing but plain data is
//! alive there; anywhere else it would pass destructors and half-changed state.
//! So the library disables cancellation while it works, and gives the program its
//! own setting back around each wait and each call of user code.
//!
//! The setting is glibc's, a word of the thread: no system call, but for threads that are
//! cancelled asynchronously (`net::cancel_state`). A process of one thread has no other
//! thread that could cancel it, and pays for two comparisons.
//!
//! Must not: keep thread-locals with destructors, which would pin the library in
//! memory after dlclose.

use crate::net::cancel_state::{self, Setting};
use libc::c_char;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

thread_local! {
    /// The program's setting while the library works with cancellation disabled; none
    /// while user code runs, or the library waits.
    static BEFORE: Cell<Option<Setting>> = const { Cell::new(None) };
}

/// Whether the process has had several threads. It stays so.
static SEVERAL_THREADS: AtomicBool = AtomicBool::new(false);

/// Where glibc says whether the process has one thread; before that was looked up, a
/// variable that says no.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new((&raw const NOT_KNOWN).cast_mut());
static NOT_KNOWN: c_char = 0;

/// Whether the process has one thread, which no other can cancel.
#[inline(always)]
pub(super) fn is_alone() -> bool {
    says_single() || (!SEVERAL_THREADS.load(Ordering::Relaxed) && look_up())
}

#[inline(always)]
fn says_single() -> bool {
    // SAFETY: the variable is glibc's or the one above, and either lives as long as the
    // process. glibc writes it only while there is one thread, as it makes a second.
    unsafe { SINGLE_THREADED.load(Ordering::Relaxed).read_volatile() != 0 }
}

/// Finds out where glibc says how many threads there are. A libc that does not say is
/// taken to have several.
#[cold]
#[inline(never)]
fn look_up() -> bool {
    // SAFETY: the name is NUL-terminated.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    if !found.is_null() {
        SINGLE_THREADED.store(found.cast(), Ordering::Relaxed);
    }
    let single = says_single();
    SEVERAL_THREADS.store(!single, Ordering::Relaxed);
    single
}

/// The library's work begins, or goes on after user code or a wait. Returns whether it
/// was not at work already: then it ends with [`end`]. (A second thread is noticed by
/// the functions that may wait or close, which are all that can end a thread.)
#[inline(always)]
pub(super) fn begin() -> bool {
    SEVERAL_THREADS.load(Ordering::Relaxed) && disable()
}

/// The library's work ends, or is interrupted by user code or a wait. Returns whether
/// cancellation was disabled: what goes on after that code [`begin`]s again then.
#[inline(always)]
pub(super) fn end() -> bool {
    SEVERAL_THREADS.load(Ordering::Relaxed) && restore()
}

#[inline(never)]
fn disable() -> bool {
    if BEFORE.get().is_some() {
        return false;
    }
    BEFORE.set(Some(cancel_state::disable()));
    true
}

#[inline(never)]
fn restore() -> bool {
    let before = BEFORE.take();
    // The thread may end here. Nothing is alive above but plain data: every caller of
    // `end` guarantees that.
    before.map(cancel_state::restore).is_some()
}

/// Runs `body` with cancellation disabled, waits and user code inside it excepted.
///
/// `body` and its result are plain data where the program's setting is given back.
#[inline(always)]
pub(super) fn disabled<R: Copy>(body: impl FnOnce() -> R + Copy) -> R {
    let begun = !is_alone() && disable();
    let result = apart(body);
    if begun {
        restore();
    }
    result
}

/// Runs a call that may wait, as [`disabled`] does. It is a cancellation point even when
/// it finds everything at hand: a loop of such calls can be cancelled.
#[inline(always)]
pub(super) fn point<R: Copy>(body: impl FnOnce() -> R + Copy) -> R {
    if !is_alone() {
        // Nothing is alive here but the arguments of a call that has not begun.
        cancel_state::point();
    }
    disabled(body)
}

/// Calls `body` in a frame of its own. Its caller, an exported function, then has no
/// destructors and no panics to catch, and can be unwound at any instruction: a thread
/// that is cancelled asynchronously may be just before or behind its work.
#[inline(never)]
fn apart<R>(body: impl FnOnce() -> R + Copy) -> R {
    body()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        let now = cancel_state::disable();
        cancel_state::restore(now);
        now
    }

    /// What a thread has set that cannot be cancelled.
    fn disabled_setting() -> Setting {
        let before = cancel_state::disable();
        let disabled = setting();
        cancel_state::restore(before);
        disabled
    }

    #[test]
    fn cancellation_is_disabled_while_the_library_works_and_not_in_user_code() {
        SEVERAL_THREADS.store(true, Ordering::Relaxed);
        let (enabled, no) = (setting(), disabled_setting());
        assert_ne!(enabled, no);
        disabled(|| {
            assert_eq!(setting(), no);
            disabled(|| assert_eq!(setting(), no));
            assert_eq!(setting(), no);
            assert!(end());
            assert_eq!(setting(), enabled);
            assert!(!end());
            disabled(|| assert_eq!(setting(), no));
            assert_eq!(setting(), enabled);
            assert!(begin());
            assert_eq!(setting(), no);
        });
        assert_eq!(setting(), enabled);
    }

    #[test]
    fn a_thread_that_disabled_its_cancellation_keeps_it_so() {
        SEVERAL_THREADS.store(true, Ordering::Relaxed);
        let before = cancel_state::disable();
        let no = setting();
        disabled(|| {
            assert!(end());
            assert_eq!(setting(), no);
            assert!(begin());
        });
        assert_eq!(setting(), no);
        cancel_state::restore(before);
    }
}
