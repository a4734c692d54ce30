//! Debian's PHP extension in php-fpm: web requests one after the other in one
//! process, which keeps the library from request to request.

use crate::{World, have, php};
use gearman_test_support::library::{Library, original_library, own_library, set_library};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand};
use gearman_test_support::programs::trial;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PHP_FPM: &str = "/usr/sbin/php-fpm8.2";
/// Speaks FastCGI, as a web server does.
const CGI_FCGI: &str = "/usr/bin/cgi-fcgi";

/// What requests ask for, in the order of asking.
const REQUESTS: [&str; 7] = ["do", "tasks", "exhausted", "do", "exit", "thrown", "do"];

/// A php-fpm with one process for requests, ended when dropped.
struct Fpm {
    child: Child,
    socket: PathBuf,
}

impl Fpm {
    fn start(library: Library) -> Fpm {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fpm-{library:?}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory for php-fpm");
        let (socket, config) = (directory.join("socket"), directory.join("fpm.conf"));
        let text = format!(
            "[global]\nerror_log = {directory}/log\ndaemonize = no\n[www]\nlisten = {socket}\n\
             user = root\ngroup = root\npm = static\npm.max_children = 1\nclear_env = no\n",
            directory = directory.display(),
            socket = socket.display(),
        );
        fs::write(&config, text).expect("the configuration is written");
        let mut command = Command::new(PHP_FPM);
        command.arg("--allow-to-run-as-root").arg("--fpm-config").arg(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        set_library(&mut command, library);
        let mut child = command.spawn().expect("php-fpm starts");
        wait_until("php-fpm's socket", || {
            let ended = child.try_wait().expect("php-fpm can be waited for");
            assert!(ended.is_none(), "php-fpm ended: see {}/log", directory.display());
            socket.exists()
        });
        Fpm { child, socket }
    }

    /// The body of the answer to a request.
    fn request(&self, world: &World, what: &str) -> String {
        let script = php::directory().join("fpm/request.php");
        let mut command = Command::new(CGI_FCGI);
        command.arg("-bind").arg("-connect").arg(&self.socket).stdin(Stdio::null());
        command.env("REQUEST_METHOD", "GET").env("SCRIPT_FILENAME", script);
        command.env("QUERY_STRING", format!("what={what}&port={}", world.server.port));
        let outcome = run_for(command, "cgi-fcgi", 60);
        outcome.assert_succeeded(what);
        let (_, body) = outcome.stdout.split_once("\r\n\r\n").expect("headers and a body");
        body.to_owned()
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill takes numbers only; the child has not been waited for.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let _ = self.child.wait();
    }
}

/// What all requests are answered with, and the process and library of the last.
fn report(library: Library, gearmand: &str) -> (String, String) {
    let world = World::new(library, gearmand);
    // By the command-line PHP of the same library: requests need a worker.
    let worker = world.start_php("fpm/worker");
    let fpm = Fpm::start(library);
    let before = fpm.request(&world, "who");
    let answers: String =
        REQUESTS.iter().map(|what| format!("{what}: {}", fpm.request(&world, what))).collect();
    assert_eq!(before, fpm.request(&world, "who"), "one process serves all requests");
    drop(worker);
    (answers, before)
}

#[test]
fn requests_of_one_process_are_answered() {
    let files = [
        (PHP_FPM, "php8.2-fpm"),
        (CGI_FCGI, "libfcgi-bin"),
        (ORIGINAL_GEARMAND, "gearman-job-server"),
    ];
    if !php::installed() || !have(&files) {
        return;
    }
    let (wanted, _) = report(Library::Original, ORIGINAL_GEARMAND);
    assert!(wanted.contains("!dlroW olleH"), "{wanted}");
    if let Some(own) = own_gearmand() {
        assert_eq!(wanted, report(Library::Original, own).0, "the original with {own}");
    }
    for &library in Library::ways() {
        trial(
            "Debian's `php8.2-gearman`, php-fpm",
            library.how(),
            "`bindings/php/tests/fpm`",
            || {
                for gearmand in [Some(ORIGINAL_GEARMAND), own_gearmand()].into_iter().flatten() {
                    let (got, who) = report(library, gearmand);
                    assert_eq!(wanted, got, "{library:?} with {gearmand}");
                    let place = original_library();
                    let own = own_library().canonicalize().expect("our library");
                    let mapped = if library == Library::InPlace { place } else { own };
                    let mapped = mapped.display().to_string().replace('/', "\\/");
                    assert!(who.ends_with(&format!("[\"{mapped}\"]]\n")), "{who}");
                }
            },
        );
    }
}
