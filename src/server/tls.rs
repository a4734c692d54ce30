//! The server's certificate: read at the start and on SIGHUP, shared by the event loop and the
//! HTTP thread, and watched for its expiry.
//!
//! Must not: know connections.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::log::{Level, Log};
use gearman_tls::{ServerContext, ServerSettings, TlsError};

/// Time before the expiry of the certificate from which the log warns.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);
/// Time between two such warnings.
pub(crate) const EXPIRY_CHECK_PERIOD: Duration = Duration::from_secs(24 * 3600);

/// Which connections of a listener have TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TlsPolicy {
    /// None.
    #[default]
    Plain,
    /// Those that begin with a TLS record.
    Either,
    /// All.
    Required,
}

/// The certificate and its key, which can be replaced. A clone is the same one.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    settings: Arc<ServerSettings>,
    current: Arc<RwLock<ServerContext>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// If one is missing or wrong.
    pub(crate) fn load(settings: ServerSettings) -> Result<Certificate, TlsError> {
        let current = Arc::new(RwLock::new(ServerContext::load(&settings)?));
        Ok(Certificate { settings: Arc::new(settings), current })
    }

    /// What new connections get.
    pub(crate) fn current(&self) -> ServerContext {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. Connections that are open keep what they have.
    ///
    /// # Errors
    /// If a file is missing or wrong; what was read before stays in force.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let fresh = ServerContext::load(&self.settings)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// When the certificate expires, in seconds since 1970.
    pub(crate) fn expires_unix_seconds(&self) -> i64 {
        self.current().names().expires_unix_seconds
    }

    /// Warns if every user of the machine can read the key.
    pub(crate) fn report_readable_key(&self, log: &mut Log) {
        let file = &self.settings.key_file;
        let mode = std::fs::metadata(file).map_or(0, |found| found.permissions().mode() & 0o777);
        if mode & 0o007 != 0 {
            let file = file.display();
            log.write_always(
                Level::Warning,
                format_args!(
                    "{file}: every user can read or write the key (mode {mode:o}); \
                     chmod 600 or 640 it"
                ),
            );
        }
    }

    /// Warns if the certificate has expired or soon will.
    pub(crate) fn report_expiry(&self, log: &mut Log) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let left = self.expires_unix_seconds().saturating_sub_unsigned(now);
        let file = self.settings.certificate_file.display();
        if left < 0 {
            let days = left.unsigned_abs() / (24 * 3600);
            log.write(
                Level::Error,
                format_args!(
                    "The certificate in {file} expired {days} days ago: clients refuse it. \
                     Replace it and send SIGHUP"
                ),
            );
        } else if left.unsigned_abs() < EXPIRY_WARNING.as_secs() {
            let days = left / (24 * 3600);
            log.write(
                Level::Warning,
                format_args!(
                    "The certificate in {file} expires in {days} days. Replace it and send SIGHUP"
                ),
            );
        }
    }
}
