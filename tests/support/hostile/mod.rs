//! What tests with a scripted job server share: the server, its packets, the C
//! APIs called from Rust, and guards against hanging and against panics that the
//! library keeps to itself.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod client;
pub(crate) mod operation;
pub(crate) mod packets;
pub(crate) mod server;
pub(crate) mod worker;

use std::cell::RefCell;
use std::panic;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

/// Far beyond what any of these tests takes: only a hang reaches it.
const FOR_EVER: Duration = Duration::from_secs(60);

thread_local! {
    /// Where the library panicked on this thread.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs a test, and fails when the library panicked: it turns panics into codes.
fn never_panics(test: impl FnOnce()) {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // The library's own hook, which says nothing, has to be there before ours.
        gearman::capi::guard::prepare();
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let Some(place) = info.location().filter(|place| place.file().starts_with("src/")) {
                PANICS.with_borrow_mut(|panics| panics.push(place.to_string()));
            }
            previous(info);
        }));
    });
    test();
    let panics = PANICS.take();
    assert!(panics.is_empty(), "the library panicked at {panics:?}");
}

/// Runs a test in a thread of its own, and fails when it hangs.
#[track_caller]
pub(crate) fn never_hangs(test: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let runner = thread::spawn(move || {
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| never_panics(test)));
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
            scope.spawn(move || never_panics(|| test(case)));
        }
    });
}
