//! A database server as a process, of a user that it accepts: servers of databases refuse root.
//!
//! Must not: know a particular server.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// The user under whom servers run if the tests run as root.
const SERVER_USER: &str = "daemon";

/// A directory for one server, removed when the test has passed.
pub(super) struct Home(pub(super) PathBuf);

impl Home {
    /// A new directory that the server's user may write.
    pub(super) fn new(name: &str) -> Home {
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

    pub(super) fn path(&self) -> &Path {
        &self.0
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

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// A command that runs as the server's user.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null()).env("LC_ALL", "C").current_dir("/");
    command
}

/// A port that nothing listens on.
pub(super) fn free_port() -> u16 {
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
