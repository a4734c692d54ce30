//! [`CertificateNames`]: the names and the time of expiry in a certificate.
//!
//! Must not: verify anything.

use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The names in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// The common name of the subject.
    pub common_name: Option<String>,
    /// Host names, IP addresses, mail addresses and URIs, as text.
    pub alternative_names: Vec<String>,
    /// When the certificate expires, in seconds since 1970.
    pub expires_unix_seconds: i64,
}

impl CertificateNames {
    /// The names in a certificate; none if it cannot be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<CertificateNames> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let common_name = certificate.subject().iter_common_name().next();
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        Some(CertificateNames {
            common_name: common_name.and_then(|name| name.as_str().ok()).map(str::to_owned),
            alternative_names: alternatives
                .iter()
                .flat_map(|names| &names.value.general_names)
                .filter_map(text)
                .collect(),
            expires_unix_seconds: certificate.validity().not_after.timestamp(),
        })
    }
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}
