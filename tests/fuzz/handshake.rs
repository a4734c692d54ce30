//! The first bytes of a hand-shake, as a server and as a client receive them.

use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use gearman_tls::{
    ClientContext, ClientSettings, HandshakeStep, RecordLayer, ServerContext, ServerSettings,
    Verification,
};

/// Most bytes that a side answers before it has the peer's keys: a certificate, and an alert.
const ANSWER_BYTES_MAX: usize = 4096;
/// Most steps for each piece of the input: a step for the bytes, one to see that there are no more,
/// and those that send.
const STEPS_PER_PIECE_MAX: usize = 8;

/// A self-signed certificate of `localhost`, and its key.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBlDCCATugAwIBAgIUEoFiSlswpwFpp88lEQhzSb3IXUIwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTE4MTkxOVoYDzIxMjYxMTA1\n\
MTgxOTE5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAARAPcH7PO8lUiYZ0Q7kADwxZohHKn9jnQ7Dml3Io99b7SkvJgF1Xrnv\n\
oiPNomni969OelwgcF/3SR/dIOBHCF+Mo2kwZzAdBgNVHQ4EFgQULoSkx+c3D3b0\n\
ZNY/LMgHplHjgQEwHwYDVR0jBBgwFoAULoSkx+c3D3b0ZNY/LMgHplHjgQEwDwYD\n\
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n\
RwAwRAIgKI4sJywFqn2/fmhkyYXRJJ57HoU8GHMIR/7Js3muNZECICa+Kc/66P9b\n\
lwNre5BNhmjl2TeXYqGv1H2aRu2LND+q\n\
-----END CERTIFICATE-----\n\
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIwdHO6R4/WUbxwrg\n\
dy4hBomNhyj4HVzxK7oaY5VIa7ehRANCAARAPcH7PO8lUiYZ0Q7kADwxZohHKn9j\n\
nQ7Dml3Io99b7SkvJgF1XrnvoiPNomni969OelwgcF/3SR/dIOBHCF+M\n\
-----END PRIVATE KEY-----\n\
";

/// The peer's bytes, in pieces; what the side sends is counted.
struct Peer<'a> {
    /// What has arrived and was not read.
    arrived: &'a [u8],
    sent: usize,
}

impl Read for Peer<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.arrived.read(space)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn server() -> &'static ServerContext {
    static SERVER: OnceLock<ServerContext> = OnceLock::new();
    SERVER.get_or_init(|| {
        let file = |name: &str, text: &str| -> PathBuf {
            let name = format!("gearman-fuzz-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let certificate_file = file("certificate.pem", CERTIFICATE);
        let key_file = file("key.pem", KEY);
        let settings = ServerSettings { certificate_file, key_file, ..ServerSettings::default() };
        let server = ServerContext::load(&settings).expect("a certificate and its key");
        let _ = std::fs::remove_file(settings.certificate_file);
        let _ = std::fs::remove_file(settings.key_file);
        server
    })
}

/// No bytes complete a hand-shake whose keys the peer does not have; they cost a bounded number of
/// steps, and a bounded answer. The first byte chooses the side, the second one the size of pieces.
pub fn handshake(data: &[u8]) {
    let Some((&[side, piece], bytes)) = data.split_first_chunk() else { return };
    if side.is_multiple_of(2) {
        take(server().accept().expect("random numbers"), piece, bytes);
    } else {
        let settings =
            ClientSettings { verification: Verification::Nothing, ..ClientSettings::default() };
        let client = ClientContext::default().connect(&settings, "localhost").expect("a client");
        take(client, piece, bytes);
    }
}

fn take<C, S>(mut layer: RecordLayer<C>, piece: u8, bytes: &[u8])
where
    C: std::ops::DerefMut<Target = gearman_tls::rustls::ConnectionCommon<S>>,
    S: gearman_tls::rustls::SideData,
{
    let mut peer = Peer { arrived: b"", sent: 0 };
    let size = usize::from(piece).pow(2).max(1);
    for arrived in bytes.chunks(size) {
        peer.arrived = arrived;
        for step in 0.. {
            assert!(step < STEPS_PER_PIECE_MAX + arrived.len() / 1024, "steps without an end");
            match layer.step(&mut peer) {
                Ok(HandshakeStep::Again) => {}
                Ok(HandshakeStep::NeedsRead) => break,
                Ok(HandshakeStep::Complete) => panic!("complete without the peer's keys"),
                Ok(HandshakeStep::NeedsWrite) => panic!("a stream with room is full"),
                Err(_) => return assert!(peer.sent <= ANSWER_BYTES_MAX, "{} bytes", peer.sent),
            }
        }
        assert!(peer.sent <= ANSWER_BYTES_MAX, "{} bytes", peer.sent);
    }
}
