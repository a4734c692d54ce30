//! A scripted job server, its packets, and guards against a test that hangs and against
//! panics that the library catches.
//!
//! Must not: call the library.

pub mod job_server;
pub mod packets;

use std::cell::RefCell;
use std::panic;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

/// Time after which a test counts as hanging, far above what any of them takes.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

thread_local! {
    /// Where the library panicked on this thread.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs a test, and fails when the library panicked: it turns panics into codes.
/// `install_hook` installs the library's panic hook, which prints nothing; it must be there
/// before the one that records panics.
fn never_panics(install_hook: fn(), test: impl FnOnce()) {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        install_hook();
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

/// Runs a test in a thread of its own, and fails when it hangs or when the library panics.
#[track_caller]
pub fn never_hangs(install_hook: fn(), test: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let runner = thread::spawn(move || {
        let test = panic::AssertUnwindSafe(|| never_panics(install_hook, test));
        let outcome = panic::catch_unwind(test);
        let _ = done.send(());
        outcome
    });
    assert!(waiting.recv_timeout(HANG_TIMEOUT).is_ok(), "the test hangs");
    if let Ok(Err(panic)) = runner.join() {
        panic::resume_unwind(panic);
    }
}

/// Runs every case in a thread of its own, all at once: most of the time they wait.
#[track_caller]
pub fn for_each_at_once<T: Send>(
    install_hook: fn(),
    cases: impl IntoIterator<Item = T>,
    test: impl Fn(T) + Send + Sync,
) {
    thread::scope(|scope| {
        let test = &test;
        for case in cases {
            scope.spawn(move || never_panics(install_hook, || test(case)));
        }
    });
}
