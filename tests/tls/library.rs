//! The library, through the tools: how TLS is asked for, and what is wrong when it fails.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use gearman_test_support::wait::TIMEOUT;

use crate::support::{Server, file, gearadmin, gearman};

/// What `gearman --ping` says about a server, and whether it is alive.
fn ping(environment: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let done = gearman(environment, &[&["--ping"], arguments].concat());
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn tls_is_asked_for_by_scheme_environment_or_option() {
    let server = Server::start(&["--ssl"]);
    let (ca, port) = (file("ca.pem"), server.port.to_string());
    let address = format!("tls://localhost:{port}");
    let by_number = format!("localhost:{port}");
    let trusted = ("GEARMAND_CA_CERTIFICATE", &*ca);
    for (environment, arguments) in [
        (&[trusted][..], &["-h", &*address][..]),
        (&[trusted, ("GEARMAN_TLS_VERIFY", "full")], &["-h", &*address]),
        (&[trusted, ("GEARMAN_TLS", "on")], &["-h", &*by_number]),
        (&[trusted], &["-h", &*by_number]),
        (&[], &["-h", &*by_number, "--ssl-ca-file", &*ca]),
        (&[], &["-h", &*by_number, "-S", "--ssl-verify", "none"]),
    ] {
        let (is_alive, text) = ping(environment, arguments);
        assert!(is_alive, "{environment:?} {arguments:?}: {text}");
    }
    let done = gearadmin(&["-h", &by_number, "--ssl-ca-file", &ca, "--server-version"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn each_failure_of_tls_is_named() {
    let server = Server::start(&["--ssl"]);
    let (ca, other, port) = (file("ca.pem"), file("worker-1.pem"), server.port.to_string());
    let address = format!("tls://127.0.0.1:{port}");
    let elsewhere = format!("tls://127.0.0.2:{port}");
    for (variables, host, expected) in [
        (&[("GEARMAND_CA_CERTIFICATE", "")][..], &address, "GEARMAND_CA_CERTIFICATE"),
        (&[("GEARMAND_CA_CERTIFICATE", "/nonexistent.pem")], &address, "/nonexistent.pem"),
        (&[("GEARMAND_CA_CERTIFICATE", &*other)], &address, "is not signed by an authority"),
        (
            &[("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_TLS_VERIFY", "al")],
            &address,
            "GEARMAN_TLS_VERIFY is 'al'; use full, ca or none",
        ),
        (
            &[("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_CLIENT_PEM", &*other)],
            &address,
            "no key is named",
        ),
    ] {
        let (is_alive, text) = ping(variables, &["-h", host]);
        assert!(!is_alive && text.contains(expected), "{text}");
    }
    let full = [("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_TLS_VERIFY", "full")];
    // Only where the server listens on the second address, too.
    let both = Server::start(&["--ssl", "--listen=127.0.0.2"]);
    let both = format!("tls://127.0.0.2:{}", both.port);
    let (is_alive, text) = ping(&full, &["-h", &both]);
    assert!(!is_alive && text.contains("not for '127.0.0.2'"), "{text}");
    assert!(!ping(&full, &["-h", &elsewhere]).0);
}

#[test]
fn a_required_certificate_is_named_by_the_client() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let (ca, address) = (file("ca.pem"), format!("tls://localhost:{}", server.port));
    let (certificate, key) = (file("worker-1.pem"), file("worker-1.key"));
    let trusted = ("GEARMAND_CA_CERTIFICATE", &*ca);
    let (is_alive, text) = ping(&[trusted], &["-h", &address]);
    assert!(!is_alive, "{text}");
    let shown = [trusted, ("GEARMAN_CLIENT_PEM", &*certificate), ("GEARMAN_CLIENT_KEY", &*key)];
    let (is_alive, text) = ping(&shown, &["-h", &address]);
    assert!(is_alive, "{text}");
    server.wait_for_line("has TLS and is worker-1");
}

#[test]
fn a_submission_without_the_required_certificate_fails_with_the_reason() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let address = format!("tls://localhost:{}", server.port);
    let trusted = ("GEARMAND_CA_CERTIFICATE", &*file("ca.pem"));
    let output = gearman(&[trusted], &["-h", &address, "-b", "-f", "f", "x"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("it requires a certificate of this side"), "{text}");
    assert!(!output.status.success());
}

#[test]
fn a_server_without_tls_is_never_talked_to_in_the_clear() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tls://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        let mut bytes = vec![0; 5];
        stream.read_exact(&mut bytes).expect("a hello");
        stream.write_all(b"OK 1.1.20\r\n").expect("sent");
        // Unread bytes would reset the connection before the client has read.
        stream.read_to_end(&mut bytes).expect("the client closes");
        bytes
    });
    let ca = file("ca.pem");
    let (is_alive, text) = ping(&[("GEARMAND_CA_CERTIFICATE", &ca)], &["-h", &address]);
    assert!(!is_alive && text.contains("the peer does not speak TLS"), "{text}");
    assert_eq!(server.join().expect("it ends")[..2], [0x16, 3]);
}

#[test]
fn a_server_that_is_silent_costs_the_timeout_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tls://{}", listener.local_addr().expect("an address"));
    let ca = file("ca.pem");
    let arguments = ["-h", &address, "-t", "300", "-f", "f", "x"];
    let done = gearman(&[("GEARMAND_CA_CERTIFICATE", &ca)], &arguments);
    assert!(!done.status.success());
    drop(listener);
}

#[test]
fn openssl_is_a_server_for_the_library() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    for version in ["-tls1_2", "-tls1_3"] {
        let mut server = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), version])
            .args(["-cert", &file("gearmand.pem"), "-key", &file("gearmand.key")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        gearman_test_support::wait::wait_for("openssl", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let mut input = server.stdin.take().expect("a pipe");
        let mut output = server.stdout.take().expect("a pipe");
        let answer = thread::spawn(move || {
            // The request of an echo, answered as a server does.
            let mut request = [0; 16];
            output.read_exact(&mut request).expect("a request");
            request[..4].copy_from_slice(b"\0RES");
            request[7] = 17;
            input.write_all(&request).expect("sent");
            input.flush().expect("sent");
            (input, output)
        });
        let (ca, address) = (file("ca.pem"), format!("tls://localhost:{port}"));
        let variables = [("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_TLS_VERIFY", "full")];
        let (is_alive, text) = ping(&variables, &["-h", &address]);
        let _ = server.kill();
        let _ = server.wait();
        assert!(is_alive, "{version} {text}");
        drop(answer.join());
    }
}
