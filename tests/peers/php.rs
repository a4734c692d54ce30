//! Debian's PHP extension, unchanged: the scripts of `tests/php` on the original
//! and on ours.

use crate::support::{self, Library, put_on};
use crate::{ORIGINAL_GEARMAND, World, have, same_on};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PHP: &str = "/usr/bin/php8.2";
const EXTENSION: &str = "/usr/lib/php/20220829/gearman.so";

fn installed() -> bool {
    have(&[(PHP, "php8.2-cli"), (EXTENSION, "php8.2-gearman")])
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php")
}

impl World {
    /// Runs a script to its end and returns what it printed.
    fn php(&self, script: &str) -> String {
        let mut command = Command::new(PHP);
        command.args(["-d", "display_errors=stderr", "-d", "log_errors=0"]);
        command.arg(directory().join(script).with_extension("php"));
        command.arg(self.server.port.to_string()).stdin(Stdio::null());
        put_on(&mut command, self.library);
        let outcome = support::finish(command, script, 120);
        outcome.assert_ended_well(&format!("{script} on {:?}", self.library));
        assert_eq!(outcome.stderr, "", "{script} on {:?}", self.library);
        outcome.stdout
    }
}

fn same(script: &str) {
    if installed() {
        same_on(&[Library::Ours, Library::Preloaded], |world| world.php(script));
    }
}

macro_rules! scripts {
    ($($script:ident)*) => {
        const SCRIPTS: &[&str] = &[$(stringify!($script)),*];

        $(#[test]
        fn $script() {
            same(stringify!($script));
        })*
    };
}

scripts! {
    client_background
    client_do
    client_nested
    client_settings
    client_task_status
    client_tasks
    payload
    worker
    worker_exception
    worker_exit
}

/// Run in another way, or by the others.
const OTHER_SCRIPTS: [&str; 2] = ["common", "maps"];

#[test]
fn every_script_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(directory())
        .expect("tests/php can be listed")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a stem").to_string_lossy().into_owned())
        .filter(|name| !OTHER_SCRIPTS.contains(&name.as_str()))
        .collect();
    found.sort();
    assert_eq!(found, SCRIPTS);
}

#[test]
fn only_our_library_is_mapped() {
    if !installed() || !have(&[(ORIGINAL_GEARMAND, "gearman-job-server")]) {
        return;
    }
    let own = support::own_library().canonicalize().expect("our library");
    for library in [Library::Ours, Library::Preloaded] {
        let printed = World::new(library, ORIGINAL_GEARMAND).php("maps");
        assert_eq!(printed, format!("ping: true\nmapped: {}\n", own.display()), "{library:?}");
    }
}
