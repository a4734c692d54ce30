//! Lists of job servers: `host:port,host,[::1]:4730,/run/gearmand.sock`.
//!
//! Reads a list as the original does, with two exceptions. IPv6 addresses, in brackets or as
//! a whole entry, are hosts; the original reads them as a host and a port. Lists are taken as
//! people write them: blanks around hosts and entries are no part of them, and nothing
//! between two commas is no server; the original looks up a host " b", and adds this machine
//! for a comma at the end. The path of a Unix socket needs no rule: it has no colon.
//!
//! Must not: look up or check hosts; a wrong host fails when it is used.

use super::number::leading_integer;
use std::net::Ipv6Addr;

/// The most bytes of a host name; the rest is dropped.
pub const HOST_BYTES_MAX: usize = 1024;
/// The most bytes of the text of a port; the rest is dropped.
const PORT_TEXT_BYTES_MAX: usize = 31;

/// The scheme of a server that is only talked to with TLS.
pub const TLS_SCHEME: &str = "tls://";

/// The host and port of a server with the scheme `tls://`, if the text is one: `tls://host`,
/// `tls://host:port`, `tls://[::1]:port`. Port 0 is none.
pub fn tls_server(text: &str) -> Option<(&str, u16)> {
    let rest = text.strip_prefix(TLS_SCHEME)?;
    let (host, port) = entry(rest.as_bytes());
    // Cut at an ASCII character, so it is text.
    Some((std::str::from_utf8(host).ok()?, port))
}

/// The host and port of each server in a list, borrowed from it. An empty host is the
/// default host, and port 0 the default port. A list without entries is one of the default
/// host. An entry with the scheme `tls://` is the host as a whole; see [`tls_server`]. A
/// number too large for a port wraps around; other text is 0.
pub fn parse_server_list(list: &[u8]) -> impl Iterator<Item = (&[u8], u16)> {
    let default = entries(list).next().is_none().then_some(&b""[..]);
    default.into_iter().chain(entries(list)).map(|text| {
        match text.starts_with(TLS_SCHEME.as_bytes()) {
            true => (text, 0),
            false => entry(text),
        }
    })
}

/// The entries of a list without the blanks around them.
pub fn entries(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty())
}

fn entry(text: &[u8]) -> (&[u8], u16) {
    if is_ipv6(text) {
        return (text, 0);
    }
    if let Some((host, rest)) = bracketed(text) {
        return (host, port(rest));
    }
    let colon = text.iter().position(|&b| b == b':').unwrap_or(text.len());
    let (host, rest) = text.split_at(colon);
    let host = host.trim_ascii_end();
    (&host[..host.len().min(HOST_BYTES_MAX)], port(rest))
}

/// The address in brackets and the text behind it: nothing, or a colon and a port.
fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"[")?;
    let (host, rest) = text.split_at(text.iter().position(|&b| b == b']')?);
    let rest = &rest[1..];
    (is_ipv6(host) && matches!(rest.first(), None | Some(b':'))).then_some((host, rest))
}

/// Whether the text is an IPv6 address, with or without a zone (`fe80::1%eth0`).
fn is_ipv6(text: &[u8]) -> bool {
    let address = text.split(|&b| b == b'%').next().unwrap_or(text);
    std::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
        && text.len() <= HOST_BYTES_MAX
}

/// The port in `:port`; 0 without text. The original assigns the result of `atoi` to 16
/// bits, which truncates it in the same way.
fn port(text: &[u8]) -> u16 {
    let digits = text.strip_prefix(b":").unwrap_or_default();
    leading_integer(&digits[..digits.len().min(PORT_TEXT_BYTES_MAX)]) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(list: &str) -> Vec<(String, u16)> {
        parse_server_list(list.as_bytes())
            .map(|(host, port)| (String::from_utf8(host.to_vec()).unwrap(), port))
            .collect()
    }

    fn same(list: &str, expected: &[(&str, u16)]) {
        let expected: Vec<_> = expected.iter().map(|(h, p)| (h.to_string(), *p)).collect();
        assert_eq!(parsed(list), expected, "{list:?}");
    }

    #[test]
    fn a_list_is_read_as_the_original_reads_it() {
        same("", &[("", 0)]);
        same("a", &[("a", 0)]);
        same(":", &[("", 0)]);
        same(":1", &[("", 1)]);
        same("a:x", &[("a", 0)]);
        same("a:5x", &[("a", 5)]);
        same("a:99999", &[("a", 34463)]);
        same("a:-1", &[("a", 65535)]);
        same("a:1:2", &[("a", 1)]);
        same("a:010", &[("a", 10)]);
        same("a:1;b:2", &[("a", 1)]);
        same("/tmp/x.sock", &[("/tmp/x.sock", 0)]);
        same("[x]:1", &[("[x]", 1)]);
    }

    #[test]
    fn blanks_and_superfluous_commas_are_no_servers() {
        same("a:1, b:2", &[("a", 1), ("b", 2)]);
        same(" a : 12 ,\tb\n", &[("a", 12), ("b", 0)]);
        same("a:1,b:2,", &[("a", 1), ("b", 2)]);
        same(",a,,b, ,", &[("a", 0), ("b", 0)]);
        same(
            " [::1]:4730 , ::1 ,/run/a b.sock ",
            &[("::1", 4730), ("::1", 0), ("/run/a b.sock", 0)],
        );
        same(",", &[("", 0)]);
        same(" , ", &[("", 0)]);
    }

    #[test]
    fn an_ipv6_address_is_a_host() {
        same("[::1]:4730,[fe80::1%eth0]", &[("::1", 4730), ("fe80::1%eth0", 0)]);
        same("::1,b", &[("::1", 0), ("b", 0)]);
        same("[::1]4730", &[("[", 0)]);
    }

    #[test]
    fn a_server_with_the_scheme_of_tls_has_a_host_and_a_port() {
        same("a,tls://b:1", &[("a", 0), ("tls://b:1", 0)]);
        assert_eq!(tls_server("tls://b:1"), Some(("b", 1)));
        assert_eq!(tls_server("tls://b"), Some(("b", 0)));
        assert_eq!(tls_server("tls://[::1]:4731"), Some(("::1", 4731)));
        assert_eq!(tls_server("tls://::1"), Some(("::1", 0)));
        assert_eq!(tls_server("tls:///run/g.sock"), Some(("/run/g.sock", 0)));
        assert_eq!((tls_server("tls:/b"), tls_server("b:1")), (None, None));
    }

    #[test]
    fn a_host_or_port_that_is_too_long_is_cut() {
        let host = "h".repeat(HOST_BYTES_MAX);
        same(&format!("{host}hh:9"), &[(&host, 9)]);
        same(&format!("a:{}9", "0".repeat(30)), &[("a", 9)]);
        same(&format!("a:{}9", "0".repeat(31)), &[("a", 0)]);
    }
}
