//! Logging in at a scripted server: methods that MariaDB does not have, and servers that lie.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::constants::StatusFlags;

use super::*;

const TEST_NONCE: [u8; 20] = *b"a nonce of 20 bytes!";
const TEST_PASSWORD: &str = "a secret";

/// The server's side of a connection.
struct ScriptedServer<S> {
    stream: S,
    number: u8,
}

impl<S: Read + Write> ScriptedServer<S> {
    /// Greets, and returns the packet that the client answers with.
    fn greet(stream: S) -> (ScriptedServer<S>, Vec<u8>) {
        let greeting = HandshakePacket::new(
            10,
            &b"8.4.0"[..],
            7,
            TEST_NONCE[..8].try_into().expect("8 bytes"),
            Some([&TEST_NONCE[8..], b"\0"].concat()),
            CapabilityFlags::all() - CapabilityFlags::CLIENT_SSL,
            UTF8MB4,
            StatusFlags::empty(),
            Some(&b"caching_sha2_password"[..]),
        );
        let mut text = Vec::new();
        greeting.serialize(&mut text);
        let mut server = ScriptedServer { stream, number: 0 };
        server.send(&text);
        let response = server.receive();
        (server, response)
    }

    fn send(&mut self, text: &[u8]) {
        let length = u32::try_from(text.len()).expect("is short").to_le_bytes();
        let header = [length[0], length[1], length[2], self.number];
        self.stream.write_all(&[&header, text].concat()).expect("sends");
        self.number += 1;
    }

    /// The next packet; empty if the client has gone.
    fn receive(&mut self) -> Vec<u8> {
        let mut header = [0; 4];
        if self.stream.read_exact(&mut header).is_err() {
            return Vec::new();
        }
        let mut text = vec![0; usize::from(header[0]) + usize::from(header[1]) * 256];
        self.stream.read_exact(&mut text).expect("a whole packet");
        self.number = header[3] + 1;
        text
    }
}

/// The proof that both sides compute.
fn proof() -> [u8; 32] {
    scramble_sha256(&TEST_NONCE, TEST_PASSWORD.as_bytes()).expect("has a password")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|found| found == part)
}

fn enter(address: MySqlAddress) -> Result<u32, String> {
    let login = Login {
        address,
        user: "u".to_owned(),
        password: TEST_PASSWORD.to_owned(),
        database: None,
        tls: None,
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    log_in(&login, deadline).map(|(_, id)| id).map_err(|error| error.to_string())
}

#[test]
fn a_password_that_the_server_has_cached_is_proven_without_being_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut server, response) = ScriptedServer::greet(listener.accept().expect("accepts").0);
        server.send(&[1, 3]);
        server.send(&[0, 0, 0, 2, 0, 0, 0]);
        response
    });
    assert_eq!(enter(MySqlAddress::Tcp("127.0.0.1".to_owned(), port)), Ok(7));
    let response = server.join().expect("no panic");
    assert!(contains(&response, &proof()) && !contains(&response, TEST_PASSWORD.as_bytes()));
}

#[test]
fn a_password_is_sent_as_it_is_over_a_socket_of_this_machine_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut server, _) = ScriptedServer::greet(listener.accept().expect("accepts").0);
        // The server does not know the password yet.
        server.send(&[1, 4]);
        let sent = server.receive();
        server.send(&[0, 0, 0, 2, 0, 0, 0]);
        sent
    });
    assert_eq!(enter(MySqlAddress::Unix(path)), Ok(7));
    assert_eq!(server.join().expect("no panic"), b"a secret\0");

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut server, _) = ScriptedServer::greet(listener.accept().expect("accepts").0);
        server.send(&[1, 4]);
        let asked = server.receive();
        let key = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .expect("openssl runs");
        let public = filter(&["pkey", "-pubout"], &key.stdout);
        server.send(&[&[1], &public[..]].concat());
        let encrypted = server.receive();
        server.send(&[0, 0, 0, 2, 0, 0, 0]);
        (asked, encrypted, key.stdout)
    });
    assert_eq!(enter(MySqlAddress::Tcp("127.0.0.1".to_owned(), port)), Ok(7));
    let (asked, encrypted, key) = server.join().expect("no panic");
    // It asks for a key, and encrypts with it.
    assert_eq!((asked, encrypted.len()), (vec![2], 256));
    let file = directory.path().join("key.pem");
    std::fs::write(&file, key).expect("writes");
    let file = file.to_str().expect("a plain path");
    let padding = "rsa_padding_mode:oaep";
    let decrypted =
        filter(&["pkeyutl", "-decrypt", "-inkey", file, "-pkeyopt", padding], &encrypted);
    let plain: Vec<_> =
        decrypted.iter().zip(TEST_NONCE.iter().cycle()).map(|(a, b)| a ^ b).collect();
    assert_eq!(plain, b"a secret\0");
}

/// What openssl makes of an input.
fn filter(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("takes the input");
    child.wait_with_output().expect("ends").stdout
}

#[test]
fn a_server_that_asks_for_the_password_in_the_clear_does_not_get_it() {
    for method in ["mysql_clear_password", "mysql_old_password", "dialog"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            let (mut server, _) = ScriptedServer::greet(listener.accept().expect("accepts").0);
            server.send(&[b"\xfe", method.as_bytes(), b"\0"].concat());
            server.receive()
        });
        let error = enter(MySqlAddress::Tcp("127.0.0.1".to_owned(), port)).expect_err(method);
        assert!(error.contains(&format!("asks for the login method {method}")), "{error}");
        assert_eq!(server.join().expect("no panic"), b"");
    }
}

#[test]
fn a_server_that_refuses_or_speaks_another_protocol_is_an_error() {
    for (greeting, expected) in [
        (&b"\x17\0\0\0\xff\x10\x04Too many connections"[..], "Too many connections (1040)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "out of order"),
        (b"", "the connection was closed"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            listener.accept().expect("accepts").0.write_all(greeting).expect("sends");
        });
        let error = enter(MySqlAddress::Tcp("127.0.0.1".to_owned(), port)).expect_err(expected);
        assert!(error.contains(expected), "{error}");
        server.join().expect("no panic");
    }
}
