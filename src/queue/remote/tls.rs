//! TLS to a store, with the verification of `gearman-tls`.
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
    //! The configuration of a client, and its failures in words.

    use std::error::Error;
    use std::io;
    use std::sync::Arc;

    use gearman_tls::rustls::{self, ClientConfig};
    use gearman_tls::{ClientSettings, TlsError, Verification, client_config};

    use super::{TlsMode, TlsSettings};

    impl TlsSettings {
        /// What a client of rustls is made with.
        ///
        /// # Errors
        /// If a file cannot be read or has nothing usable. The text names the file.
        pub fn client_config(&self) -> Result<ClientConfig, String> {
            let (verification, ca_file) = match self.mode {
                TlsMode::Off | TlsMode::Encrypt => (Verification::Nothing, None),
                TlsMode::Authority => (Verification::Authority, Some(self.authorities_file()?)),
                TlsMode::Full => (Verification::Full, Some(self.authorities_file()?)),
            };
            let settings = ClientSettings {
                ca_file,
                certificate_file: self.certificate.clone(),
                // A certificate without a file for its key has the key in its own.
                key_file: self.key.clone().or_else(|| self.certificate.clone()),
                verification,
                server_name: None,
            };
            client_config(&settings).map_err(|error| error.to_string())
        }
    }

    /// The failure of TLS among the causes of a library's error, in the words of our own
    /// connections.
    pub(crate) fn tls_failure(error: &(dyn Error + 'static)) -> Option<String> {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        causes.find_map(|cause| {
            // The redis crate shares its causes.
            let shared = cause.downcast_ref::<Arc<dyn Error + Send + Sync>>();
            let cause: &(dyn Error + 'static) = match shared {
                Some(shared) => shared.as_ref(),
                None => cause,
            };
            let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let found = match inner {
                Some(inner) => inner.downcast_ref::<rustls::Error>(),
                None => cause.downcast_ref::<rustls::Error>(),
            };
            found.map(|error| TlsError::from(error.clone()).to_string())
        })
    }
}

#[cfg(feature = "tls")]
pub(crate) use client::tls_failure;
