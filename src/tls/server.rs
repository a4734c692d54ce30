//! [`ServerContext`]: what the server's side of connections shares.
//!
//! Must not: know options or the log.

use crate::files;
use crate::identity::CertificateNames;
use crate::record_layer::RecordLayer;
use crate::verifier::roots;
use crate::{TlsError, provider};
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{ServerConfig, ServerConnection};
use std::path::PathBuf;
use std::sync::Arc;

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    #[default]
    Off,
    /// They are asked; one that is shown must be valid.
    Optional,
    /// A client without one is refused.
    Required,
}

/// Files and rules of the server's side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// The server's certificate, and those up to its authority.
    pub certificate_file: PathBuf,
    /// The key of the server's certificate.
    pub key_file: PathBuf,
    /// The authorities of clients, and their revocation lists.
    pub ca_file: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_certificates: ClientCertificates,
}

/// The server's side of a connection.
pub type ServerRecords = RecordLayer<ServerConnection>;

/// Makes record layers for accepted connections.
#[derive(Clone, Debug)]
pub struct ServerContext {
    config: Arc<ServerConfig>,
    names: CertificateNames,
}

impl ServerContext {
    /// Reads the files.
    ///
    /// # Errors
    /// If a file is missing or wrong; the error names it.
    pub fn load(settings: &ServerSettings) -> Result<ServerContext, TlsError> {
        let ServerSettings { certificate_file, key_file, ca_file, client_certificates } = settings;
        let (chain, key) = (files::chain(certificate_file)?, files::key(key_file)?);
        let names = chain.first().and_then(CertificateNames::of).unwrap_or_default();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let builder = match (client_certificates, ca_file) {
            (ClientCertificates::Off, _) => builder.with_no_client_auth(),
            (_, None) => {
                return Err(TlsError::new(
                    "clients are to show certificates, but no CA file is named",
                ));
            }
            (wanted, Some(path)) => {
                let authorities = files::authorities(path)?;
                let unusable = |why: String| files::wrong(path, &format!("cannot be used: {why}"));
                let roots = roots(&authorities).map_err(|error| unusable(error.to_string()))?;
                let mut verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                        .with_crls(authorities.revocation_lists)
                        .allow_unknown_revocation_status();
                if *wanted == ClientCertificates::Optional {
                    verifier = verifier.allow_unauthenticated();
                }
                let verifier = verifier.build().map_err(|error| unusable(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let text = format!("does not fit {}: {error}", certificate_file.display());
            files::wrong(key_file, &text)
        })?;
        // A new key: who was let in under other files must prove itself again.
        config.ticketer = tickets()?;
        Ok(ServerContext { config: Arc::new(config), names })
    }

    /// A record layer for an accepted connection.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn accept(&self) -> Result<ServerRecords, TlsError> {
        Ok(RecordLayer::new(ServerConnection::new(Arc::clone(&self.config))?))
    }

    /// The names in the server's certificate.
    pub fn names(&self) -> &CertificateNames {
        &self.names
    }

    /// The configuration of rustls.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn tickets() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    #[cfg(feature = "aws-lc-rs")]
    return Ok(rustls::crypto::aws_lc_rs::Ticketer::new()?);
    #[cfg(not(feature = "aws-lc-rs"))]
    Ok(rustls::crypto::ring::Ticketer::new()?)
}

impl ServerRecords {
    /// The names of the peer's certificate, if it has shown one; it was verified.
    pub fn peer_names(&self) -> Option<CertificateNames> {
        CertificateNames::of(self.connection().peer_certificates()?.first()?)
    }
}
