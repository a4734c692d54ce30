//! The C library's switch for the cancellation of the calling thread.
//!
//! libc's own declarations say that no unwinding comes out of these functions; where
//! a thread is cancelled, it does.
//!
//! Must not: be called with anything alive that has a destructor, unless cancellation
//! is being disabled.

use libc::c_int;

unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

/// The setting of a thread that cannot be cancelled.
pub const DISABLED: c_int = 1;

/// Sets whether the thread can be cancelled, and returns what was set before. The
/// thread may end here, unless the new setting is [`DISABLED`].
#[inline]
pub fn set(state: c_int) -> c_int {
    let mut before = DISABLED;
    // SAFETY: writes one int.
    unsafe { pthread_setcancelstate(state, &raw mut before) };
    before
}

/// Ends the thread if it is to be cancelled and can be.
#[inline]
pub fn point() {
    // SAFETY: has no preconditions.
    unsafe { pthread_testcancel() };
}
