//! Programs that were built against the original, unchanged, on ours: the
//! `gearman` tool, and PHP with its Gearman extension. What they print must be
//! what they print on the original.

#[path = "peers/command_line.rs"]
mod command_line;
#[path = "peers/mapped.rs"]
mod mapped;
#[path = "peers/php.rs"]
mod php;
#[path = "peers/php_fpm.rs"]
mod php_fpm;
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::path::Path;
use support::{Library, OWN_GEARMAND, Server};

/// The original's job server.
const ORIGINAL_GEARMAND: &str = "/usr/sbin/gearmand";

/// A library, and the job servers to use it with.
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

/// Whether these files are there; says what to install when they are not.
fn have(files: &[(&str, &str)]) -> bool {
    let missing = files.iter().find(|(file, _)| !Path::new(file).exists());
    if let Some((file, package)) = missing {
        println!("skipped: {file} is missing: install {package}");
    }
    missing.is_none()
}

/// What a story gives on the original; then every one of `libraries` has to give
/// the same, with the original's job server and with ours. So has the original's
/// with our job server.
fn same_on(libraries: &[Library], story: impl Fn(&World) -> String) {
    if !have(&[(ORIGINAL_GEARMAND, "gearman-job-server")]) {
        return;
    }
    let wanted = story(&World::new(Library::Original, ORIGINAL_GEARMAND));
    serves_the_original(&wanted, &story);
    gives_on(libraries, &wanted, story);
}

/// A story of the original's library and ours of the job servers has to give
/// `wanted`.
fn serves_the_original(wanted: &str, story: impl Fn(&World) -> String) {
    let Some(gearmand) = OWN_GEARMAND else { return };
    let got = story(&World::new(Library::Original, gearmand));
    if let Some(difference) = support::difference(wanted, &got) {
        panic!("the original with {gearmand}: {difference}");
    }
}

/// A story has to give `wanted` on every one of `libraries`, with the original's
/// job server and with ours.
fn gives_on(libraries: &[Library], wanted: &str, story: impl Fn(&World) -> String) {
    for gearmand in [Some(ORIGINAL_GEARMAND), OWN_GEARMAND].into_iter().flatten() {
        for &library in libraries {
            let got = story(&World::new(library, gearmand));
            if let Some(difference) = support::difference(wanted, &got) {
                panic!("{library:?} with {gearmand}: {difference}");
            }
        }
    }
}
