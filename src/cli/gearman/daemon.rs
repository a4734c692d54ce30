//! Detaching from the terminal: the program starts itself again, and leaves when
//! the new process is ready, or with its exit code.
//!
//! Must not: know what makes a process ready.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use crate::gearman::options::Options;
use crate::tools::Exit;

/// What the new process says on its standard output once it is ready.
const READY: &[u8] = b"ready\n";

/// Starts the program in the background and waits until it is ready.
///
/// # Errors
/// When it cannot be started, or ended instead; it has said why.
pub(crate) fn launch(options: &Options) -> io::Result<Exit> {
    let mut child = Command::new(env::current_exe()?)
        // Before anything that may belong to a command.
        .arg("--daemon-child")
        .args(env::args_os().skip(1))
        .stdin(if options.reads_input() { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut said)?;
    }
    if said == READY {
        return Ok(Exit::Done);
    }
    match child.wait()?.code() {
        // It has said why on standard error.
        Some(code) => std::process::exit(code),
        None => Err(io::Error::other("the background process ended before it was ready")),
    }
}

/// Makes a process that was started in the background the leader of its own
/// session, and lets the one that waits for it and its output go.
///
/// # Errors
/// As the system calls.
pub(crate) fn detach(options: &Options) -> io::Result<()> {
    if !options.daemon_child {
        return Ok(());
    }
    rustix::process::setsid()?;
    // Whether anybody still waits does not matter.
    let _ = io::stdout().write_all(READY).and_then(|()| io::stdout().flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
