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

/// Set once the process is seen to have several threads; never cleared.
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

/// How the library was interrupted by user code or a wait.
#[derive(Clone, Copy)]
pub(super) struct Interrupted {
    /// The process had one thread.
    alone: bool,
    /// Cancellation was disabled, and is not for now.
    begun: bool,
}

/// User code or a wait begins: the program's setting is in force until [`go_on`].
#[inline(always)]
pub(super) fn interrupt() -> Interrupted {
    let alone = is_alone();
    Interrupted { alone, begun: !alone && restore() }
}

/// The library's work goes on. User code may have made the first further thread: the
/// call that is under way then [`disabled`] nothing, but it ends what begins here.
#[inline(always)]
pub(super) fn go_on(interrupted: Interrupted) {
    if interrupted.begun || (interrupted.alone && !is_alone()) {
        disable();
    }
}

/// A call ends that was begun in a process of one thread.
#[inline(always)]
pub(super) fn end_alone() {
    if SEVERAL_THREADS.load(Ordering::Relaxed) {
        restore();
    }
}

/// Disables cancellation. A setting that is noted already is one that a signal handler
/// has jumped away from: it is the program's still.
#[inline(never)]
fn disable() {
    if BEFORE.get().is_none() {
        BEFORE.set(Some(cancel_state::disable()));
    }
}

#[inline(never)]
fn restore() -> bool {
    let before = BEFORE.take();
    // The thread may end here. Nothing is alive above but plain data: every caller
    // guarantees that.
    before.map(cancel_state::restore).is_some()
}

/// Runs `body` with cancellation disabled, waits and user code inside it excepted.
///
/// `body` and its result are plain data where the program's setting is given back.
#[inline(always)]
pub(super) fn disabled<R: Copy>(body: impl FnOnce() -> R + Copy) -> R {
    let alone = is_alone();
    if !alone {
        disable();
    }
    let result = apart(body);
    if alone {
        end_alone();
    } else {
        restore();
    }
    result
}

/// Runs `body` with cancellation disabled, inside a call or behind its end.
pub(super) fn disabled_inside(body: impl FnOnce()) {
    let begins = !is_alone() && BEFORE.get().is_none();
    if begins {
        disable();
    }
    body();
    if begins {
        restore();
    }
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

    /// What `body` finds in a process of several threads.
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
                let interrupted = interrupt();
                assert_eq!(setting(), enabled);
                disabled(|| assert_eq!(setting(), no));
                assert_eq!(setting(), enabled);
                go_on(interrupted);
                assert_eq!(setting(), no);
            });
            assert_eq!(setting(), enabled);
        });
    }

    #[test]
    fn a_thread_that_disabled_its_cancellation_keeps_it_so() {
        among_several(|_, no| {
            let before = cancel_state::disable();
            disabled(|| {
                let interrupted = interrupt();
                assert_eq!(setting(), no);
                go_on(interrupted);
            });
            assert_eq!(setting(), no);
            cancel_state::restore(before);
        });
    }

    #[test]
    fn user_code_that_makes_the_second_thread_goes_on_without_cancellation() {
        among_several(|enabled, no| {
            // As a call finds it that was begun by the only thread.
            go_on(Interrupted { alone: true, begun: false });
            assert_eq!(setting(), no);
            end_alone();
            assert_eq!(setting(), enabled);
        });
    }

    #[test]
    fn a_call_after_a_jump_out_of_the_library_gives_the_setting_back() {
        among_several(|enabled, no| {
            disable();
            // A signal handler jumps here.
            disabled(|| assert_eq!(setting(), no));
            assert_eq!(setting(), enabled);
        });
    }
}
