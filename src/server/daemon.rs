//! Detaching from the terminal: the process starts itself again as a child, and exits
//! when the child is ready or has failed.
//!
//! A fork would be cheaper, but the compiler cannot check what a forked process may
//! safely do. A new process has no such limits.
//!
//! Must not: know what makes a server ready.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use crate::options::ServerOptions;
use crate::systemd;

/// The line that the child writes to its standard output once it is ready.
const READY_LINE: &[u8] = b"ready\n";

/// Starts the server in the background and waits until it is ready.
///
/// # Errors
/// When it ended instead. Its own error is on standard error.
pub(crate) fn launch(_: &ServerOptions) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    // Inherited sockets and systemd's watchdog are for the child.
    if std::env::var("WATCHDOG_PID").is_ok_and(|pid| pid == std::process::id().to_string()) {
        command.env_remove("WATCHDOG_PID");
    }
    command.env_remove("LISTEN_PID");
    if !systemd::is_for_this_process() {
        command.env_remove("LISTEN_FDS");
    }
    let mut child = command
        .args(std::env::args_os().skip(1))
        .arg("--daemon-child")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut output)?;
    }
    if output == READY_LINE {
        return Ok(());
    }
    let status = child.wait()?;
    Err(io::Error::other(format!("the server in the background did not start ({status})")))
}

/// Makes the child the leader of a new session.
///
/// # Errors
/// As the system call.
pub(crate) fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Reports to the parent, and closes standard output, and standard error unless
/// `keep_stderr`.
///
/// # Errors
/// When the null device cannot be opened.
pub(crate) fn ready(keep_stderr: bool) -> io::Result<()> {
    // The parent may have been killed; the server runs without it.
    let _ = io::stdout().write_all(READY_LINE).and_then(|()| io::stdout().flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    if !keep_stderr {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}
