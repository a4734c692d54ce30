//! TLS in simulated connections: the real record layers, over ends of the simulated network.
//!
//! The certificate has an Ed25519 key, whose signatures have one length. So the lengths and times of
//! all that is sent follow from the seed, although the bytes do not.
//!
//! Must not: decide when a hand-shake is continued.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gearman_tls::{
    ClientContext, ClientRecords, ClientSettings, HandshakeStep, RecordLayer, ServerContext,
    ServerRecords, ServerSettings, Verification,
};

use crate::network::{LinkId, Shared, Side};

/// A self-signed certificate of 127.0.0.1, and its key.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBUDCCAQKgAwIBAgIUdsrL4Q3eITCZtYPb/5g+Zfd3uCIwBQYDK2VwMBQxEjAQ\n\
BgNVBAMMCWxvY2FsaG9zdDAgFw0yNjExMjkxODI2NDNaGA8yMTI2MTEwNTE4MjY0\n\
M1owFDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEAqBYS4TK9v0eFewRH\n\
anjOUfdWiXzZOtaX6qQhY29CuXyjZDBiMB0GA1UdDgQWBBTPcRu5HH4uExvA7BDI\n\
QCUiOnLHQTAfBgNVHSMEGDAWgBTPcRu5HH4uExvA7BDIQCUiOnLHQTAPBgNVHRMB\n\
Af8EBTADAQH/MA8GA1UdEQQIMAaHBH8AAAEwBQYDK2VwA0EAJk9sKLSo64g0gklj\n\
Y5zdQwwfsGnZRqbV+/b18IHf4mhVNI7SbDqJylKHpc/ZcAmyxFX8IUAIhIy2uGPF\n\
zEeJCQ==\n\
-----END CERTIFICATE-----\n\
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MC4CAQAwBQYDK2VwBCIEIOBmf0oD3DL1qWGnnPCzlW17oMgRfS219PCLbf6rM4sW\n\
-----END PRIVATE KEY-----\n\
";

struct Contexts {
    server: ServerContext,
    files: ServerSettings,
    client: ClientContext,
    settings: ClientSettings,
}

impl Contexts {
    fn new() -> Contexts {
        // Each thread has its own, and removes them at its end.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (directory, number) = (std::env::temp_dir(), COUNT.fetch_add(1, Ordering::Relaxed));
        let file = |name: &str, text: &str| -> PathBuf {
            let name = format!("gearman-cluster-{}-{number}-{name}", std::process::id());
            let path = directory.join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let (certificate_file, key_file) = (file("a.pem", CERTIFICATE), file("a.key", KEY));
        let settings = ClientSettings {
            ca_file: Some(certificate_file.clone()),
            verification: Verification::Full,
            ..ClientSettings::default()
        };
        let files = ServerSettings { certificate_file, key_file, ..ServerSettings::default() };
        let server = ServerContext::load(&files).expect("a certificate and its key");
        Contexts { server, files, client: ClientContext::default(), settings }
    }
}

impl Drop for Contexts {
    fn drop(&mut self) {
        for file in [&self.files.certificate_file, &self.files.key_file] {
            let _ = std::fs::remove_file(file);
        }
    }
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::new(Contexts::new());
}

/// Forgets the sessions of earlier simulations, which connections would resume.
pub(crate) fn forget_sessions() {
    CONTEXTS.with_borrow_mut(|all| all.client = ClientContext::default());
}

/// The record layer of a client's new connection.
pub(crate) fn connect() -> io::Result<ClientRecords> {
    CONTEXTS.with_borrow_mut(|all| Ok(all.client.connect(&all.settings, "127.0.0.1")?))
}

/// The record layer of an accepted connection.
pub(crate) fn accept() -> ServerRecords {
    CONTEXTS.with_borrow(|all| all.server.accept()).expect("random numbers")
}

/// An end of a connection, as a stream.
pub(crate) struct NetworkEnd<'a> {
    pub(crate) network: &'a Shared,
    pub(crate) link: LinkId,
    pub(crate) side: Side,
}

impl NetworkEnd<'_> {
    /// Continues a hand-shake. Returns whether it is complete.
    pub(crate) fn shake<C, S>(&mut self, records: &mut RecordLayer<C>) -> io::Result<bool>
    where
        C: std::ops::DerefMut<Target = gearman_tls::rustls::ConnectionCommon<S>>,
        S: gearman_tls::rustls::SideData,
    {
        loop {
            let step = records.step(self)?;
            let wants_room = step == HandshakeStep::NeedsWrite;
            self.network.borrow_mut().watch_room(self.link, self.side, wants_room);
            match step {
                HandshakeStep::Complete => return Ok(true),
                HandshakeStep::Again => {}
                HandshakeStep::NeedsRead | HandshakeStep::NeedsWrite => return Ok(false),
            }
        }
    }
}

impl Read for NetworkEnd<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let bytes = self.network.borrow_mut().receive(self.link, self.side, space.len())?;
        space[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for NetworkEnd<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.network.borrow_mut().send(self.link, self.side, bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let joined = parts.iter().flat_map(|part| part.iter().copied());
        self.write(&joined.collect::<Vec<_>>())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Receives up to `most` bytes through a record layer.
pub(crate) fn receive<C, S>(
    records: &mut RecordLayer<C>,
    end: &mut NetworkEnd<'_>,
    most: usize,
) -> io::Result<Vec<u8>>
where
    C: std::ops::DerefMut<Target = gearman_tls::rustls::ConnectionCommon<S>>,
    S: gearman_tls::rustls::SideData,
{
    let mut space = vec![0; most];
    let count = records.receive(end, &mut space)?;
    space.truncate(count);
    Ok(space)
}

/// The error of a hand-shake that is not complete.
pub(crate) fn not_complete() -> io::Error {
    ErrorKind::WouldBlock.into()
}
