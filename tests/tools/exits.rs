//! Exit codes, for scripts.

use crate::processes::*;
use gearman_test_support::server::Server;
use std::net::TcpListener;

/// Runs `gearman` and expects an exit code and a part of its error message.
#[track_caller]
fn ends(server: &Server, args: &[&str], code: i32, complaint: &str) {
    let done = run(gearman(server, args), b"");
    assert_eq!(done.code, Some(code), "{args:?}: {}", done.stderr);
    assert!(done.stderr.contains(complaint), "{args:?}: {}", done.stderr);
    assert_eq!(done.stdout, b"");
}

#[test]
fn a_failed_job_ends_with_code_1() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "false"]);
        ends(server, &["-f", "f", "x"], 1, "Job failed");
    });
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    let server = Server::start(GEARMAND);
    for (args, complaint) in [
        (&["x"][..], "gearman: no function given"),
        (&["-f", "f", ""], "argument 1 is empty"),
        (&["-f", "", "x"], "expected a name"),
        (&["--ssl-verify", "all", "-f", "f", "x"], "use full, ca or none"),
        (&["-t", "soon", "-f", "f", "x"], "'soon' for '--timeout"),
        (&["-Q"], "-Q"),
        (&["-f", "f", "-u", &"x".repeat(65), "y"], "'--unique <KEY>' is too long"),
        (&["-f", &"x".repeat(600), "y"], "'--function <NAME>' is too long"),
        (&["-h", "a:b", "-f", "f", "x"], "a:b"),
    ] {
        ends(&server, args, 2, complaint);
    }
}

#[test]
fn an_error_begins_with_the_name_of_the_program_and_ends_with_a_pointer_to_its_help() {
    for (program, name) in [(GEARMAN, "gearman"), (GEARADMIN, "gearadmin")] {
        for args in [&["--nix"][..], &["-t", "1s"], &["--ssl-verify", "all"], &[]] {
            let done = run(tool(program, args), b"");
            let start = format!("{name}: ");
            assert!(done.stderr.starts_with(&start), "{args:?}: {}", done.stderr);
            let end = format!("\nTry '{name} --help' for more information.\n");
            assert!(done.stderr.ends_with(&end), "{args:?}: {}", done.stderr);
        }
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_its_option() {
    let file = ["-i", "/nonexistent/pid", "-f", "f", "x"];
    let done = run(tool(GEARMAN, file), b"");
    let message = "gearman: cannot write '/nonexistent/pid' for '--pid-file <FILE>': \
                   No such file or directory\n";
    assert_eq!((done.code, done.stderr.as_str()), (Some(6), message));
}

#[test]
fn help_and_version_end_with_code_0() {
    for option in ["-H", "--help"] {
        let done = run(tool(GEARMAN, [option]), b"");
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
        let text = done.text();
        for part in ["-f, --function", "--progress", "Exit status", "5  the server refused"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    for program in [GEARMAN, GEARADMIN] {
        let name = program.rsplit('/').next().expect("a name");
        run(tool(program, ["--version"]), b"")
            .printed(&format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn manual_pages_say_what_help_says() {
    for program in [GEARMAN, GEARADMIN] {
        let page = run(tool(program, ["--generate-man"]), b"").text();
        let help = run(tool(program, ["--help"]), b"").text();
        assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2)
        {
            let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let escaped = name.replace('-', "\\-");
            assert!(page.contains(name) || page.contains(&escaped), "{word} in the manual");
        }
        for section in [".SH OPTIONS", ".SH \"EXIT STATUS\"", ".SH EXAMPLES"] {
            assert!(page.contains(section), "{section} in {page}");
        }
    }
}

#[test]
fn no_server_ends_with_code_3() {
    for args in [&["-f", "f", "x"][..], &["-b", "-f", "f", "x"], &["-n", "-f", "f"]] {
        let mut all = vec!["-h", "127.0.0.1:1"];
        all.extend(args);
        let done = run(tool(GEARMAN, all), b"line\n");
        assert_eq!(done.code, Some(3));
        assert_eq!(done.stderr, "gearman: cannot connect to 127.0.0.1:1: Connection refused\n");
    }
    let done = run(tool(GEARMAN, ["-h", "no-such-host.invalid", "-f", "f", "x"]), b"");
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("no-such-host.invalid"), "{}", done.stderr);
}

#[test]
fn a_lost_server_ends_with_code_3() {
    let server = Server::start(GEARMAND);
    let client = Running::start(gearman(&server, &["-v", "-f", "f", "x"]));
    assert!(client.line().starts_with("Task created"));
    drop(server);
    let done = client.end();
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("the connection was lost"), "{}", done.stderr);
}

#[test]
fn a_silent_server_ends_with_code_4() {
    with_each_server(|server| {
        ends(server, &["-t", "100", "-f", "absent", "x"], 4, "within 100 ms (GEARMAN_TIMEOUT)");
    });
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let done = run(tool(GEARMAN, ["-h", &address, "-t", "100", "-b", "-f", "f", "x"]), b"");
    assert_eq!(done.code, Some(4), "{}", done.stderr);
}

#[test]
fn a_full_queue_ends_with_code_5() {
    with_each_server(|server| {
        let port = server.port.to_string();
        assert_eq!(run(gearman(server, &["-b", "-f", "f", "x"]), b"").code, Some(0));
        run(tool(GEARADMIN, ["-p", &port, "--maxqueue", "f", "1"]), b"").printed("OK\n");
        ends(server, &["-b", "-f", "f", "y"], 5, "the server refused the job");
        ends(server, &["-f", "f", "y"], 5, "Job queue is full");
    });
}

#[test]
fn unwritable_output_ends_with_code_6() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "cat"]);
        let mut command = gearman(server, &["-f", "f", "x"]);
        command
            .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device"));
        let output = command.output().expect("runs");
        assert_eq!(output.status.code(), Some(6));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let message = "gearman: cannot write to standard output: No space left on device\n";
        assert_eq!(complaint, message);
    });
}

#[test]
fn the_first_failure_decides_the_exit_code() {
    with_each_server(|server| {
        let worker = scripted(server, 3, |data, _| match data {
            b"bad" => Err(()),
            data => Ok(data.to_vec()),
        });
        let done = run(gearman(server, &["-j", "1", "-f", "f", "good", "bad", "also good"]), b"");
        worker.join().expect("the worker ends");
        assert_eq!((done.text().as_str(), done.code), ("goodalso good", Some(1)));
    });
}

#[test]
fn a_ping_ends_with_code_0_or_prints_the_error() {
    with_each_server(|server| {
        let done = run(gearman(server, &["--ping"]), b"");
        assert_eq!(done.code, Some(0));
        assert!(done.text().starts_with(&format!("127.0.0.1:{} is alive (", server.port)));
        let json = run(gearman(server, &["--ping", "--json"]), b"").text();
        let start =
            format!("{{\"server\":\"127.0.0.1:{}\",\"alive\":true,\"milliseconds\":", server.port);
        assert!(json.starts_with(&start), "{json}");
    });
    let done = run(tool(GEARMAN, ["--ping", "-h", "127.0.0.1:1"]), b"");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(3), "gearman: 127.0.0.1:1: Connection refused\n")
    );
    // A server that accepts and does not answer has 2 seconds.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let began = std::time::Instant::now();
    let done = run(tool(GEARMAN, ["--ping", "-h", &address]), b"");
    assert_eq!((done.code, done.text().as_str()), (Some(4), ""), "{}", done.stderr);
    assert!(began.elapsed() >= std::time::Duration::from_secs(2));
    let done = run(tool(GEARMAN, ["--ping", "-t", "50", "-h", &address]), b"");
    assert_eq!(done.code, Some(4));
}
