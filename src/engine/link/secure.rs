//! Which connections have TLS.
//!
//! Must not: connect without TLS where it was asked for.

use super::Link;
use gearman_net::{Address, Transport};
use std::io;

impl<T: Transport> Link<T> {
    /// Whether a connection has TLS: the server's scheme asks for it, or the handle or the
    /// environment does. These two do not mean Unix sockets, which leave no machine.
    pub(super) fn is_secure(&self, key: usize) -> bool {
        let conn = &self.conns[key];
        let is_asked_for = self.settings.tls || conn.is_tls_in_environment;
        conn.is_tls || (is_asked_for && !conn.host.starts_with('/'))
    }

    /// Starts one attempt to connect.
    pub(super) fn begin_connect(&mut self, key: usize, address: &Address) -> io::Result<()> {
        let keepalive = self.settings.keepalive;
        if !self.is_secure(key) {
            return self.net.connect(key, address, keepalive);
        }
        let (host, settings) = (&self.conns[key].host, &self.settings.tls_settings);
        self.net.connect_tls(key, address, host, settings, keepalive)
    }
}

/// Why an attempt to connect has failed, if that is not the system's reason: the text of an
/// error of TLS.
pub(super) fn reason(failure: Option<&io::Error>) -> Option<&dyn std::fmt::Display> {
    let inner = failure?.get_ref()?;
    Some(inner)
}
