//! The C library's switch for the cancellation of the calling thread.
//!
//! libc's own declarations say that no unwinding comes out of these functions; where
//! a thread is cancelled, it does.
//!
//! Must not: give a setting back with anything alive that has a destructor.

use libc::c_int;
use std::ptr;

unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, before: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

const DISABLED: c_int = 1;
const DEFERRED: c_int = 0;

/// What a thread has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    state: c_int,
    kind: c_int,
}

/// Keeps the thread from being cancelled, and returns what it had set before.
#[inline]
pub fn disable() -> Setting {
    let (mut state, mut kind) = (DISABLED, DEFERRED);
    // The type comes first: glibc's handler does not look at the state when the signal was
    // sent before that was disabled, but it does look at the type.
    // SAFETY: each writes one int.
    unsafe {
        pthread_setcanceltype(DEFERRED, &raw mut kind);
        pthread_setcancelstate(DISABLED, &raw mut state);
    }
    Setting { state, kind }
}

/// Gives the thread back what it had set. It may end here.
#[inline]
pub fn restore(setting: Setting) {
    // SAFETY: nothing is written.
    unsafe {
        pthread_setcancelstate(setting.state, ptr::null_mut());
        if setting.kind != DEFERRED {
            pthread_setcanceltype(setting.kind, ptr::null_mut());
        }
    }
}

/// Ends the thread if it is to be cancelled and can be.
#[inline]
pub fn point() {
    // SAFETY: has no preconditions.
    unsafe { pthread_testcancel() };
}
