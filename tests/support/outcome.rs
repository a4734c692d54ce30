//! Running a program to its end: its output and its exit code.
//!
//! Must not: know what the program is.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::normalise::normalise;
use crate::paths::scratch;

/// A program's output and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Normalised.
    pub stdout: String,
    /// As it was written.
    pub stderr: String,
    /// None when the program was killed after its time limit.
    pub status: Option<ExitStatus>,
}

impl Outcome {
    /// Panics unless the program ended by itself with code 0.
    pub fn assert_succeeded(&self, what: &str) {
        let ended = match self.status {
            None => "was killed after its time limit".to_owned(),
            Some(status) if status.success() => return,
            Some(status) => match status.signal() {
                Some(signal) => format!("died of signal {signal}"),
                None => format!("ended with code {}", status.code().unwrap_or(-1)),
            },
        };
        panic!("{what} {ended}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }
}

/// Runs a command for at most `seconds`, and kills the processes that it left running.
pub fn run_for(mut command: Command, name: &str, seconds: u64) -> Outcome {
    let name = unique_name(name);
    let (out, err) = (name.with_extension("out"), name.with_extension("err"));
    command
        .stdout(File::create(&out).expect("a file for stdout"))
        .stderr(File::create(&err).expect("a file for stderr"))
        .process_group(0);

    let mut child = command.spawn().expect("the program starts");
    let status = wait_at_most(&mut child, Duration::from_secs(seconds));
    end_group(&child);
    let status = status.or_else(|| {
        child.wait().expect("the program can be waited for");
        None
    });
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).expect("output")).into_owned();
    Outcome { stdout: normalise(&read(&out)), stderr: read(&err), status }
}

/// A path that no other run uses.
fn unique_name(program: &str) -> PathBuf {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    scratch().join(format!("{program}-{}-{run}", std::process::id()))
}

fn wait_at_most(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            return Some(status);
        }
        sleep(Duration::from_millis(2));
    }
    None
}

/// Kills the remaining processes of a child's group.
fn end_group(child: &Child) {
    let group = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: kill takes numbers only. The group was made for this child, and its number is not
    // reused while it has a member or the child is not reaped.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}
