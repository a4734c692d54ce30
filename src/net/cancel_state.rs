//! Disabling and restoring the cancellation of the calling thread.
//!
//! The functions are declared here because the declarations of the crate libc do not allow
//! unwinding out of them, which is what happens when a thread is cancelled in one.
//!
//! Must not: restore a setting while a value with a destructor is alive: the thread may end
//! there.

use libc::c_int;
use std::ptr;

unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, before: *mut c_int) -> c_int;
    fn pthread_testcancel();
    fn poll(fds: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int;
}

/// `PTHREAD_CANCEL_DISABLE`.
const DISABLED: c_int = 1;
/// `PTHREAD_CANCEL_DEFERRED`.
const DEFERRED: c_int = 0;

/// A thread's cancellation state and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    state: c_int,
    kind: c_int,
}

/// Disables the cancellation of the calling thread, and returns its setting before. A
/// thread with asynchronous cancellation may end here, and makes one more system call.
///
/// glibc 2.36 requests an asynchronous cancellation by a signal, whose handler ignores the
/// state: a request that is pending when the state is disabled would act in every function
/// of glibc that is a cancellation point. With the deferred type such a function waits for
/// the request, so one is called before the state is disabled.
#[inline]
pub fn disable() -> Setting {
    let (mut state, mut kind) = (DISABLED, DEFERRED);
    // SAFETY: the function writes one int, into `kind`.
    unsafe { pthread_setcanceltype(DEFERRED, &raw mut kind) };
    if kind != DEFERRED {
        // SAFETY: poll does not read the null pointer: the number of descriptors is 0.
        unsafe { poll(ptr::null_mut(), 0, 0) };
    }
    // SAFETY: the function writes one int, into `state`.
    unsafe { pthread_setcancelstate(DISABLED, &raw mut state) };
    Setting { state, kind }
}

/// Restores the setting of the calling thread, which may end here.
#[inline]
pub fn restore(setting: Setting) {
    // SAFETY: both functions accept null where they would write the setting before.
    unsafe {
        pthread_setcancelstate(setting.state, ptr::null_mut());
        if setting.kind != DEFERRED {
            pthread_setcanceltype(setting.kind, ptr::null_mut());
        }
    }
}

/// Ends the calling thread if it was cancelled and its cancellation is enabled.
#[inline]
pub fn point() {
    // SAFETY: pthread_testcancel has no preconditions.
    unsafe { pthread_testcancel() };
}
