//! Connections of the load generator, with and without TLS, and the certificate of servers under
//! measurement.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, TcpStream as BlockingStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use gearman_tls::{
    ClientContext, ClientRecords, ClientSettings, HandshakeStep, ServerContext, ServerSettings,
};
use mio::net::TcpStream;
use std::io::{Read, Write};

/// A certificate and its key, made once.
fn files() -> &'static [PathBuf; 2] {
    static FILES: OnceLock<[PathBuf; 2]> = OnceLock::new();
    FILES.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let files = ["bench.pem", "bench.key"].map(|name| directory.join(name));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "9", "-subj", "/CN=localhost", "-out"])
            .arg(&files[0])
            .arg("-keyout")
            .arg(&files[1])
            .output();
        assert!(made.expect("openssl runs").status.success(), "openssl makes no certificate");
        files
    })
}

/// The arguments of a server with TLS.
pub(crate) fn server_arguments() -> [String; 3] {
    let [certificate, key] = files();
    let option = |name: &str, file: &PathBuf| format!("--ssl-{name}={}", file.display());
    ["--ssl".into(), option("certificate", certificate), option("key", key)]
}

/// What a server in this process makes connections with.
pub(crate) fn server_context() -> ServerContext {
    let [certificate_file, key_file] = files().clone();
    let settings = ServerSettings { certificate_file, key_file, ..ServerSettings::default() };
    ServerContext::load(&settings).expect("a certificate and its key")
}

/// A connection to a server.
pub(crate) struct Wire {
    stream: TcpStream,
    records: Option<Box<ClientRecords>>,
}

impl Wire {
    /// Connects, and shakes hands if there is TLS.
    pub(crate) fn connect(port: u16, has_tls: bool) -> Wire {
        let mut stream = BlockingStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        let records = has_tls.then(|| {
            let settings =
                ClientSettings { ca_file: Some(files()[0].clone()), ..ClientSettings::default() };
            let mut records =
                ClientContext::default().connect(&settings, "localhost").expect("a client");
            while records.step(&mut stream).expect("a hand-shake") != HandshakeStep::Complete {}
            Box::new(records)
        });
        stream.set_nonblocking(true).expect("does not block");
        Wire { stream: TcpStream::from_std(stream), records }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match &mut self.records {
            Some(records) => records.receive(&mut self.stream, space),
            None => self.stream.read(space),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.records {
            Some(records) => records.send(&mut self.stream, &[IoSlice::new(bytes)]),
            None => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
