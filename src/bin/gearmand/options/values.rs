//! What the values of options may be.
//!
//! Must not: know options.

use crate::broker::MAX_PREFIX;
use gearman::protocol::limits::DEFAULT_PORT;

pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0..=MAX_PREFIX => Ok(text.into()),
        _ => Err(format!("longer than {MAX_PREFIX} bytes")),
    }
}

/// The mode of a file, in octal digits.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("not an octal number up to 777".into()),
    }
}

/// A port, or the TCP port of a service that the system knows by this name;
/// this one's own name is known everywhere.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    if let Ok(port) = text.parse() {
        return Ok(port);
    }
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    find_service(&services, text)
        .or_else(|| (text == "gearman").then_some(DEFAULT_PORT))
        .ok_or_else(|| "neither a port nor a known service".into())
}

/// Looks a name up in lines of `name port/tcp alias...  # comment`.
fn find_service(services: &str, wanted: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (name, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        let is_it = name == wanted || words.any(|alias| alias == wanted);
        is_it.then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_name_and_alias() {
        let services = "# comment\nssh 22/tcp\ngearman\t4730/tcp job # x\ngearman 4731/udp\n";
        assert_eq!(find_service(services, "gearman"), Some(4730));
        assert_eq!(find_service(services, "job"), Some(4730));
        assert_eq!(find_service(services, "x"), None);
    }
}
