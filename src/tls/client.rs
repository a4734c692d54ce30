//! [`ClientContext`]: what the client's side of connections shares.
//!
//! Must not: read the environment; the settings are complete.

use crate::files::{self, FileState};
use crate::record_layer::RecordLayer;
use crate::verifier::ServerVerifier;
use crate::{TlsError, provider};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// What is verified of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: a machine between the two can read and change what is sent.
    Nothing,
    /// That an authority of the CA file has signed the certificate.
    #[default]
    Authority,
    /// As `Authority`, and that the certificate has the server's name.
    Full,
}

/// Files and verification of the client's side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The certificates of trusted authorities, and their revocation lists.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, and those up to its authority.
    pub certificate_file: Option<PathBuf>,
    /// The key of the client's certificate.
    pub key_file: Option<PathBuf>,
    /// What is verified of a server.
    pub verification: Verification,
    /// The name that the server's certificate must have, if not the name of its host.
    pub server_name: Option<String>,
}

/// The client's side of a connection.
pub type ClientRecords = RecordLayer<ClientConnection>;

/// Makes record layers for connections to servers. It reads the files with the first
/// connection, and again when they have changed.
#[derive(Debug, Default)]
pub struct ClientContext {
    loaded: Option<LoadedConfig>,
}

#[derive(Debug)]
struct LoadedConfig {
    settings: ClientSettings,
    state: FileState,
    config: Arc<ClientConfig>,
}

impl ClientContext {
    /// A record layer for a new connection to this host.
    ///
    /// # Errors
    /// If a file is missing or wrong, or the host's name cannot be verified.
    pub fn connect(
        &mut self,
        settings: &ClientSettings,
        host: &str,
    ) -> Result<ClientRecords, TlsError> {
        let config = self.config(settings)?;
        let name = server_name(settings, host)?;
        Ok(RecordLayer::new(ClientConnection::new(config, name)?))
    }

    /// Reads the files, to find what is wrong with them.
    ///
    /// # Errors
    /// As [`ClientContext::connect`], but for the name.
    pub fn check(&mut self, settings: &ClientSettings) -> Result<(), TlsError> {
        self.config(settings).map(drop)
    }

    fn config(&mut self, settings: &ClientSettings) -> Result<Arc<ClientConfig>, TlsError> {
        let ClientSettings { ca_file, certificate_file, key_file, .. } = settings;
        let state = FileState::of(&[ca_file, certificate_file, key_file]);
        if let Some(loaded) = &self.loaded
            && (&loaded.settings, &loaded.state) == (settings, &state)
        {
            return Ok(Arc::clone(&loaded.config));
        }
        let config = Arc::new(client_config(settings)?);
        self.loaded =
            Some(LoadedConfig { settings: settings.clone(), state, config: Arc::clone(&config) });
        Ok(config)
    }
}

/// Reads the files: a configuration for clients that have a record layer of their own.
///
/// # Errors
/// If a file is missing or wrong. The text names it.
pub fn client_config(settings: &ClientSettings) -> Result<ClientConfig, TlsError> {
    let ClientSettings { ca_file, certificate_file, key_file, verification, .. } = settings;
    let verifier = match (ca_file, verification) {
        (_, Verification::Nothing) => {
            ServerVerifier::new(files::Authorities::default(), *verification)
        }
        (Some(path), _) => ServerVerifier::new(files::authorities(path)?, *verification)
            .map_err(|error| files::wrong(path, &format!("cannot be used: {error}"))),
        (None, _) => Err(TlsError::new(
            "no file with the certificate of the server's authority is named \
             (GEARMAND_CA_CERTIFICATE)",
        )),
    }?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match (certificate_file, key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let (chain, key_der) = (files::chain(certificate)?, files::key(key)?);
            builder.with_client_auth_cert(chain, key_der).map_err(|error| {
                let text = format!("does not fit {}: {error}", certificate.display());
                files::wrong(key, &text)
            })
        }
        (Some(path), None) => Err(files::wrong(path, "has a certificate, but no key is named")),
        (None, Some(path)) => Err(files::wrong(path, "has a key, but no certificate is named")),
    }
}

/// The name to verify, which is also the one that the server is told.
fn server_name(settings: &ClientSettings, host: &str) -> Result<ServerName<'static>, TlsError> {
    let name = settings.server_name.as_deref().unwrap_or(host);
    match ServerName::try_from(name.to_owned()) {
        Ok(name) => Ok(name),
        // A path, or a name that DNS does not have. No name is sent with an address.
        Err(_) if settings.verification != Verification::Full => {
            Ok(ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
        }
        Err(_) => Err(TlsError::new(format!("'{name}' is no name that a certificate can have"))),
    }
}
