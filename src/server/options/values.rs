//! What the values of options may be.
//!
//! Must not: know options.

use gearman_broker::HANDLE_PREFIX_BYTES_MAX;
use gearman_net::address::service_port;

pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0..=HANDLE_PREFIX_BYTES_MAX => Ok(text.into()),
        _ => Err(format!("longer than {HANDLE_PREFIX_BYTES_MAX} bytes")),
    }
}

/// The mode of a file, in octal digits.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("not an octal number up to 777".into()),
    }
}

/// A port, or the TCP port of a service by this name.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    if let Ok(port) = text.parse() {
        return Ok(port);
    }
    service_port(text).ok_or_else(|| "neither a port nor a known service".into())
}

/// The same; an empty word is the default, as in the original.
pub(super) fn parse_port_or<const DEFAULT: u16>(text: &str) -> Result<u16, String> {
    if text.is_empty() { Ok(DEFAULT) } else { parse_port(text) }
}
