//! [`TlsSocket`]: a socket with TLS over it.
//!
//! Must not: send anything on drop; a forked child drops its parent's connections.

use super::socket::Socket;
use super::{ClientTlsSettings, Liveness, TlsVerify};
use gearman_tls::{ClientContext, ClientRecords, ClientSettings, HandshakeStep, Verification};
use std::io::{self, IoSlice, Read, Write};

/// A TCP or Unix stream under a record layer.
#[derive(Debug)]
pub(super) struct TlsSocket {
    pub(super) socket: Socket,
    records: ClientRecords,
}

/// The system calls of the socket, as a stream.
struct Calls<'a>(&'a Socket);

impl Read for Calls<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.recv_into(space)
    }
}

impl Write for Calls<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes, &[])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send_parts(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A record layer for a new connection to `host`.
///
/// # Errors
/// What is wrong with a file or a variable.
pub(super) fn records(
    context: &mut ClientContext,
    settings: &ClientTlsSettings,
    host: &str,
) -> io::Result<ClientRecords> {
    let ClientTlsSettings { ca_file, certificate_file, key_file, server_name, verify } =
        settings.completed()?;
    let settings = ClientSettings {
        ca_file,
        certificate_file,
        key_file,
        server_name,
        verification: match verify {
            Some(TlsVerify::Nothing) => Verification::Nothing,
            None | Some(TlsVerify::Authority) => Verification::Authority,
            Some(TlsVerify::Full) => Verification::Full,
        },
    };
    Ok(context.connect(&settings, host)?)
}

impl TlsSocket {
    pub(super) fn new(socket: Socket, records: ClientRecords) -> TlsSocket {
        TlsSocket { socket, records }
    }

    /// Continues to connect and to shake hands. `WouldBlock` while either lasts.
    pub(super) fn finish_connect(&mut self) -> io::Result<()> {
        self.socket.finish_connect()?;
        loop {
            match self.records.step(&mut Calls(&self.socket))? {
                HandshakeStep::Complete => return Ok(()),
                HandshakeStep::Again => {}
                HandshakeStep::NeedsRead | HandshakeStep::NeedsWrite => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }
    }

    pub(super) fn send(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let parts = [IoSlice::new(head), IoSlice::new(body)];
        let mut calls = Calls(&self.socket);
        self.records
            .send(&mut calls, &parts)
            .map_err(|error| self.records.reason(&mut calls, error))
    }

    pub(super) fn receive(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.records.receive(&mut Calls(&self.socket), space)
    }

    /// The state of an idle connection. Records without bytes for the user may arrive on one,
    /// and the peer's word that it closes is a record, too.
    pub(super) fn liveness(&mut self) -> Liveness {
        match self.socket.liveness() {
            Liveness::Readable => match self.records.look(&mut Calls(&self.socket)) {
                Ok(true) => Liveness::Readable,
                Ok(false) => Liveness::Quiet,
                Err(_) => Liveness::Dead,
            },
            other => other,
        }
    }

    /// Tells the peer that this side closes.
    pub(super) fn say_goodbye(&mut self) {
        self.records.close(&mut Calls(&self.socket));
    }
}
