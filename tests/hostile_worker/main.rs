//! Workers against a job server that misbehaves: every call ends with the right
//! code, never hangs, does each job once, and leaves a worker that still works.

mod answers;
mod closing;
mod faults;
mod reducing;
mod silence;
mod unix;
mod worker;

use gearman::capi::guard::prepare;
use gearman_test_support::scripted;

/// [`scripted::never_hangs`] for this library.
#[track_caller]
fn never_hangs(test: impl FnOnce() + Send + 'static) {
    scripted::never_hangs(prepare, test);
}

/// [`scripted::for_each_at_once`] for this library.
#[track_caller]
fn for_each_at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Send + Sync) {
    scripted::for_each_at_once(prepare, cases, test);
}
