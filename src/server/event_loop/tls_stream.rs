//! [`TlsStream`]: an accepted connection under a record layer.
//!
//! Must not: shake hands; [`Handshakes`](super::handshakes::Handshakes) does that before.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;

use gearman_session::PeerIdentity;
use gearman_tls::ServerRecords;

/// Bytes received at a time into memory that is not initialised.
const SPARE_BYTES_MAX: usize = 16 << 10;

/// A TCP connection with TLS.
#[derive(Debug)]
pub(crate) struct TlsStream {
    pub(super) socket: TcpStream,
    records: ServerRecords,
    identity: Option<Arc<PeerIdentity>>,
}

impl TlsStream {
    /// A connection whose hand-shake is complete.
    pub(super) fn new(socket: TcpStream, records: ServerRecords) -> TlsStream {
        let identity = records.peer_names().map(|names| {
            let (common_name, alternative_names) = (names.common_name, names.alternative_names);
            Arc::new(PeerIdentity { common_name, alternative_names })
        });
        TlsStream { socket, records, identity }
    }

    /// The names of the peer's certificate, if it has shown one.
    pub(super) fn identity(&self) -> Option<Arc<PeerIdentity>> {
        self.identity.clone()
    }

    /// As [`gearman_session::Stream::read_spare`].
    pub(super) fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let (before, room) = (into.len(), into.capacity() - into.len());
        let mut count = 0;
        while count < room {
            let piece = SPARE_BYTES_MAX.min(room - count);
            into.resize(before + count + piece, 0);
            let read = self.read(&mut into[before + count..]);
            into.truncate(before + count + read.as_ref().map_or(0, |&read| read));
            match read {
                Ok(read) => {
                    count += read;
                    if read < piece {
                        break;
                    }
                }
                // What is wrong is found again by the next read.
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

impl Read for TlsStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.records.receive(&mut self.socket, space)
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.records.send(&mut self.socket, &[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.records.send(&mut self.socket, parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is buffered that the socket has room for.
        Ok(())
    }
}

/// The peer is told of the end.
impl Drop for TlsStream {
    fn drop(&mut self) {
        self.records.close(&mut self.socket);
    }
}
