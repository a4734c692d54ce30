//! Files that the server opens and makes where others may have put something else.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, lchown, symlink};
use std::process::{Command, Stdio};

use super::support::*;
use gearman_test_support::certificates::file;

fn fifo(directory: &Directory, name: &str) -> String {
    let path = directory.file(name);
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

/// What a server says that does not start with these options.
fn refusal(options: &[&str]) -> String {
    let common = ["-L", "127.0.0.1", "-p", "0"];
    let output = gearmand(&[&common[..], options].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{options:?}: {said}");
    said
}

#[test]
fn a_fifo_as_log_or_configuration_ends_the_start_with_its_name() {
    let directory = Directory::new("fifo");
    let path = fifo(&directory, "fifo");
    for option in ["--log-file", "--config-file", "--audit-log"] {
        let mut options = vec![option, path.as_str()];
        for (name, value) in [("--pid-file", "none"), ("--log-file", "none")] {
            if name != option {
                options.extend([name, value]);
            }
        }
        let said = refusal(&options);
        let named = format!("{option} {path}: ");
        assert!(said.contains(&named) && said.contains("is a FIFO, not a file"), "{said}");
    }
}

#[test]
fn a_log_that_became_a_fifo_is_not_waited_for_on_sighup() {
    let directory = Directory::new("fifo-later");
    let (log, server) = (directory.file("log"), Daemon::with_log(&directory));
    fs::rename(&log, directory.file("old")).expect("moved");
    fifo(&directory, "log");
    server.signal("HUP");
    let old = || fs::read_to_string(directory.file("old")).expect("the old log");
    // A signal is handled before what is sent after it is answered, or with it.
    for _ in 0..2 {
        assert!(server.ask("version\n").starts_with("OK "));
    }
    assert!(old().contains("Cannot reopen log file"), "{}", old());
    assert!(old().contains("is a FIFO, not a file; writing to the old file"), "{}", old());
}

#[test]
fn sockets_are_taken_from_the_environment_only_with_this_process_as_listen_pid() {
    for pid in [None, Some("1")] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let foreign = listener.local_addr().expect("an address");
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"]);
        command.arg(env!("CARGO_BIN_EXE_gearmand"));
        command.args(["-L", "127.0.0.1", "-p", "0", "-l", "stderr", "-v", "--pid-file=none"]);
        command.env("LISTEN_FDS", "1").env_remove("LISTEN_PID");
        if let Some(pid) = pid {
            command.env("LISTEN_PID", pid);
        }
        command.stdin(Stdio::from(listener.as_fd().try_clone_to_owned().expect("a copy")));
        let server = Server::run(command);
        assert_ne!(server.address, foreign, "LISTEN_PID {pid:?}");
        server.connect().settle();
    }
}

#[test]
fn files_that_another_user_linked_elsewhere_are_not_followed() {
    let directory = Directory::new("links");
    let precious = directory.file("precious");
    fs::write(&precious, "precious").expect("written");
    let link = directory.file("link");
    symlink(&precious, &link).expect("linked");
    // Only root can give the link away.
    if lchown(&link, Some(65_534), None).is_err() {
        return skip("only root can make another user's link");
    }
    let none = ["--pid-file=none", "-l", "none"];
    for options in [
        &["--pid-file", &link, "-l", "none"][..],
        &["--pid-file=none", "-l", "none", "--port-file", &link],
        &["--pid-file=none", "-l", "none", "-q", "libsqlite3", "--libsqlite3-db", &link],
    ] {
        let said = refusal(options);
        assert!(said.contains(&link), "{options:?}: {said}");
        assert!(said.contains("a symbolic link of user 65534"), "{options:?}: {said}");
    }
    // The log goes to standard error instead; the pid file ends the start.
    let said = refusal(&["--log-file", &link, "--pid-file", "/nonexistent/pid"]);
    assert!(said.contains("cannot open: a symbolic link of user 65534"), "{said}");
    // A link beside the queue's file, where its lock will be, is not followed either.
    symlink(&precious, directory.file("queue-lock")).expect("linked");
    let queue = directory.file("queue");
    let said = refusal(&[&none[..], &["-q", "libsqlite3", "--libsqlite3-db", &queue]].concat());
    assert!(said.contains("queue-lock"), "{said}");
    assert_eq!(fs::read_to_string(&precious).expect("read"), "precious");
}

#[test]
fn a_stale_socket_is_replaced_and_one_that_appears_as_another_file_is_not() {
    let directory = Directory::new("socket");
    let path = directory.file("gearmand.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
    let mut server = Server::start(&["--listen", &path]);
    server.wait_for_line(&format!("Listening on {path}"));
    assert!(fs::symlink_metadata(&path).expect("is there").file_type().is_socket());
    let names = fs::read_dir(directory.path()).expect("listed").count();
    assert_eq!(names, 1, "a file under another name is left");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "another one's").expect("written");
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(fs::read_to_string(&path).expect("stays"), "another one's");
}

#[test]
fn a_queue_in_a_directory_where_others_may_write_is_reported() {
    let directory = Directory::new("open-queue");
    let queue = directory.file("queue");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("changed");
    let options = ["-q", "libsqlite3", "--libsqlite3-db", &queue];
    let _server = Daemon::with_log_and(&directory, &options);
    let said = fs::read_to_string(directory.file("log")).expect("a log");
    let warning = "Queue: users who may write to its directory";
    assert!(said.contains("WARNING") && said.contains(warning), "{said}");
    assert!(said.contains("(mode 777) can replace the file"), "{said}");
}

#[test]
fn a_queue_of_another_user_is_not_written_by_one_who_is_not_root() {
    let directory = Directory::new("foreign-queue");
    let queue = directory.file("queue");
    fs::write(&queue, "").expect("written");
    if chown(&queue, Some(1), None).is_err() {
        return skip("only root can give files away");
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("changed");
    fs::set_permissions(&queue, fs::Permissions::from_mode(0o666)).expect("changed");
    let options =
        ["-u", super::process::UNPRIVILEGED.0, "--pid-file=none", "-l", "none", "-q", "libsqlite3"];
    let said = refusal(&[&options[..], &["--libsqlite3-db", &queue]].concat());
    assert!(said.contains("belongs to user 1"), "{said}");
}

#[test]
fn a_key_that_every_user_can_read_is_warned_of() {
    let directory = Directory::new("open-key");
    let (key, certificate) = (directory.file("key"), file("gearmand.pem"));
    fs::copy(file("gearmand.key"), &key).expect("copied");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    // The pid file ends the start behind the warning.
    let options = ["--ssl", "--ssl-certificate", &certificate, "--ssl-key", &key, "-l", "stderr"];
    let said = refusal(&[&options[..], &["--pid-file", "/nonexistent/pid"]].concat());
    assert!(said.contains("every user can read or write the key (mode 644)"), "{said}");
}
