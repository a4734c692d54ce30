//! The commands of the documentation, as they are written.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use gearman_test_support::wait::wait_for;

use crate::support::{certificates, documented_blocks, file};

/// A shell, whose process group is ended on drop.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_job_runs_with_the_documented_commands() {
    let blocks = documented_blocks();
    let directory = certificates();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_gearmand")).parent().expect("a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    // The default port may be in use here: the environment names a free one, which the commands
    // do not have to.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
        .to_string();
    let mut lines = blocks[1].lines();
    let (server, worker, client) =
        (lines.next().expect("a line"), lines.next().expect("a line"), lines.next());
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("sh");
    shell
        .current_dir(directory)
        .env("PATH", &path)
        .env("GEARMAND_PORT", &port)
        .env("GEARMAN_SERVERS", format!("localhost:{port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut shell = Group(shell.spawn().expect("sh starts"));
    let mut input = shell.0.stdin.take().expect("a pipe");
    writeln!(input, "{server}").expect("sent");
    let run = |line: &str| {
        Command::new("sh")
            .args(["-c", line])
            .current_dir(directory)
            .env("PATH", &path)
            .env("GEARMAN_SERVERS", format!("localhost:{port}"))
            .output()
            .expect("sh runs")
    };
    let ping = format!(
        "gearman --ping -h localhost -p {port} --ssl-ca-file={} --ssl-certificate={} --ssl-key={}",
        file("ca.pem"),
        file("worker-1.pem"),
        file("worker-1.key")
    );
    wait_for("the server", || run(&ping).status.success().then_some(()));
    writeln!(input, "{worker}").expect("sent");
    let done = run(client.expect("a line"));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!((String::from_utf8_lossy(&done.stdout).trim(), said.as_str()), ("olleh", ""));
}
