//! A database server as a process, of a user that it accepts: servers of databases refuse root.
//!
//! Must not: know a particular server.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::wait::wait_until;

/// The user under whom servers run if the tests run as root.
const SERVER_USER: &str = "daemon";

/// A directory for one server, removed when the test has passed.
pub struct Home(PathBuf);

impl Home {
    /// A new directory that the server's user may write.
    pub fn new(name: &str) -> Home {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gearman-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Left by an earlier process of this number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        if is_root() {
            let done =
                Command::new("chown").arg(SERVER_USER).arg(&path).status().expect("chown runs");
            assert!(done.success(), "chown {SERVER_USER} {}", path.display());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        Home(path)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves the directory to the caller, who removes it.
    pub fn keep(self) -> PathBuf {
        std::mem::ManuallyDrop::new(self).0.clone()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if thread::panicking() {
            // What a failure left is wanted for a look.
            println!("left for a look: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

pub(super) fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// A command that runs as the server's user.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null()).env("LC_ALL", "C").current_dir("/");
    command
}

/// A server that a test ends, starts again, stops and lets go on. Killed when dropped.
pub(super) struct Process(Child);

impl Process {
    /// Waits until a server that was just started is ready; `None` if it ends before: another
    /// program may have its port.
    pub(super) fn ready(what: &str, child: Child, is_ready: impl Fn() -> bool) -> Option<Process> {
        let mut process = Process(child);
        let mut has_ended = false;
        wait_until(what, || {
            has_ended = process.0.try_wait().expect("can be waited for").is_some();
            has_ended || is_ready()
        });
        (!has_ended).then_some(process)
    }

    /// Ends it as a crash would.
    pub(super) fn kill(&mut self) {
        self.0.kill().expect("can be killed");
        self.0.wait().expect("can be waited for");
    }

    /// Stops the process, which keeps its connections.
    pub(super) fn stop(&self) {
        signal(&self.0, libc::SIGSTOP);
    }

    /// Lets a stopped process go on.
    pub(super) fn go_on(&self) {
        signal(&self.0, libc::SIGCONT);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a server accepts connections on this port.
pub(super) fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Sends a signal to a child.
pub(super) fn signal(child: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: kill takes numbers only; the child is not reaped, so its number is not reused.
    unsafe { libc::kill(pid, signal) };
}

/// The children of a process, by their parent's number in /proc.
pub(super) fn children(parent: u32) -> Vec<libc::pid_t> {
    let entries = fs::read_dir("/proc").expect("is mounted").filter_map(Result::ok);
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<libc::pid_t>().ok();
    entries
        .filter_map(number)
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit(") ").next().unwrap_or_default();
            fields.split(' ').nth(1).and_then(|field| field.parse().ok()) == Some(parent)
        })
        .collect()
}
