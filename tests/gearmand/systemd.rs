//! What systemd is told, and the processes that it knows.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::support::*;

/// The socket that receives a server's notifications for systemd.
struct Notified(UnixDatagram);

impl Notified {
    fn at(path: &str) -> Notified {
        let socket = UnixDatagram::bind(path).expect("binds");
        socket.set_read_timeout(Some(TIMEOUT)).expect("sets a timeout");
        Notified(socket)
    }

    fn next(&self) -> String {
        let mut buffer = [0; 100];
        let count = uninterrupted(|| self.0.recv(&mut buffer)).expect("a message");
        String::from_utf8_lossy(&buffer[..count]).trim_end().to_string()
    }
}

/// The variables by which systemd asks for a sign of life every tenth of a second.
fn watched(command: &mut Command, path: &str) {
    let period = Duration::from_millis(200).as_micros().to_string();
    command.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", period);
}

#[test]
fn systemd_is_notified_of_the_servers_state() {
    let directory = Directory::new("notify");
    let path = directory.file("notify.sock");
    let notified = Notified::at(&path);
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-p", "0", "-l", "stderr", "-v", "--pid-file=none"]);
    watched(&mut command, &path);
    let mut server = Server::run(command);
    assert_eq!(notified.next(), format!("MAINPID={}\nREADY=1", server.pid()));
    assert_eq!(notified.next(), "WATCHDOG=1");
    assert_eq!(notified.next(), "WATCHDOG=1");
    server.signal("TERM");
    assert!(server.wait().success());
    let mut rest = std::iter::repeat_with(|| notified.next());
    assert_eq!(rest.find(|message| message != "WATCHDOG=1").as_deref(), Some("STOPPING=1"));
}

/// A server that systemd has told where it waits for reports.
fn notifying_server(path: &str, arguments: &[&str]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-p", "0", "-l", "stderr", "-v", "--pid-file=none"]);
    command.args(arguments).env("NOTIFY_SOCKET", path).env_remove("WATCHDOG_USEC");
    Server::run(command)
}

#[test]
fn systemd_waits_for_a_drain_and_is_told_of_the_end_when_it_begins() {
    let directory = Directory::new("notify-drain");
    let path = directory.file("notify.sock");
    let notified = Notified::at(&path);
    let mut server = notifying_server(&path, &["--job-handle-prefix", "H:t"]);
    assert_eq!(notified.next(), format!("MAINPID={}\nREADY=1", server.pid()));
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    client.ask(&request(SubmitJob, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "1"]));
    server.signal("USR1");
    assert_eq!(notified.next(), "STATUS=Draining: 1 jobs left\nEXTEND_TIMEOUT_USEC=60000000");
    worker.send(&request(WorkComplete, &["H:t:1", "done"]));
    client.expect(&response(WorkComplete, &["H:t:1", "done"]));
    assert_eq!(notified.next(), "STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_daemon_that_systemd_starts_stays_the_process_that_systemd_knows() {
    let directory = Directory::new("notify-foreground");
    let path = directory.file("notify.sock");
    let notified = Notified::at(&path);
    let server = notifying_server(&path, &["--daemon"]);
    assert_eq!(notified.next(), format!("MAINPID={}\nREADY=1", server.pid()));
}

#[test]
fn systemd_is_told_the_pid_of_a_daemon_that_a_script_starts_before_its_parent_returns() {
    let directory = Directory::new("notify-daemon");
    let (path, port_file) = (directory.file("notify.sock"), directory.file("port"));
    let notified = Notified::at(&path);
    let mut command = Command::new("sh");
    command.args(["-c", "WATCHDOG_PID=$$ exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gearmand")]);
    command.args(["--daemon", "-L", "127.0.0.1", "-p", "0", "-l", "none", "--pid-file=none"]);
    command.args(["--port-file", &port_file]);
    watched(&mut command, &path);
    // systemd has started another process, which has started this one.
    command.env("SYSTEMD_EXEC_PID", "1");
    assert!(command.status().expect("starts").success());
    let daemon = Daemon::find(&port_file);
    // The notification has arrived already: this does not wait.
    notified.0.set_nonblocking(true).expect("does not wait");
    assert_eq!(notified.next(), format!("MAINPID={}\nREADY=1", daemon.pid));
    notified.0.set_nonblocking(false).expect("waits");
    assert_eq!(notified.next(), "WATCHDOG=1");
}
