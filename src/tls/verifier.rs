//! [`ServerVerifier`]: which certificates of a server the client accepts.
//!
//! The chain is checked by rustls. Two things are decided here. A server's certificate that is
//! itself in the CA file is accepted even if it is marked as an authority, as self-signed
//! certificates are, or if its own authority is not. And whether a wrong name is an error.
//!
//! Must not: accept a chain that rustls refuses for another reason.

use crate::client::Verification;
use crate::files::Authorities;
use crate::{TlsError, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Verifies the certificate of a server.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    /// None accepts every certificate.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of the CA file.
    trusted: Vec<CertificateDer<'static>>,
    checks_name: bool,
}

impl ServerVerifier {
    /// A verifier with the authorities of a file; the error does not name it.
    pub(crate) fn new(
        authorities: Authorities,
        verification: Verification,
    ) -> Result<ServerVerifier, TlsError> {
        let chain = match verification {
            Verification::Nothing => None,
            _ => Some(chain_verifier(&authorities)?),
        };
        let checks_name = verification == Verification::Full;
        Ok(ServerVerifier { chain, trusted: authorities.certificates, checks_name })
    }
}

/// The authorities as trust anchors.
pub(crate) fn roots(authorities: &Authorities) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in &authorities.certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::new(format!("a certificate in it is damaged: {error}")))?;
    }
    Ok(roots)
}

fn chain_verifier(authorities: &Authorities) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let roots = Arc::new(roots(authorities)?);
    WebPkiServerVerifier::builder_with_provider(roots, provider())
        .with_crls(authorities.revocation_lists.iter().cloned())
        .allow_unknown_revocation_status()
        .build()
        .map_err(|error| TlsError::new(format!("a revocation list in it is wrong: {error}")))
}

/// Whether webpki refused a certificate only because it is marked as an authority, or because no
/// authority that has signed it is trusted.
fn is_only_untrusted(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            chain.verify_server_cert(certificate, intermediates, name, ocsp_response, now);
        match verified {
            // The name is checked last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            // Its time and its purpose were checked before its mark and its authority.
            Err(error)
                if is_only_untrusted(&error)
                    && self.trusted.iter().any(|trusted| trusted == certificate) =>
            {
                if self.checks_name {
                    let certificate = ParsedCertificate::try_from(certificate)?;
                    rustls::client::verify_server_name(&certificate, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
