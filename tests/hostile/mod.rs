//! What tests with a scripted job server share: the server, its packets, the C
//! API called from Rust, and a guard against hanging.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod client;
pub(crate) mod operation;
pub(crate) mod packets;
pub(crate) mod server;
pub(crate) mod worker;

use std::panic;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far beyond what any of these tests takes: only a hang reaches it.
const FOR_EVER: Duration = Duration::from_secs(60);

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

/// Tries every case in a thread of its own: most of the time they wait.
#[track_caller]
pub(crate) fn for_each_at_once<T: Send>(
    cases: impl IntoIterator<Item = T>,
    test: impl Fn(T) + Send + Sync,
) {
    thread::scope(|scope| {
        let test = &test;
        for case in cases {
            scope.spawn(move || test(case));
        }
    });
}
