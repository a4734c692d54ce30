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
    fn poll(fds: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int;
}

const DISABLED: c_int = 1;
const DEFERRED: c_int = 0;

/// What a thread has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    state: c_int,
    kind: c_int,
}

/// Keeps the thread from being cancelled, and returns what it had set before. A thread
/// that is cancelled asynchronously may end here, and pays for one system call.
///
/// glibc 2.36 asks for an asynchronous cancellation by a signal, and its handler does not
/// look at the state: a request that was on its way when the state was disabled would act
/// in every function of glibc that is a cancellation point. Such a function waits for
/// the request, too, when the type is deferred: one is called before the state is disabled.
#[inline]
pub fn disable() -> Setting {
    let (mut state, mut kind) = (DISABLED, DEFERRED);
    // SAFETY: writes one int.
    unsafe { pthread_setcanceltype(DEFERRED, &raw mut kind) };
    if kind != DEFERRED {
        // SAFETY: there is nothing to poll.
        unsafe { poll(ptr::null_mut(), 0, 0) };
    }
    // SAFETY: writes one int.
    unsafe { pthread_setcancelstate(DISABLED, &raw mut state) };
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
