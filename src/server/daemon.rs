//! Detaching from the terminal: the process starts itself again, and leaves
//! when the new one listens, or with its error.
//!
//! A fork would do with less, but what a forked process may do is beyond what
//! the compiler can check; a fresh one has no such limits.
//!
//! Must not: know what makes a server ready.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use crate::options::ServerOptions;

/// What the new process says on its standard output once it is ready.
const READY_LINE: &[u8] = b"ready\n";

/// Starts the server in the background and waits until it is ready.
///
/// # Errors
/// When it ended instead; it has said why on standard error.
pub(crate) fn launch(_: &ServerOptions) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    // Sockets that were opened for this process are for the new one, and so is the
    // question whether it is alive.
    for name in ["LISTEN_PID", "WATCHDOG_PID"] {
        if std::env::var(name).is_ok_and(|pid| pid == std::process::id().to_string()) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(std::env::args_os().skip(1))
        .arg("--daemon-child")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut said)?;
    }
    if said == READY_LINE {
        return Ok(());
    }
    let status = child.wait()?;
    Err(io::Error::other(format!("the server did not start ({status})")))
}

/// Makes the new process the leader of its own session.
///
/// # Errors
/// As the system call.
pub(crate) fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Tells the process that waits, and lets go of its output: of the error output
/// too, unless `keep_stderr`.
///
/// # Errors
/// When the null device cannot be opened.
pub(crate) fn ready(keep_stderr: bool) -> io::Result<()> {
    // Whether anybody still waits does not matter.
    let _ = io::stdout().write_all(READY_LINE).and_then(|()| io::stdout().flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    if !keep_stderr {
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}
