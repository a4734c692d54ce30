//! Options of TLS.
//!
//! Must not: read the files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use super::values::{number, parse_port};
use gearman_tls::{ClientCertificates, ServerSettings};

/// The original's places for files that neither an option nor the environment names.
const SERVER_CERTIFICATE_FILE: &str = "/etc/ssl/certs/gearmand.pem";
const SERVER_KEY_FILE: &str = "/etc/ssl/certs/gearmand.key";
const SERVER_CA_FILE: &str = "/etc/ssl/certs/gearmand-ca.pem";

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsOptions {
    /// Speak TLS on every TCP port, HTTP and metrics included. Unix sockets stay without.
    #[arg(long)]
    pub(crate) ssl: bool,

    /// Address and port to listen on with TLS, beside the ports without: [ADDRESS:]PORT;
    /// may be given more than once. HTTP and metrics then accept both.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    pub(crate) ssl_listen: Vec<TlsAddress>,

    /// With --ssl: accept connections without TLS on the same ports, told by their first
    /// byte.
    #[arg(long)]
    pub(crate) ssl_optional: bool,

    /// The server's certificate, followed by those between it and its authority, in PEM.
    /// Default: GEARMAND_SERVER_PEM, or /etc/ssl/certs/gearmand.pem.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_certificate: Option<OsString>,

    /// The certificate's key, in PEM and not encrypted. Default: GEARMAND_SERVER_KEY, or
    /// /etc/ssl/certs/gearmand.key.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_key: Option<OsString>,

    /// Certificates of the authorities that sign clients' certificates, and their
    /// revocation lists, in PEM. Default: GEARMAND_CA_CERTIFICATE, or
    /// /etc/ssl/certs/gearmand-ca.pem.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_ca_file: Option<OsString>,

    /// Whether clients show certificates: off, optional (one that is shown must be valid)
    /// or required.
    #[arg(long, value_name = "WHEN", default_value = "off", hide_possible_values = true)]
    ssl_verify_client: VerifyClient,

    /// Seconds for a hand-shake; a connection that takes longer is closed.
    #[arg(long = "ssl-handshake-timeout", value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = number(1..=3600_u32, "seconds"))]
    pub(crate) handshake_seconds: u32,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerifyClient {
    Off,
    Optional,
    Required,
}

/// Where to listen with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsAddress {
    /// The address or host name; empty for every address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

fn parse_listen(text: &str) -> Result<TlsAddress, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = parse_port(port)?;
    Ok(TlsAddress { host: host.to_owned(), port })
}

impl TlsOptions {
    /// What is wrong with the options together.
    pub(super) fn error(&self) -> Option<String> {
        let text = "option '--ssl-optional' needs '--ssl'";
        (self.ssl_optional && !self.ssl).then(|| text.into())
    }

    /// Whether anything has TLS.
    pub(crate) fn is_enabled(&self) -> bool {
        self.ssl || !self.ssl_listen.is_empty()
    }

    /// The files and rules, from options, environment and defaults.
    pub(crate) fn settings(&self) -> ServerSettings {
        let file = |option: &Option<OsString>, variable: &str, place: &str| {
            let given = option.clone().filter(|value| !value.is_empty());
            let named = || std::env::var_os(variable).filter(|value| !value.is_empty());
            PathBuf::from(given.or_else(named).unwrap_or_else(|| place.into()))
        };
        let ca_file = file(&self.ssl_ca_file, "GEARMAND_CA_CERTIFICATE", SERVER_CA_FILE);
        let is_ca_named = ca_file != Path::new(SERVER_CA_FILE) || ca_file.exists();
        ServerSettings {
            certificate_file: file(
                &self.ssl_certificate,
                "GEARMAND_SERVER_PEM",
                SERVER_CERTIFICATE_FILE,
            ),
            key_file: file(&self.ssl_key, "GEARMAND_SERVER_KEY", SERVER_KEY_FILE),
            ca_file: is_ca_named.then_some(ca_file),
            client_certificates: match self.ssl_verify_client {
                VerifyClient::Off => ClientCertificates::Off,
                VerifyClient::Optional => ClientCertificates::Optional,
                VerifyClient::Required => ClientCertificates::Required,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_listen_is_a_port_with_or_without_an_address() {
        let parsed = |text| parse_listen(text).map(|found| (found.host, found.port));
        assert_eq!(parsed("4731"), Ok((String::new(), 4731)));
        assert_eq!(parsed("127.0.0.1:4731"), Ok(("127.0.0.1".into(), 4731)));
        assert_eq!(parsed("[::1]:4731"), Ok(("[::1]".into(), 4731)));
        assert_eq!(parsed("*:4731"), Ok(("*".into(), 4731)));
        assert!(parsed("127.0.0.1:").is_err() && parsed("no-such-port").is_err());
    }
}
