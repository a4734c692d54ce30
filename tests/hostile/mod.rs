//! What tests with a scripted job server share: the server, its packets, the C
//! API called from Rust, and a guard against hanging.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod client;
pub(crate) mod operation;
pub(crate) mod packets;
pub(crate) mod server;

use std::panic;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far beyond what any of these tests takes: only a hang reaches it.
const FOR_EVER: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 60 });

/// Runs a test in a thread of its own, and fails when it hangs.
#[track_caller]
pub(crate) fn never_hangs(test: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let runner = thread::spawn(move || {
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(test));
        let _ = done.send(());
        outcome
    });
    assert!(waiting.recv_timeout(FOR_EVER).is_ok(), "it hangs");
    if let Ok(Err(panic)) = runner.join() {
        panic::resume_unwind(panic);
    }
}
