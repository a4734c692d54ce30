//! Waiting for an event that sends no notification, with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Time that anything may take before a test fails. Far above what a busy machine needs.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(2);

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
