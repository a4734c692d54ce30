//! Waiting for an event that sends no notification, with a deadline.

use std::io::{self, ErrorKind};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Time that anything may take before a test fails. Far above what a busy machine needs.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(2);

/// Repeats a call that a signal interrupts. A socket with a time limit is interrupted without any
/// handler, by the stop of its process, such as when a container is frozen.
///
/// # Errors
/// The call's own.
pub fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Waits until `look` returns something, and returns that.
#[track_caller]
pub fn wait_for<R>(what: &str, mut look: impl FnMut() -> Option<R>) -> R {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "no {what} within {TIMEOUT:?}");
        sleep(INTERVAL);
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
