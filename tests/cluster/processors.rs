//! Work that all processors share.

use std::num::NonZero;
use std::thread;

/// Runs the same work in a thread for each processor. Returns what each of them has done.
pub(crate) fn on_all_processors<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    })
}
