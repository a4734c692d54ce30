//! [`Settings`]: what client and worker have in common: namespace, identifier, server
//! options, timeout, modes.
//!
//! Must not: do I/O.

use super::ReturnCode;
use gearman_net::{ClientTlsSettings, KeepaliveTime};
use gearman_protocol::limits::MAX_IDENTIFIER;
use std::ffi::CString;
use std::time::{Duration, Instant};

/// Settings of one handle.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Prefix of every function name on the wire; may be empty.
    pub namespace: Option<CString>,
    /// Sent as SET_CLIENT_ID on every connection.
    pub identifier: Vec<u8>,
    /// Sent as OPTION_REQ on every connection.
    pub server_options: Vec<Vec<u8>>,
    /// Timeout of calls that wait; None for no limit.
    pub timeout: Option<Duration>,
    /// Return instead of waiting.
    pub non_blocking: bool,
    /// End a wait when a signal arrives.
    pub stop_on_signal: bool,
    /// Choose the server of a job by its unique id, if the caller gave one.
    pub by_unique: bool,
    /// How often a task may be submitted again after its server was lost. Its job may then
    /// run more than once.
    pub resubmissions: u16,
    /// When a vanished host is noticed, on connections that are made later.
    pub keepalive: KeepaliveTime,
    /// Every TCP connection has TLS.
    pub tls: bool,
    /// Files and verification of TLS.
    pub tls_settings: ClientTlsSettings,
}

impl Settings {
    /// The deadline of a wait that begins at `start`; None without a timeout.
    pub fn deadline(&self, start: Instant) -> Option<Instant> {
        start.checked_add(self.timeout?)
    }

    /// Adds an option that is sent on every later connection, once.
    pub fn remember_option(&mut self, option: &[u8]) {
        if !self.server_options.iter().any(|o| o == option) {
            self.server_options.push(option.to_vec());
        }
    }

    /// The function name on the wire: the namespace and `function`.
    pub fn qualified(&self, function: &[u8]) -> Vec<u8> {
        let prefix = self.namespace.as_ref().map_or(&b""[..], |n| n.as_bytes());
        [prefix, function].concat()
    }

    /// Length of the namespace, in bytes.
    pub fn namespace_len(&self) -> usize {
        self.namespace.as_ref().map_or(0, |n| n.as_bytes().len())
    }

    /// Sets the namespace, up to its first NUL, or clears it. It may be empty.
    pub fn set_namespace(&mut self, namespace: Option<&[u8]>) {
        let text = namespace.map(gearman_protocol::packet::until_nul);
        self.namespace = text.and_then(|text| CString::new(text).ok());
    }

    /// Sets the identifier.
    ///
    /// # Errors
    /// `ARGUMENT_TOO_LARGE` beyond 254 bytes, `INVALID_ARGUMENT` for an empty identifier or
    /// one with unprintable bytes.
    pub fn set_identifier(&mut self, id: &[u8]) -> Result<(), (ReturnCode, &'static str)> {
        if id.is_empty() {
            return Err((ReturnCode::INVALID_ARGUMENT, "id was empty"));
        }
        if id.len() > MAX_IDENTIFIER {
            return Err((
                ReturnCode::ARGUMENT_TOO_LARGE,
                "id_size was greater then GEARMAN_MAX_ECHO_SIZE",
            ));
        }
        if !id.iter().all(u8::is_ascii_graphic) {
            return Err((ReturnCode::INVALID_ARGUMENT, "Invalid character found in identifier"));
        }
        self.identifier = id.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_goes_before_every_function() {
        let mut settings = Settings::default();
        assert_eq!(settings.qualified(b"f"), b"f");
        settings.set_namespace(Some(b"ns-"));
        assert_eq!((settings.qualified(b"f"), settings.namespace_len()), (b"ns-f".to_vec(), 3));
        settings.set_namespace(Some(b""));
        assert_eq!((settings.qualified(b"f"), settings.namespace_len()), (b"f".to_vec(), 0));
        settings.set_namespace(None);
        assert_eq!(settings.namespace, None);
    }

    #[test]
    fn an_identifier_is_printable_and_short() {
        let mut settings = Settings::default();
        let code = |r: Result<(), (ReturnCode, _)>| r.map_err(|(code, _)| code);
        assert_eq!(code(settings.set_identifier(b"me")), Ok(()));
        assert_eq!(code(settings.set_identifier(b"a b")), Err(ReturnCode::INVALID_ARGUMENT));
        assert_eq!(
            code(settings.set_identifier(&[b'x'; 255])),
            Err(ReturnCode::ARGUMENT_TOO_LARGE)
        );
        assert_eq!(settings.identifier, b"me");
    }
}
