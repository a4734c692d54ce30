//! A server that all tests of this program use. It must end with the program, although a static
//! value is never dropped: it is the child of a shell that ends it when its input ends.
//!
//! Must not: know a particular server.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What the shell runs: the program of its arguments, until its own input ends. Then it removes the
/// directory of the first argument.
const GUARD: &str = r#"home=$1; shift; "$@" </dev/null & child=$!
    read -r _; kill -9 "$child"; wait; rm -rf "$home""#;

/// A running server.
pub(crate) struct SharedProcess(Child);

impl SharedProcess {
    /// Starts the server of a directory. Its errors go to the file `log` there, and the directory
    /// goes with it.
    pub(crate) fn start(home: &Path, server: &Command) -> Self {
        let log = File::create(home.join("log")).expect("a log");
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARD, "guard"]).arg(home);
        shell.arg(server.get_program()).args(server.get_args());
        let variables = server.get_envs().filter_map(|(name, value)| Some((name, value?)));
        shell.envs(variables).current_dir("/").stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(log);
        SharedProcess(shell.spawn().expect("sh runs"))
    }

    /// Panics if it has ended.
    pub(crate) fn assert_alive(&mut self) {
        let status = self.0.try_wait().expect("can be waited for");
        assert!(status.is_none(), "the server has ended: {status:?}");
    }
}
