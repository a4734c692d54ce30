//! The job server: OpenSSL and Python as peers, wrong peers, ports with and without TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use gearman_test_support::wait::{TIMEOUT, uninterrupted};
use gearman_tls::{ClientContext, ClientSettings, HandshakeStep};

use crate::support::{Server, certificates, file};

#[test]
fn openssl_agrees_on_each_version_and_gets_its_answer() {
    let server = Server::start(&["--ssl"]);
    for version in ["-tls1_2", "-tls1_3"] {
        let (answer, errors) = server.s_client(&[version, "-quiet"], "version\n", "OK ");
        assert!(answer.contains(concat!("OK ", env!("CARGO_PKG_VERSION"))), "{answer}{errors}");
    }
    for version in ["-tls1", "-tls1_1"] {
        let arguments = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let (answer, _) = server.s_client(&arguments, "version\n", "OK 2");
        assert!(!answer.contains("OK 2"), "{answer}");
    }
}

#[test]
fn the_log_names_a_client_by_its_certificate() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=optional"]);
    let (certificate, key) = (file("worker-1.pem"), file("worker-1.key"));
    let arguments = ["-quiet", "-cert", &certificate, "-key", &key];
    let (answer, errors) = server.s_client(&arguments, "version\n", "OK ");
    assert!(answer.contains("OK "), "{answer}{errors}");
    let line = server.wait_for_line("has TLS and is");
    assert!(line.ends_with("has TLS and is worker-1"), "{line}");
    server.s_client(&["-quiet"], "version\n", "OK ");
    server.wait_for_line("has TLS and no certificate");
}

#[test]
fn a_client_without_a_required_certificate_is_refused() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let (answer, errors) = server.s_client(&["-tls1_2"], "version\n", "OK 2");
    assert!(!answer.contains("OK 2"), "{answer}");
    assert!(errors.contains("alert"), "{errors}");
    let line = server.wait_for_line("in its TLS hand-shake");
    assert!(line.contains("the peer has shown no certificate"), "{line}");
}

#[test]
fn a_session_is_resumed() {
    let server = Server::start(&["--ssl"]);
    let session = certificates().join("session.pem");
    let session = session.to_str().expect("a plain path");
    server.s_client(&["-tls1_2", "-sess_out", session], "version\n", "OK 2");
    let (text, errors) = server.s_client(&["-tls1_2", "-sess_in", session], "version\n", "OK 2");
    assert!(text.contains("Reused, TLSv1.2"), "{text}{errors}");
}

#[test]
fn plain_text_on_the_tls_port_is_named() {
    let server = Server::start(&["--ssl"]);
    // A TLS alert.
    assert_eq!(server.ask_plainly(server.port, "status\n").first(), Some(&0x15));
    let line = server.wait_for_line("in its TLS hand-shake");
    assert!(line.ends_with("TLS: the peer does not speak TLS"), "{line}");
}

#[test]
fn tls_on_the_plain_port_is_an_error_of_the_client() {
    let server = Server::run(&[]);
    let (answer, errors) = server.s_client(&[], "version\n", "OK 2");
    assert!(!answer.contains("OK 2") && errors.contains("error"), "{answer}{errors}");
}

#[test]
fn one_port_serves_both_if_asked_to() {
    let server = Server::start(&["--ssl", "--ssl-optional"]);
    let silent = TcpStream::connect(("127.0.0.1", server.port)).expect("connects");
    assert!(server.ask_plainly(server.port, "version\n").starts_with(b"OK "));
    let (answer, errors) = server.s_client(&["-quiet"], "version\n", "OK ");
    assert!(answer.contains("OK "), "{answer}{errors}");
    drop(silent);
}

#[test]
fn a_tls_port_stands_beside_a_plain_one() {
    let mut server = Server::start(&["--ssl-listen", "127.0.0.1:0"]);
    let plain = server.port;
    server.port = server.port_in("Listening on ");
    assert!(server.ask_plainly(plain, "version\n").starts_with(b"OK "));
    let (answer, errors) = server.s_client(&["-quiet"], "version\n", "OK ");
    assert!(answer.contains("OK "), "{answer}{errors}");
}

#[test]
fn a_silent_connection_is_closed_at_the_deadline_of_its_hand_shake() {
    let server = Server::start(&["--ssl", "--ssl-handshake-timeout=1"]);
    let mut silent = TcpStream::connect(("127.0.0.1", server.port)).expect("connects");
    let mut slow = TcpStream::connect(("127.0.0.1", server.port)).expect("connects");
    slow.write_all(b"\x16\x03").expect("sent");
    for stream in [&mut silent, &mut slow] {
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        assert_eq!(uninterrupted(|| stream.read(&mut [0])).expect("its end"), 0);
    }
    let line = server.wait_for_line("in its TLS hand-shake");
    assert!(line.contains("not complete after 1 s (--ssl-handshake-timeout)"), "{line}");
}

#[test]
fn a_silent_connection_takes_at_most_40_kib_before_and_after_its_hand_shake() {
    let server = Server::start(&["--ssl", "--ssl-handshake-timeout=600"]);
    let settings =
        ClientSettings { ca_file: Some(file("ca.pem").into()), ..ClientSettings::default() };
    let mut context = ClientContext::default();
    let silent = || TcpStream::connect(("127.0.0.1", server.port)).expect("connects");
    let mut ready = || {
        let mut stream = silent();
        let mut records = context.connect(&settings, "localhost").expect("a client");
        while records.step(&mut stream).expect("a hand-shake") != HandshakeStep::Complete {}
        (stream, records)
    };
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id()));
        let status = status.expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
    };
    const COUNT: usize = 200;
    // What is shared comes with the first ones.
    let first: Vec<_> = (0..10).map(|_| ready()).collect();
    let before = memory();
    let without: Vec<_> = (0..COUNT).map(|_| silent()).collect();
    // Served behind all of them.
    let last = ready();
    let between = memory();
    let with: Vec<_> = (0..COUNT).map(|_| ready()).collect();
    let after = memory();
    assert!(between.saturating_sub(before) <= 40 * COUNT, "{before} kB, then {between} kB");
    assert!(after.saturating_sub(between) <= 40 * COUNT, "{between} kB, then {after} kB");
    drop((first, without, last, with));
}

#[test]
fn two_hundred_clients_shake_hands_at_once_while_plain_requests_are_answered() {
    let mut server = Server::start(&["--ssl-listen", "127.0.0.1:0", "--metrics-port=0"]);
    let plain = server.port;
    server.port = server.port_in("Listening on ");
    let metrics = server.port_in("Serving metrics at ");
    let script = format!(
        "import asyncio, ssl\n\
         async def one():\n\
         \x20   context = ssl.create_default_context(cafile={:?})\n\
         \x20   reader, writer = await asyncio.open_connection('localhost', {}, ssl=context)\n\
         \x20   writer.write(b'version\\n')\n\
         \x20   line = await reader.readline()\n\
         \x20   writer.close()\n\
         \x20   return line.startswith(b'OK ')\n\
         async def all():\n\
         \x20   return sum(await asyncio.gather(*[one() for _ in range(200)]))\n\
         print(asyncio.run(all()))\n",
        file("ca.pem"),
        server.port
    );
    let python = Command::new("python3").args(["-c", &script]).spawn_piped();
    while python.is_running() {
        assert!(server.ask_plainly(plain, "version\n").starts_with(b"OK "));
    }
    assert_eq!(python.output(), "200\n");
    let text = Command::new("curl")
        .args(["-s", "--cacert", &file("ca.pem")])
        .arg(format!("https://localhost:{metrics}/metrics"))
        .output()
        .expect("curl runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(value("gearman_tls_handshakes_total"), 200.0);
    assert!(value("gearman_tls_handshake_steps_in_turn_max") <= 4.0, "{text}");
    assert!(value("gearman_tls_certificate_expires_seconds") > 1.8e9);
}

#[test]
fn certificates_are_read_again_without_ending_a_connection_and_a_broken_one_leaves_the_old_in_force()
 {
    let (certificate, key) = (certificates().join("live.pem"), certificates().join("live.key"));
    std::fs::copy(file("gearmand.pem"), &certificate).expect("copied");
    std::fs::copy(file("gearmand.key"), &key).expect("copied");
    let server = Server::run(&[
        "--ssl".into(),
        format!("--ssl-certificate={}", certificate.display()),
        format!("--ssl-key={}", key.display()),
    ]);
    let hang_up = || {
        let pid = server.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "HUP", &pid]).status();
        assert!(sent.expect("kill runs").success());
    };
    let script = format!(
        "import socket, ssl, sys\n\
         context = ssl.create_default_context(cafile={:?})\n\
         stream = context.wrap_socket(socket.create_connection(('localhost', {})),\n\
         \x20   server_hostname='localhost')\n\
         for _ in sys.stdin:\n\
         \x20   stream.sendall(b'version\\n')\n\
         \x20   print(stream.recv(100).decode().strip(), flush=True)\n",
        file("ca.pem"),
        server.port
    );
    let mut open = Command::new("python3")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut asked = open.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(open.stdout.take().expect("a pipe"));
    let mut is_open_one_served = || {
        asked.write_all(b"ask\n").expect("it runs");
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer");
        line.starts_with("OK ")
    };
    assert!(is_open_one_served());
    let subject = || server.s_client(&["-quiet"], "version\n", "OK ").1;
    assert!(subject().contains("CN = gearmand"), "{}", subject());
    std::fs::write(&certificate, "broken").expect("written");
    hang_up();
    let line = server.wait_for_line("stay in force");
    assert!(line.contains("live.pem has no certificate in PEM"), "{line}");
    assert!(subject().contains("CN = gearmand"));
    let script = format!(
        "cd {}/tls && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
         -keyout ../live.key -out live.csr -subj /CN=second && openssl x509 -req -in live.csr \
         -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile gearmand.ext -out ../live.pem",
        certificates().display()
    );
    assert!(Command::new("sh").args(["-c", &script]).output().expect("sh runs").status.success());
    hang_up();
    server.wait_for_line("certificates are read again");
    server.wait_for_line("live.pem expires in ");
    assert!(subject().contains("CN = second"), "{}", subject());
    assert!(is_open_one_served(), "the connection from before");
    drop(asked);
    assert!(open.wait().expect("it ends").success());
}

#[test]
fn a_server_with_a_wrong_file_does_not_start() {
    for (option, name, what) in [
        ("--ssl-certificate", "/nonexistent.pem", "cannot read /nonexistent.pem"),
        ("--ssl-key", &*file("ca.key"), "does not fit"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gearmand"))
            .args(["--ssl", "--port=0", "--log-file=none", "--pid-file=none"])
            .arg(format!("--ssl-certificate={}", file("gearmand.pem")).replace(
                "--ssl-certificate=",
                if option == "--ssl-certificate" { "--ssl-key=" } else { "--ssl-certificate=" },
            ))
            .arg(format!("{option}={name}"))
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(what) && said.contains(name), "{said}");
    }
}

/// A program whose output is read at its end.
struct Piped(std::cell::RefCell<std::process::Child>);

trait SpawnPiped {
    fn spawn_piped(&mut self) -> Piped;
}

impl SpawnPiped for Command {
    fn spawn_piped(&mut self) -> Piped {
        let child = self.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
        Piped(child.into())
    }
}

impl Piped {
    fn is_running(&self) -> bool {
        self.0.borrow_mut().try_wait().expect("it can be waited for").is_none()
    }

    fn output(self) -> String {
        let output = self.0.into_inner().wait_with_output().expect("it has ended");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn a_renegotiation_is_refused_at_once_and_the_server_lives() {
    let server = Server::start(&["--ssl"]);
    let (_, errors) = server.s_client(&["-tls1_2"], "R\n", "an end that never comes");
    assert!(errors.contains("RENEGOTIATING"), "{errors}");
    assert!(errors.contains("no renegotiation"), "{errors}");
    let (answer, errors) = server.s_client(&["-quiet"], "version\n", "OK ");
    assert!(answer.contains("OK "), "{answer}{errors}");
}
