//! Programs that were built against the original, unchanged, on ours: the
//! `gearman` tool, and PHP with its Gearman extension. What they print must be
//! what they print on the original.

mod command_line;
mod mapped;
mod php;
mod php_examples;
mod php_fpm;
mod php_page;

use gearman_test_support::library::Library;
use gearman_test_support::normalise::difference;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand};
use gearman_test_support::requirements::have_file;
use gearman_test_support::server::Server;
use std::thread;

/// A library, and the job servers that a story uses.
struct World {
    library: Library,
    server: Server,
    /// For stories of two servers.
    other: Server,
}

impl World {
    fn new(library: Library, gearmand: &str) -> World {
        World { library, server: Server::start(gearmand), other: Server::start(gearmand) }
    }
}

/// Whether all these files, each of a Debian package, exist; skips if not.
fn have(files: &[(&str, &str)]) -> bool {
    files.iter().all(|(file, package)| have_file(file, package))
}

/// What a story gives on the original; then every one of `libraries` has to give
/// the same, with the original's job server and with ours. So has the original's
/// with our job server.
fn same_on(libraries: &[Library], story: impl Fn(&World) -> String + Sync) {
    if !have(&[(ORIGINAL_GEARMAND, "gearman-job-server")]) {
        return;
    }
    let wanted = on_the_original(&story);
    gives_on(libraries, &wanted, story);
}

/// What a story gives on the original's library, which must be the same with either job
/// server. Both run at once: most of the time the original waits.
fn on_the_original(story: impl Fn(&World) -> String + Sync) -> String {
    let run = |gearmand| story(&World::new(Library::Original, gearmand));
    let Some(own) = own_gearmand() else { return run(ORIGINAL_GEARMAND) };
    let (wanted, got) = thread::scope(|scope| {
        let with_ours = scope.spawn(|| run(own));
        (run(ORIGINAL_GEARMAND), with_ours.join().expect("the story ends"))
    });
    if let Some(difference) = difference(&wanted, &got) {
        panic!("the original with {own}: {difference}");
    }
    wanted
}

/// A story has to give `wanted` on every one of `libraries`, with the original's
/// job server and with ours.
fn gives_on(libraries: &[Library], wanted: &str, story: impl Fn(&World) -> String) {
    for gearmand in [Some(ORIGINAL_GEARMAND), own_gearmand()].into_iter().flatten() {
        for &library in libraries {
            let got = story(&World::new(library, gearmand));
            if let Some(difference) = difference(wanted, &got) {
                panic!("{library:?} with {gearmand}: {difference}");
            }
        }
    }
}
