//! [`TlsError`]: what is wrong, in words for an operator.
//!
//! Must not: decide what happens to the connection.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use std::fmt;
use std::io;

/// A failure of TLS, with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl TlsError {
    pub(crate) fn new(text: impl Into<String>) -> TlsError {
        TlsError(text.into())
    }

    /// Whether an error of a stream is a failure of TLS, not of the socket.
    pub fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<TlsError>())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.0)
    }
}

impl std::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> TlsError {
        TlsError(text(&error))
    }
}

/// The words for a failure of the hand-shake or of a record.
fn text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => format!("the peer's certificate {}", certificate(why)),
        Error::InvalidCertRevocationList(why) => format!("a revocation list is wrong: {why:?}"),
        Error::NoCertificatesPresented => "the peer has shown no certificate".into(),
        Error::AlertReceived(alert) => received(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS".into()
        }
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => "the peer has no version of TLS from 1.2 on".into(),
        Error::PeerIncompatible(why) => format!("the peer cannot agree with this side: {why:?}"),
        Error::DecryptError => "a record is damaged".into(),
        other => other.to_string(),
    }
}

/// What is wrong with a certificate, to be read behind "the peer's certificate".
fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "has expired".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => "is not valid yet".into(),
        E::Revoked => "is revoked".into(),
        E::UnknownIssuer => {
            "is not signed by an authority of the CA file, or certificates between the two are \
             missing"
                .into()
        }
        E::BadSignature => "has a wrong signature".into(),
        E::NotValidForName => "is for another name".into(),
        E::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("has no alternative name; '{}' is needed", expected.to_str())
        }
        E::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!("is for {}, not for '{}'", names.join(", "), expected.to_str())
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "is not meant for this side of a connection (extended key usage)".into()
        }
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            "cannot be checked: the revocation list has expired".into()
        }
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed with an algorithm that is not supported, such as SHA-1, or has an RSA key \
             of fewer than 2048 bits"
                .into()
        }
        E::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "is of version 1; version 3 is needed (openssl x509 with -extfile makes it)".into()
        }
        E::Other(other) => format!("is wrong: {other}"),
        other => format!("is wrong: {other}"),
    }
}

/// A name without its kind: of `DnsName("a")`, `a`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// The words for an alert, with which the peer ends a connection.
fn received(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let why = match alert {
        A::CertificateRequired => "it requires a certificate of this side",
        A::UnknownCA => "it does not know the authority of this side's certificate",
        A::CertificateExpired => "this side's certificate has expired",
        A::CertificateRevoked => "this side's certificate is revoked",
        A::BadCertificate | A::CertificateUnknown | A::UnsupportedCertificate => {
            "it does not accept this side's certificate"
        }
        A::AccessDenied => "it denies access",
        A::ProtocolVersion => "it has no version of TLS from 1.2 on",
        A::HandshakeFailure => "it has no algorithm in common, or requires a certificate",
        _ => return format!("the peer ended the connection: alert {alert:?}"),
    };
    format!("the peer refused the connection: {why}")
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn an_error_of_a_stream_is_recognised_as_one_of_tls() {
        let error = io::Error::from(TlsError::new("x"));
        assert!(TlsError::is_in(&error) && error.to_string() == "TLS: x");
        assert!(!TlsError::is_in(&io::ErrorKind::ConnectionReset.into()));
    }

    #[test]
    fn an_alert_says_what_the_peer_requires() {
        let error = TlsError::from(Error::AlertReceived(AlertDescription::CertificateRequired));
        let expected = "the peer refused the connection: it requires a certificate of this side";
        assert_eq!(error.0, expected);
    }
}
