//! Certificates, keys and revocation lists in PEM files.
//!
//! Must not: verify anything.

use crate::TlsError;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Largest file that is read, in bytes. A bundle of all public authorities has 250 KB.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The certificates and revocation lists of trusted authorities.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) revocation_lists: Vec<CertificateRevocationListDer<'static>>,
}

/// Reads a file of certificates and revocation lists.
pub(crate) fn authorities(path: &Path) -> Result<Authorities, TlsError> {
    let text = read(path)?;
    let mut found = Authorities::default();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
        match section.map_err(|error| wrong(path, &format!("is damaged: {error}")))? {
            (SectionKind::Certificate, der) => found.certificates.push(der.into()),
            (SectionKind::Crl, der) => found.revocation_lists.push(der.into()),
            _ => {}
        }
    }
    if found.certificates.is_empty() {
        return Err(no_certificate(path));
    }
    Ok(found)
}

/// Reads a certificate and the certificates between it and its authority, in this order.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = found.map_err(|error| wrong(path, &format!("is damaged: {error}")))?;
    if chain.is_empty() { Err(no_certificate(path)) } else { Ok(chain) }
}

/// Reads a private key.
pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    let has = |part: &str| text.windows(part.len()).any(|window| window == part.as_bytes());
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        let what = "has an encrypted key, which is not supported; openssl pkey decrypts it";
        return Err(wrong(path, what));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => wrong(path, "has no private key in PEM"),
        error => wrong(path, &format!("is damaged: {error}")),
    })
}

/// An error about a file.
pub(crate) fn wrong(path: &Path, what: &str) -> TlsError {
    TlsError::new(format!("{} {what}", path.display()))
}

fn no_certificate(path: &Path) -> TlsError {
    wrong(path, "has no certificate in PEM")
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::new(format!("cannot read {}: {error}", path.display()));
    // Opening a FIFO would wait for its writer, and a server reads its files again while it runs.
    let mut options = File::options();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    // The open file, not the path: what that names may change in between.
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(wrong(path, "is not a file"));
    }
    let mut text = Vec::new();
    // One byte more shows that the file is too large.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong(path, "is larger than 16 MiB"));
    }
    Ok(text)
}

/// What tells that a file was replaced or written: its inode, size and time of change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileState(Vec<Option<(u64, u64, SystemTime)>>);

impl FileState {
    /// The state of some files; a file that cannot be read has one, too.
    pub(crate) fn of(paths: &[&Option<PathBuf>]) -> FileState {
        use std::os::unix::fs::MetadataExt;
        let state = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.len(), found.modified().ok()?))
        };
        FileState(paths.iter().map(|path| path.as_ref().and_then(state)).collect())
    }
}
