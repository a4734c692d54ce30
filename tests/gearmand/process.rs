//! What the process is: its user, its limits, its files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::support::*;

/// A user that every Debian has, and its numbers.
pub(crate) const UNPRIVILEGED: (&str, u32, u32) = ("nobody", 65534, 65534);

/// A line of a file about a process, by how it starts.
fn line_of(server: &Server, file: &str, start: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/{file}", server.pid())).expect("a file");
    let line = text.lines().find(|line| line.starts_with(start));
    line.map(|line| line[start.len()..].split_whitespace().collect::<Vec<_>>().join(" "))
        .expect("a line")
}

/// Whether the tests may change their user; skips if not.
fn is_root() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        skip("only root can change the user");
    }
    is_root
}

#[test]
fn the_server_becomes_another_user_permanently() {
    if !is_root() {
        return;
    }
    let (name, uid, gid) = UNPRIVILEGED;
    let directory = Directory::new("user");
    std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).expect("given away");
    let (socket, pid_file) = (directory.file("socket"), directory.file("pid"));
    let mut server = Server::start(&["-u", name, "-L", &socket, "-P", &pid_file]);
    assert_eq!(line_of(&server, "status", "Uid:"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(line_of(&server, "status", "Gid:"), format!("{gid} {gid} {gid} {gid}"));
    assert_eq!(line_of(&server, "status", "Groups:"), "");
    server.connect().settle();
    for file in [&socket, &pid_file] {
        assert_eq!(fs::metadata(file).expect("a file").uid(), uid, "{file}");
    }
    server.signal("TERM");
    assert!(server.wait().success());
    for file in [&socket, &pid_file] {
        assert!(!Path::new(file).exists(), "{file} is still there");
    }
}

#[test]
fn a_pid_file_that_was_made_for_its_user_is_used() {
    if !is_root() {
        return;
    }
    let (name, uid, gid) = UNPRIVILEGED;
    let directory = Directory::new("made-pid");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("readable");
    let pid_file = directory.file("pid");
    fs::write(&pid_file, "").expect("written");
    std::os::unix::fs::chown(&pid_file, Some(uid), Some(gid)).expect("given away");
    let server = Server::start(&["-u", name, "-P", &pid_file]);
    server.connect().settle();
    let pid = fs::read_to_string(&pid_file).expect("the pid file");
    assert_eq!(pid.trim(), server.pid().to_string());
}

#[test]
fn only_root_becomes_another_user() {
    if !is_root() {
        return;
    }
    let (_, uid, gid) = UNPRIVILEGED;
    let output = Command::new(env!("CARGO_BIN_EXE_gearmand"))
        .args(["-u", "root", "-L", "127.0.0.1", "-p", "0", "-l", "none", "--pid-file=none"])
        .uid(uid)
        .gid(gid)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return skip(&format!("{} cannot run it: {error}", UNPRIVILEGED.0)),
    };
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--user root: only root can switch users"), "{said}");
}

#[test]
fn the_limits_that_options_set_are_in_force() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -c 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gearmand")]);
    command.args(["-L", "127.0.0.1", "-p", "0", "-l", "stderr", "-v", "--pid-file=none"]);
    command.args(["--coredump", "--file-descriptors", "99"]);
    let server = Server::run(command);
    assert!(line_of(&server, "limits", "Max open files").starts_with("99 "));
    let core = line_of(&server, "limits", "Max core file size");
    let (soft, hard) = core.split_once(' ').expect("two numbers");
    assert!(hard.starts_with(soft), "{core}");
}

#[test]
fn zero_file_descriptors_are_as_many_as_the_user_may_have() {
    let server = Server::start(&["-f", "0"]);
    let files = line_of(&server, "limits", "Max open files");
    let (soft, hard) = files.split_once(' ').expect("two numbers");
    assert!(hard.starts_with(soft), "{files}");
}

#[test]
fn a_pid_file_that_is_a_device_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    let mut server = Server::start(&["-P", "/dev/null"]);
    server.connect().settle();
    server.signal("TERM");
    assert!(server.wait().success());
    let found = fs::symlink_metadata("/dev/null").expect("is there");
    assert!(found.file_type().is_char_device());
}

#[test]
fn a_pid_file_of_a_killed_server_is_replaced() {
    let directory = Directory::new("stale-pid");
    let pid_file = directory.file("pid");
    let mut killed = Server::start(&["-P", &pid_file]);
    killed.connect().settle();
    killed.signal("KILL");
    killed.wait();
    let server = Server::start(&["-P", &pid_file]);
    server.connect().settle();
    let pid = fs::read_to_string(&pid_file).expect("the pid file");
    assert_eq!(pid.trim(), server.pid().to_string());
}

#[test]
fn a_pid_file_that_cannot_be_written_ends_the_start() {
    let refused = gearmand(&["-L", "127.0.0.1", "-p0", "-l", "none", "-P", "/nonexistent/pid"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("/nonexistent/pid"), "{said}");
}
