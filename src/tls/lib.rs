//! TLS for both sides: certificates from files, verification, and the record layer.
//!
//! [`RecordLayer`] encrypts and decrypts over any non-blocking stream. [`ClientContext`] and
//! `ServerContext` read certificates and keys from files and make record layers of them. An
//! error names the file or the certificate that is wrong, and what is wrong with it.
//!
//! Must not: open sockets, wait, read the environment, or start threads.

#![forbid(unsafe_code)]

mod client;
mod error;
mod files;
#[cfg(feature = "server")]
mod identity;
mod record_layer;
#[cfg(feature = "server")]
mod server;
#[cfg(test)]
mod tests;
mod verifier;

pub use client::{ClientContext, ClientRecords, ClientSettings, Verification, client_config};
pub use error::TlsError;
#[cfg(feature = "server")]
pub use identity::CertificateNames;
pub use record_layer::{HandshakeStep, RecordLayer};
pub use rustls;
#[cfg(feature = "server")]
pub use server::{ClientCertificates, ServerContext, ServerRecords, ServerSettings};

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The first byte of a TLS connection: the type of a record with a hand-shake message. No packet
/// and no text command begins with it.
pub const HANDSHAKE_BYTE: u8 = 0x16;

/// The cryptography that this build has.
pub fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(not(feature = "aws-lc-rs"))]
    Arc::new(rustls::crypto::ring::default_provider())
}
