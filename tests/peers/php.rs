//! Debian's PHP extension, unchanged: the scripts of `bindings/php/tests` on the
//! original and on ours.

use crate::{World, gives_on, have, on_the_original};
use gearman_test_support::library::{Library, original_library, own_library, set_library};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, PHP, PHP_EXTENSION, repository};
use gearman_test_support::programs::{meant_to_differ_in, trial};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) fn installed() -> bool {
    have(&[(PHP, "php8.2-cli"), (PHP_EXTENSION, "php8.2-gearman")])
}

pub(crate) fn directory() -> PathBuf {
    repository().join("bindings/php/tests")
}

impl World {
    fn php_command(&self, script: &str) -> Command {
        let mut command = Command::new(PHP);
        command.args(["-d", "display_errors=stderr", "-d", "log_errors=0"]);
        command.arg(directory().join(script).with_extension("php"));
        command.args([&self.server, &self.other].map(|server| server.port.to_string()));
        command.stdin(Stdio::null());
        set_library(&mut command, self.library);
        command
    }

    /// Runs a script to its end and returns what it printed.
    fn php(&self, script: &str) -> String {
        let outcome = run_for(self.php_command(script), script, 120);
        outcome.assert_succeeded(&format!("{script} on {:?}", self.library));
        assert_eq!(outcome.stderr, "", "{script} on {:?}", self.library);
        outcome.stdout
    }

    /// Starts a script, which is killed when the value is dropped.
    pub(crate) fn start_php(&self, script: &str) -> Running {
        Running(self.php_command(script).spawn().expect("php starts"))
    }
}

/// A script that runs.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the script gives on the original, or what its file says where ours is
/// meant to differ, it has to give on ours in whatever way that is loaded.
fn same(script: &str) {
    if !installed() || !have(&[(ORIGINAL_GEARMAND, "gearman-job-server")]) {
        return;
    }
    let wanted = meant_to_differ_in(&directory(), script)
        .unwrap_or_else(|| on_the_original(|world| world.php(script)));
    for &library in Library::ways() {
        trial("Debian's `php8.2-gearman`, php-cli", library.how(), "`bindings/php/tests`", || {
            gives_on(&[library], &wanted, |world| world.php(script));
        });
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
    errors
    fibers
    fibers_same_handle
    fork_keeps_connection
    forked_workers
    manager
    manual_clients
    manual_loops
    memory_limit
    nonblocking_client
    nonblocking_worker
    payload
    payload_100_mb
    procedural
    signals
    streaming
    two_servers
    worker
    worker_exception
    worker_exit
    worker_with_one_server_away
}

/// Run in another way, or by the others.
const OTHER_SCRIPTS: [&str; 3] = ["common", "maps", "server"];

#[test]
fn every_script_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(directory())
        .expect("the scripts can be listed")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "php"))
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
    let own = own_library().canonicalize().expect("our library");
    for &library in Library::ways() {
        let printed = World::new(library, ORIGINAL_GEARMAND).php("maps");
        let place = original_library();
        let mapped = if library == Library::InPlace { &place } else { &own };
        assert_eq!(printed, format!("ping: true\nmapped: {}\n", mapped.display()), "{library:?}");
    }
}

/// Every function and every method that the extension has, in lower case, each on
/// a line.
const NAMES: &str = r#"
    $extension = new ReflectionExtension('gearman');
    foreach ($extension->getFunctions() as $function) echo strtolower($function->name), "\n";
    foreach ($extension->getClasses() as $class) {
        if ($class->name === 'GearmanException') continue;
        foreach ($class->getMethods() as $method) {
            if (!str_starts_with($method->name, '__')) echo strtolower($method->name), "\n";
        }
    }
"#;

#[test]
fn every_function_and_method_is_called() {
    if !installed() {
        return;
    }
    let output = Command::new(PHP).args(["-r", NAMES]).output().expect("php runs");
    let names = String::from_utf8(output.stdout).expect("names are text");
    let source: String = SCRIPTS
        .iter()
        .map(|script| directory().join(script).with_extension("php"))
        .map(|path| std::fs::read_to_string(path).expect("a script").to_lowercase())
        .collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = source.split(|c| !is_word(c)).collect();
    let missing: Vec<&str> = names.lines().filter(|name| !words.contains(name)).collect();
    assert!(names.lines().count() > 100 && missing.is_empty(), "{missing:?}");
}
