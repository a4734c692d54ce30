//! [`ClientTlsSettings`]: files and verification of TLS, as a program or the environment names them.
//!
//! Must not: open a file; the transport does, when it connects.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The environment variable with which every program uses TLS.
const SWITCH_VARIABLE: &str = "GEARMAN_TLS";
/// The environment variable that says what is verified.
const VERIFY_VARIABLE: &str = "GEARMAN_TLS_VERIFY";
/// The environment variable of the original for the authorities' certificates.
pub const CA_VARIABLE: &str = "GEARMAND_CA_CERTIFICATE";
/// The environment variable of the original for the client's certificate.
const CERTIFICATE_VARIABLE: &str = "GEARMAN_CLIENT_PEM";
/// The environment variable of the original for the client's key.
const KEY_VARIABLE: &str = "GEARMAN_CLIENT_KEY";

/// The original's places for files that are not named: used if they exist.
const CA_FILE: &str = "/etc/ssl/certs/gearmand-ca.pem";
const CERTIFICATE_FILE: &str = "/etc/ssl/certs/gearman.pem";
const KEY_FILE: &str = "/etc/ssl/certs/gearman.key";

/// What is verified of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVerify {
    /// Nothing.
    Nothing,
    /// That an authority of the CA file has signed its certificate.
    Authority,
    /// Its name, too.
    Full,
}

impl TlsVerify {
    /// The value of a word: `none`, `ca` or `full`.
    pub fn of(word: &str) -> Option<TlsVerify> {
        Some(match word {
            "none" => TlsVerify::Nothing,
            "ca" => TlsVerify::Authority,
            "full" => TlsVerify::Full,
            _ => return None,
        })
    }
}

/// Files and verification. What is None is taken from the environment when a connection is
/// made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsSettings {
    /// The certificates of trusted authorities.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate.
    pub certificate_file: Option<PathBuf>,
    /// The key of the client's certificate.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have, if not the name of its host.
    pub server_name: Option<String>,
    /// What is verified of a server.
    pub verify: Option<TlsVerify>,
}

impl ClientTlsSettings {
    /// Completes the settings from the environment, and with the original's places for files.
    ///
    /// # Errors
    /// If a variable has a value that it cannot have.
    pub fn completed(&self) -> io::Result<ClientTlsSettings> {
        self.completed_from(|name| std::env::var_os(name), Path::exists)
    }

    fn completed_from(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
        exists: impl Fn(&Path) -> bool,
    ) -> io::Result<ClientTlsSettings> {
        let mut all = self.clone();
        let named = |name: &str| variable(name).filter(|v| !v.is_empty());
        let file = |name: &str| named(name).map(PathBuf::from);
        let place = |path: &str| exists(Path::new(path)).then(|| PathBuf::from(path));
        all.ca_file = all.ca_file.or_else(|| file(CA_VARIABLE)).or_else(|| place(CA_FILE));
        if all.certificate_file.is_none() && all.key_file.is_none() {
            (all.certificate_file, all.key_file) = (file(CERTIFICATE_VARIABLE), file(KEY_VARIABLE));
        }
        if all.certificate_file.is_none() && all.key_file.is_none() && exists(Path::new(KEY_FILE)) {
            all.certificate_file = place(CERTIFICATE_FILE);
            all.key_file = all.certificate_file.as_ref().and_then(|_| place(KEY_FILE));
        }
        if let (None, Some(word)) = (all.verify, named(VERIFY_VARIABLE)) {
            let word = word.to_string_lossy();
            let wrong = || {
                let text = format!("TLS: {VERIFY_VARIABLE} is '{word}'; use full, ca or none");
                io::Error::new(io::ErrorKind::InvalidInput, text)
            };
            all.verify = Some(TlsVerify::of(&word).ok_or_else(wrong)?);
        }
        Ok(all)
    }
}

/// Whether the environment gives TLS to every program: `GEARMAN_TLS` has a value other than
/// `off`, `no` and `0`. A misspelt value must not turn TLS off.
pub fn is_tls_in_environment() -> bool {
    std::env::var_os(SWITCH_VARIABLE).is_some_and(|value| is_on(&value.to_string_lossy()))
}

fn is_on(value: &str) -> bool {
    !["", "off", "no", "0", "false"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(
        settings: &ClientTlsSettings,
        variables: &[(&str, &str)],
    ) -> io::Result<ClientTlsSettings> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        settings.completed_from(find, |_| false)
    }

    #[test]
    fn what_the_program_names_goes_before_the_environment() {
        let given = ClientTlsSettings {
            ca_file: Some("mine".into()),
            key_file: Some("my.key".into()),
            verify: Some(TlsVerify::Full),
            ..ClientTlsSettings::default()
        };
        let variables = [
            (CA_VARIABLE, "theirs"),
            (CERTIFICATE_VARIABLE, "their.pem"),
            (KEY_VARIABLE, "their.key"),
            (VERIFY_VARIABLE, "none"),
        ];
        assert_eq!(completed(&given, &variables).expect("complete"), given);
        let all = completed(&ClientTlsSettings::default(), &variables).expect("complete");
        assert_eq!(all.ca_file, Some("theirs".into()));
        assert_eq!(all.certificate_file, Some("their.pem".into()));
        assert_eq!(
            (all.key_file, all.verify),
            (Some("their.key".into()), Some(TlsVerify::Nothing))
        );
    }

    #[test]
    fn a_wrong_word_for_verification_is_an_error_that_names_it() {
        let error = completed(&ClientTlsSettings::default(), &[(VERIFY_VARIABLE, "yes")]);
        let text = error.expect_err("wrong").to_string();
        assert_eq!(text, "TLS: GEARMAN_TLS_VERIFY is 'yes'; use full, ca or none");
        let empty =
            completed(&ClientTlsSettings::default(), &[(VERIFY_VARIABLE, "")]).expect("none");
        assert_eq!(empty, ClientTlsSettings::default());
    }

    #[test]
    fn the_files_of_the_original_are_used_if_they_exist() {
        let all =
            ClientTlsSettings::default().completed_from(|_| None, |_| true).expect("complete");
        assert_eq!(all.ca_file, Some(CA_FILE.into()));
        assert_eq!(all.certificate_file, Some(CERTIFICATE_FILE.into()));
        assert_eq!(all.key_file, Some(KEY_FILE.into()));
        let only = |path: &Path| path == Path::new(KEY_FILE);
        let all = ClientTlsSettings::default().completed_from(|_| None, only).expect("complete");
        assert_eq!(all, ClientTlsSettings::default());
    }

    #[test]
    fn a_misspelt_switch_does_not_turn_tls_off() {
        assert!(["on", "1", "true", "of"].iter().all(|word| is_on(word)));
        assert!(!["off", "OFF", "no", "0", "false", ""].iter().any(|word| is_on(word)));
    }
}
