//! TLS to a store: rustls with ring.
//!
//! Must not: open a connection.

use std::path::{Path, PathBuf};

/// How much of the store's certificate is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS.
    #[default]
    Off,
    /// Encrypted; the certificate is not verified, so an attacker on the path is not noticed.
    Encrypt,
    /// The certificate must come from the given authorities, whatever name it has.
    Authority,
    /// The certificate must come from the authorities and have the name of the host.
    Full,
}

/// TLS as the options ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// What is verified.
    pub mode: TlsMode,
    /// Certificates of authorities, PEM; without it, those of the system.
    pub authorities: Option<PathBuf>,
    /// Certificate of this server as a client, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// Where systems keep their authorities.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl TlsSettings {
    /// The file of authorities: the one that was named, or the system's.
    ///
    /// # Errors
    /// If none was named and the system has none.
    pub fn authorities_file(&self) -> Result<PathBuf, String> {
        let system = || SYSTEM_AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
        let file = self.authorities.as_deref().or_else(system);
        file.map(Path::to_owned)
            .ok_or_else(|| "TLS: this system has no file of authorities; name one".to_owned())
    }
}

#[cfg(feature = "tls")]
mod client {
    //! The configuration of a client in rustls.

    use std::path::Path;
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
    use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::server::ParsedCertificate;
    use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

    use super::{TlsMode, TlsSettings};

    impl TlsSettings {
        /// What a client of rustls is made with.
        ///
        /// # Errors
        /// If a file cannot be read or has nothing usable. The text names the file.
        pub fn client_config(&self) -> Result<ClientConfig, String> {
            let provider = Arc::new(ring::default_provider());
            let verifier = Verifier {
                mode: self.mode,
                authorities: match self.mode {
                    TlsMode::Off | TlsMode::Encrypt => Vec::new(),
                    TlsMode::Authority | TlsMode::Full => certificates(&self.authorities_file()?)?,
                },
                provider: Arc::clone(&provider),
            };
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| format!("TLS: {error}"))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier));
            let Some(file) = &self.certificate else { return Ok(builder.with_no_client_auth()) };
            let key_file = self.key.as_ref().unwrap_or(file);
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| format!("{}: no usable key: {error}", key_file.display()))?;
            builder
                .with_client_auth_cert(certificates(file)?, key)
                .map_err(|error| format!("{}: {error}", file.display()))
        }
    }

    fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let found = CertificateDer::pem_file_iter(file).map_err(|error| named(&error))?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| named(&error))?;
        match found.is_empty() {
            true => Err(named(&"no certificate in this file")),
            false => Ok(found),
        }
    }

    /// Verifies as much as its mode asks for. Signatures of the handshake are always verified.
    #[derive(Debug)]
    struct Verifier {
        mode: TlsMode,
        authorities: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    }

    impl Verifier {
        /// A certificate that is itself among the authorities is accepted, as by OpenSSL: databases
        /// often have one without another signature.
        fn verify_chain(
            &self,
            leaf: &CertificateDer<'_>,
            parsed: &ParsedCertificate<'_>,
            intermediates: &[CertificateDer<'_>],
            now: UnixTime,
        ) -> Result<(), Error> {
            if self.authorities.iter().any(|known| known.as_ref() == leaf.as_ref()) {
                return Ok(());
            }
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.authorities.iter().cloned());
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                parsed,
                &roots,
                intermediates,
                now,
                algorithms,
            )
        }
    }

    impl ServerCertVerifier for Verifier {
        fn verify_server_cert(
            &self,
            leaf: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            name: &ServerName<'_>,
            _ocsp: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            if matches!(self.mode, TlsMode::Authority | TlsMode::Full) {
                let parsed = ParsedCertificate::try_from(leaf)?;
                self.verify_chain(leaf, &parsed, intermediates, now)?;
                if self.mode == TlsMode::Full {
                    verify_server_name(&parsed, name)?;
                }
            }
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    }
}
