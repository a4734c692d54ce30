//! TLS of HTTP connections.
//!
//! Must not: interpret requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::{Certificate, TlsPolicy};
use gearman_session::PeerIdentity;
use gearman_tls::{CertificateNames, HANDSHAKE_BYTE};

/// How the HTTP bridge has TLS.
#[derive(Clone, Debug)]
pub(crate) struct HttpTls {
    pub(crate) certificate: Certificate,
    pub(crate) policy: TlsPolicy,
    pub(crate) handshake_timeout: Duration,
}

/// An HTTP connection's stream.
pub(super) enum HttpStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl HttpStream {
    /// Shakes hands, if the connection has TLS.
    ///
    /// # Errors
    /// Why the hand-shake has failed, or that it took too long.
    pub(super) async fn accept(stream: TcpStream, tls: Option<&HttpTls>) -> io::Result<HttpStream> {
        let Some(tls) = tls.filter(|tls| tls.policy != TlsPolicy::Plain) else {
            return Ok(HttpStream::Plain(stream));
        };
        if tls.policy == TlsPolicy::Either {
            let mut first = [0];
            stream.peek(&mut first).await?;
            if first != [HANDSHAKE_BYTE] {
                return Ok(HttpStream::Plain(stream));
            }
        }
        let acceptor = TlsAcceptor::from(tls.certificate.current().config());
        let stream = timeout(tls.handshake_timeout, acceptor.accept(stream)).await??;
        Ok(HttpStream::Tls(Box::new(stream)))
    }

    /// The names of the peer's certificate, if it has shown one.
    pub(super) fn identity(&self) -> Option<Arc<PeerIdentity>> {
        let HttpStream::Tls(stream) = self else { return None };
        let shown = stream.get_ref().1.peer_certificates()?.first()?;
        let CertificateNames { common_name, alternative_names, .. } = CertificateNames::of(shown)?;
        Some(Arc::new(PeerIdentity { common_name, alternative_names }))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            HttpStream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            HttpStream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            HttpStream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            HttpStream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            HttpStream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            HttpStream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            HttpStream::Plain(stream) => stream.is_write_vectored(),
            HttpStream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            HttpStream::Plain(stream) => Pin::new(stream).poll_flush(context),
            HttpStream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            HttpStream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            HttpStream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
