//! TLS as the tools' options name it.
//!
//! Must not: read a file.

use std::env;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use gearman_engine::settings::Settings;
use gearman_net::{CA_VARIABLE, ClientTlsSettings, TlsVerify};

/// The options of TLS, which both tools have.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsArguments {
    /// Connect with TLS. A host may also be written tls://HOST.
    // A short form that is unique among the original's options.
    #[arg(short = 'S', long, alias = "ss")]
    ssl: bool,

    /// Certificates of the authorities that may sign the server's certificate, in PEM
    /// [default: GEARMAND_CA_CERTIFICATE]. Turns TLS on, as the next three do.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_ca_file: Option<PathBuf>,

    /// Certificate of this client, in PEM [default: GEARMAN_CLIENT_PEM].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_certificate: Option<PathBuf>,

    /// Key of that certificate, in PEM [default: GEARMAN_CLIENT_KEY].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssl_key: Option<PathBuf>,

    /// What is verified of the server: full (authority and name), ca (authority) or none
    /// [default: GEARMAN_TLS_VERIFY, or ca].
    #[arg(long, value_name = "WHAT", value_parser = parse_verify)]
    ssl_verify: Option<Verify>,
}

/// What is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verify(TlsVerify);

fn parse_verify(word: &str) -> Result<Verify, &'static str> {
    TlsVerify::of(word).map(Verify).ok_or("use full, ca or none")
}

impl TlsArguments {
    /// Whether the variable of the original that names a CA file is set. It turns TLS on in
    /// `gearman`.
    pub(crate) fn is_in_environment() -> bool {
        env::var_os(CA_VARIABLE).is_some_and(|file| !file.is_empty())
    }

    /// Sets TLS on a handle; `always` if it is on without an option.
    pub(crate) fn apply(&self, settings: &mut Settings, always: bool) {
        let TlsArguments { ssl, ssl_ca_file, ssl_certificate, ssl_key, ssl_verify } = self;
        let is_named = ssl_ca_file.is_some()
            || ssl_certificate.is_some()
            || ssl_key.is_some()
            || ssl_verify.is_some();
        settings.tls = *ssl || is_named || always;
        settings.tls_settings = ClientTlsSettings {
            ca_file: ssl_ca_file.clone(),
            certificate_file: ssl_certificate.clone(),
            key_file: ssl_key.clone(),
            server_name: None,
            verify: ssl_verify.map(|verify| verify.0),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naming_a_file_turns_tls_on() {
        let applied = |arguments: TlsArguments, always| {
            let mut settings = Settings::default();
            arguments.apply(&mut settings, always);
            settings.tls
        };
        assert!(!applied(TlsArguments::default(), false));
        assert!(applied(TlsArguments::default(), true));
        let named = TlsArguments { ssl_ca_file: Some("ca.pem".into()), ..TlsArguments::default() };
        assert!(applied(named, false));
        assert_eq!(parse_verify("all"), Err("use full, ca or none"));
    }
}
