//! A server that all tests of this program use. It must end with the program, although a static
//! value is never dropped: it is the child of a shell that ends it when its input ends.
//!
//! Must not: know a particular server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The user, and group, of servers if the tests run as root.
const SERVER_USER: &str = "daemon";

/// What the shell runs: the program of its arguments, until its own input ends. Then it removes the
/// directory of the first argument.
const GUARD: &str = r#"home=$1; shift; "$@" </dev/null & child=$!
    read -r _; kill -9 "$child"; wait; rm -rf "$home""#;

/// A running server.
pub(crate) struct SharedProcess(Child);

impl SharedProcess {
    /// Starts a program as another user, if the tests run as root: servers of databases refuse
    /// root. Its errors go to the file `log` of its directory, which goes with it.
    pub(crate) fn start(home: &Path, command: &[&str], variables: &[(&str, &Path)]) -> Self {
        let log = File::create(home.join("log")).expect("a log");
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARD, "guard"]).arg(home).args(as_server_user()).args(command);
        shell.envs(variables.iter().copied()).env("LC_ALL", "C").stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(log);
        SharedProcess(shell.spawn().expect("sh runs"))
    }

    /// Panics if it has ended.
    pub(crate) fn assert_alive(&mut self) {
        let status = self.0.try_wait().expect("can be waited for");
        assert!(status.is_none(), "the server has ended: {status:?}");
    }
}

/// The program and arguments before a command that must not run as root.
pub(crate) fn as_server_user() -> &'static [&'static str] {
    // SAFETY: geteuid takes nothing and always succeeds.
    match unsafe { libc::geteuid() } {
        0 => &["setpriv", "--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups", "--"],
        _ => &["env"],
    }
}

/// A command that does not run as root.
pub(crate) fn command_as_server_user(program: &str) -> Command {
    let (first, rest) = as_server_user().split_first().expect("a program");
    let mut command = Command::new(first);
    command.args(rest).arg(program).current_dir("/").env("LC_ALL", "C");
    command
}

/// A new directory outside the build's, which other users may not be able to enter.
pub(crate) fn new_home(name: &str) -> PathBuf {
    let home = tempfile::Builder::new().prefix(name).tempdir().expect("a directory");
    let path = home.path().to_str().expect("a text");
    let owner = if as_server_user().len() > 1 { SERVER_USER } else { "" };
    if !owner.is_empty() {
        let done = Command::new("chown").args([owner, path]).status().expect("chown runs");
        assert!(done.success(), "chown {owner} {path}");
    }
    home.keep()
}
