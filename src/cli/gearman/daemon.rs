//! Detaching from the terminal: the program starts itself again, and exits when the new
//! process is ready, or with the new process's exit code.
//!
//! Must not: know what makes a process ready.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use crate::gearman::options::GearmanOptions;
use crate::tools::Exit;

/// What the new process writes to its standard output when it is ready.
const READY_MESSAGE: &[u8] = b"ready\n";

/// Starts the program in the background and waits until it is ready.
///
/// # Errors
/// When it cannot be started, or was killed before it was ready. If it exits before it is
/// ready, this process exits with its code: it has printed why.
pub(crate) fn launch(options: &GearmanOptions) -> io::Result<Exit> {
    let mut child = Command::new(env::current_exe()?)
        // Before anything that may belong to a worker's command.
        .arg("--daemon-child")
        .args(env::args_os().skip(1))
        .stdin(if options.reads_input() { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .spawn()?;
    let mut message = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut message)?;
    }
    if message == READY_MESSAGE {
        return Ok(Exit::Done);
    }
    match child.wait()?.code() {
        Some(code) => std::process::exit(code),
        None => Err(io::Error::other("the background process was killed before it was ready")),
    }
}

/// Makes a process that was started in the background the leader of its own session,
/// tells its starter that it is ready, and discards its output from now on.
///
/// # Errors
/// Those of the system calls.
pub(crate) fn detach(options: &GearmanOptions) -> io::Result<()> {
    if !options.daemon_child {
        return Ok(());
    }
    rustix::process::setsid()?;
    // The starter may have been killed: this process runs without it.
    let _ = io::stdout().write_all(READY_MESSAGE).and_then(|()| io::stdout().flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
