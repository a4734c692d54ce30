//! Clients against a job server, or a network before it, that misbehaves: every call ends with
//! the right code, never hangs, and leaves a client that still works.

mod callbacks;
mod client;
mod closing;
mod faults;
mod malformed;
mod operation;
mod order;
mod outcomes;
mod silence;
mod unix;
mod worked;

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
