//! Disables pthread_cancel() for the calling thread while the library works.
//!
//! A cancelled thread unwinds its stack at once. It may do so where user code runs and
//! where the library waits, because only plain data is alive there; anywhere else it
//! would skip destructors and leave state half changed. So the library disables
//! cancellation while it works, and restores the program's setting around each wait and
//! each call of user code.
//!
//! The setting is a word of glibc in the thread's memory: changing it is no system call,
//! except for threads that are cancelled asynchronously (`net::cancel_state`). In a
//! process of one thread, which no other can cancel, the cost is two comparisons.
//!
//! Must not: keep thread-locals with destructors, which would pin the library in
//! memory after dlclose.

use crate::net::cancel_state::{self, Setting};
use libc::c_char;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

thread_local! {
    /// The program's setting while the library has disabled cancellation; none while user
    /// code runs or the library waits.
    static BEFORE: Cell<Option<Setting>> = const { Cell::new(None) };
}

/// Whether the process was ever seen to have several threads.
static SEVERAL_THREADS: AtomicBool = AtomicBool::new(false);

/// The address of glibc's flag for a process of one thread; before it was looked up, the
/// address of `NOT_KNOWN`.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new((&raw const NOT_KNOWN).cast_mut());
static NOT_KNOWN: c_char = 0;

/// Whether the process has one thread, which no other can cancel.
#[inline(always)]
pub(super) fn is_single_threaded() -> bool {
    has_single_flag() || (!SEVERAL_THREADS.load(Ordering::Relaxed) && look_up_flag())
}

#[inline(always)]
fn has_single_flag() -> bool {
    // SAFETY: the variable is glibc's or `NOT_KNOWN`, and both live until the process
    // ends. glibc writes it only in a process of one thread, as it creates the second.
    unsafe { SINGLE_THREADED.load(Ordering::Relaxed).read_volatile() != 0 }
}

/// Looks up glibc's flag. A libc without it counts as having several threads.
#[cold]
#[inline(never)]
fn look_up_flag() -> bool {
    // SAFETY: the name is NUL-terminated.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    if !found.is_null() {
        SINGLE_THREADED.store(found.cast(), Ordering::Relaxed);
    }
    let single = has_single_flag();
    SEVERAL_THREADS.store(!single, Ordering::Relaxed);
    single
}

/// The state that [`leave_library`] passes to [`reenter_library`].
#[derive(Clone, Copy)]
pub(super) struct Left {
    /// The process had one thread.
    single: bool,
    /// Cancellation was disabled, and the program's setting is restored for now.
    begun: bool,
}

/// Begins user code or a wait: the program's setting is in force until [`reenter_library`].
#[inline(always)]
pub(super) fn leave_library() -> Left {
    let single = is_single_threaded();
    Left { single, begun: !single && restore() }
}

/// Ends user code or a wait. If user code has created the second thread, the call that is
/// under way has [`disabled`] nothing; this disables cancellation, and the end of the
/// call restores it.
#[inline(always)]
pub(super) fn reenter_library(left: Left) {
    if left.begun || (left.single && !is_single_threaded()) {
        disable();
    }
}

/// Ends a call that began in a process of one thread.
#[inline(always)]
pub(super) fn end_single_threaded() {
    if SEVERAL_THREADS.load(Ordering::Relaxed) {
        restore();
    }
}

/// Disables cancellation. A setting that is stored already is the program's: a signal
/// handler has jumped out of the call that stored it.
#[inline(never)]
fn disable() {
    // Before anything else: a thread with asynchronous cancellation may end at any
    // instruction until here, and not inside a frame that has destructors, as std's
    // thread-locals have without optimisation.
    let before = cancel_state::disable();
    if BEFORE.get().is_none() {
        BEFORE.set(Some(before));
    }
}

#[inline(never)]
fn restore() -> bool {
    let Some(before) = BEFORE.take() else { return false };
    // The thread may end here. Every caller guarantees that only plain data is alive.
    cancel_state::restore(before);
    true
}

/// Runs `body` with cancellation disabled, except in its waits and its user code.
///
/// `body` and its result are plain data where the program's setting is restored.
#[inline(always)]
pub(super) fn disabled<R: Copy>(body: impl FnOnce() -> R + Copy) -> R {
    let single = is_single_threaded();
    if !single {
        disable();
    }
    let result = in_separate_frame(body);
    if single {
        end_single_threaded();
    } else {
        restore();
    }
    result
}

/// Runs `body` with cancellation disabled, inside a call or after its end.
pub(super) fn disabled_inside(body: impl FnOnce()) {
    let begins = !is_single_threaded() && BEFORE.get().is_none();
    if begins {
        disable();
    }
    body();
    if begins {
        restore();
    }
}

/// Runs a call that may wait, as [`disabled`] does. It is a cancellation point even if it
/// does not have to wait, so that a loop of such calls can be cancelled.
#[inline(always)]
pub(super) fn point<R: Copy>(body: impl FnOnce() -> R + Copy) -> R {
    if !is_single_threaded() {
        // Only the arguments of a call that has not begun are alive here.
        cancel_state::point();
    }
    disabled(body)
}

/// Calls `body` in a separate stack frame. The frame of its caller, an exported function,
/// then has no destructors and no panics to catch, and can be unwound at any instruction:
/// a thread that is cancelled asynchronously may be just before or after its work.
#[inline(never)]
fn in_separate_frame<R>(body: impl FnOnce() -> R + Copy) -> R {
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

    /// The setting of a thread that cannot be cancelled.
    fn disabled_setting() -> Setting {
        let before = cancel_state::disable();
        let disabled = setting();
        cancel_state::restore(before);
        disabled
    }

    /// Runs `body` in a process of several threads, with the enabled and the disabled setting.
    fn among_several(body: impl FnOnce(Setting, Setting)) {
        SEVERAL_THREADS.store(true, Ordering::Relaxed);
        let disabled = disabled_setting();
        body(setting(), disabled);
    }

    #[test]
    fn cancellation_is_disabled_while_the_library_works_and_not_in_user_code() {
        among_several(|enabled, no| {
            assert_ne!(enabled, no);
            disabled(|| {
                assert_eq!(setting(), no);
                disabled_inside(|| assert_eq!(setting(), no));
                assert_eq!(setting(), no);
                let left = leave_library();
                assert_eq!(setting(), enabled);
                disabled(|| assert_eq!(setting(), no));
                assert_eq!(setting(), enabled);
                reenter_library(left);
                assert_eq!(setting(), no);
            });
            assert_eq!(setting(), enabled);
        });
    }

    #[test]
    fn a_thread_that_disabled_cancellation_keeps_it_disabled() {
        among_several(|_, no| {
            let before = cancel_state::disable();
            disabled(|| {
                let left = leave_library();
                assert_eq!(setting(), no);
                reenter_library(left);
            });
            assert_eq!(setting(), no);
            cancel_state::restore(before);
        });
    }

    #[test]
    fn after_user_code_creates_the_second_thread_cancellation_is_disabled() {
        among_several(|enabled, no| {
            // The state of a call that began in a process of one thread.
            reenter_library(Left { single: true, begun: false });
            assert_eq!(setting(), no);
            end_single_threaded();
            assert_eq!(setting(), enabled);
        });
    }

    #[test]
    fn a_call_after_a_jump_out_of_the_library_restores_the_setting() {
        among_several(|enabled, no| {
            disable();
            // A signal handler jumps here.
            disabled(|| assert_eq!(setting(), no));
            assert_eq!(setting(), enabled);
        });
    }
}
