//! The servers that a tool talks to: `-h` and `-p`, and lists of servers.
//!
//! Must not: look up anything except the port of a service.

use gearman_net::address::service_port;
use gearman_protocol::limits::DEFAULT_PORT;
use gearman_protocol::servers::{TLS_SCHEME, parse_server_list};

/// A server's host and port. An empty host is the default host, and a path is a
/// Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&address_text(&self.host, self.port))
    }
}

/// A server's address as people write it.
pub(crate) fn address_text(host: &str, port: u16) -> String {
    if let Some(host) = host.strip_prefix(TLS_SCHEME) {
        return format!("{TLS_SCHEME}{}", address_text(host, port));
    }
    match host {
        path if path.starts_with('/') => path.to_owned(),
        ip if ip.contains(':') => format!("[{ip}]:{port}"),
        "" => format!("localhost:{port}"),
        name => format!("{name}:{port}"),
    }
}

/// The servers in one value of `-h`: `host`, or `host:port,[::1]:port,/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerList(Vec<(String, Option<u16>)>);

/// Reads a list of servers.
///
/// # Errors
/// The first entry that is not a server. The library reads anything, with a default
/// for what is wrong; a tool with a mistyped port must not talk to another server.
pub(crate) fn parse_list(text: &str) -> Result<ServerList, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    // A list without entries is the default host.
    let entries = entries
        .chain(text.trim_matches(|c: char| c == ',' || c.is_whitespace()).is_empty().then_some(""));
    let servers = entries.map(|whole| {
        let entry = whole.strip_prefix(TLS_SCHEME).unwrap_or(whole);
        let scheme = &whole[..whole.len() - entry.len()];
        let (host, port) = parse_server_list(entry.as_bytes()).next().unwrap_or_default();
        let host = String::from_utf8_lossy(host).into_owned();
        let forms_of = |host: &str| [host.to_owned(), format!("{host}:{port}")];
        let [plain, full] = forms_of(&host);
        let [bracketed, bracketed_full] = forms_of(&format!("[{host}]"));
        if entry == plain || (entry == bracketed && host.contains(':')) {
            Ok((format!("{scheme}{host}"), None))
        } else if port > 0 && (entry == full || entry == bracketed_full) {
            Ok((format!("{scheme}{host}"), Some(port)))
        } else {
            let forms = "HOST, HOST:PORT, [IPV6]:PORT or the path of a Unix socket, \
                         with a port from 1 to 65535";
            Err(match whole == text.trim() {
                true => format!("expected {forms}"),
                false => format!("expected {forms} instead of '{whole}'"),
            })
        }
    });
    servers.collect::<Result<_, _>>().map(ServerList)
}

/// Reads a port: a number, or the name of a service.
///
/// # Errors
/// What is expected, when the text is neither.
pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().or_else(|| service_port(text)).filter(|&port| port > 0);
    port.ok_or_else(|| "expected a port from 1 to 65535, or the name of a service".into())
}

/// Puts `-h` and `-p` together. A single port is for every host without one; several
/// ports are for the hosts without one, in their order; several ports with a single
/// host are one server each.
///
/// # Errors
/// When the numbers of hosts and ports differ.
pub(crate) fn combine(hosts: &[ServerList], ports: &[u16]) -> Result<Vec<ServerAddress>, String> {
    let mut hosts: Vec<(String, Option<u16>)> = hosts.iter().flat_map(|l| l.0.clone()).collect();
    let open = hosts.iter().filter(|(_, port)| port.is_none()).count();
    if hosts.is_empty() {
        hosts.resize(ports.len().max(1), (String::new(), None));
    } else if ports.len() > 1 && hosts.len() == 1 && open == 1 {
        hosts.resize(ports.len(), hosts[0].clone());
    } else if ports.len() > 1 && ports.len() != open {
        let (ports, s) = (ports.len(), if open == 1 { "" } else { "s" });
        return Err(format!(
            "{ports} ports ('--port') do not match {open} host{s} without a port ('--host')"
        ));
    }
    let mut given = ports.iter().copied();
    let default = if ports.len() == 1 { ports[0] } else { DEFAULT_PORT };
    let servers = hosts.into_iter().map(|(host, own)| {
        let port = own.unwrap_or_else(|| given.next().unwrap_or(default));
        ServerAddress { host, port }
    });
    Ok(servers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combined(hosts: &[&str], ports: &[u16]) -> Result<Vec<String>, String> {
        let hosts: Vec<ServerList> =
            hosts.iter().map(|text| parse_list(text)).collect::<Result<_, _>>()?;
        Ok(combine(&hosts, ports)?.iter().map(ServerAddress::to_string).collect())
    }

    #[track_caller]
    fn assert_combined(hosts: &[&str], ports: &[u16], wanted: &[&str]) {
        let wanted: Vec<String> = wanted.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(combined(hosts, ports), Ok(wanted), "{hosts:?}");
    }

    #[test]
    fn the_default_server_is_the_registered_port_of_localhost() {
        assert_combined(&[], &[], &["localhost:4730"]);
        assert_combined(&["a"], &[], &["a:4730"]);
        assert_combined(&[], &[7003], &["localhost:7003"]);
    }

    #[test]
    fn a_single_port_is_for_every_host_without_one() {
        assert_combined(&["a", "b,c:9"], &[7003], &["a:7003", "b:7003", "c:9"]);
    }

    #[test]
    fn several_ports_are_for_the_hosts_in_their_order() {
        assert_combined(&["a", "b"], &[1, 2], &["a:1", "b:2"]);
        assert_combined(&["a", "x:9", "b"], &[1, 2], &["a:1", "x:9", "b:2"]);
        assert_combined(&["a"], &[1, 2], &["a:1", "a:2"]);
        assert!(combined(&["a", "b", "c"], &[1, 2]).is_err());
    }

    #[test]
    fn an_ipv6_address_and_a_path_are_hosts() {
        assert_combined(
            &["[::1]:9,::1,[fe80::1%eth0]"],
            &[],
            &["[::1]:9", "[::1]:4730", "[fe80::1%eth0]:4730"],
        );
        assert_combined(&["/run/gearmand.sock,a"], &[], &["/run/gearmand.sock", "a:4730"]);
    }

    #[test]
    fn a_scheme_stays_with_its_host() {
        assert_combined(
            &["tls://a,tls://b:9,tls://[::1]:7,c"],
            &[5],
            &["tls://a:5", "tls://b:9", "tls://[::1]:7", "c:5"],
        );
        assert!(parse_list("tls://a:x").is_err());
    }

    #[test]
    fn a_mistyped_port_is_refused() {
        for wrong in ["a:x", "a:99999", "a:", "a:1:2", "a:0", "[::1]9", "a:1x"] {
            assert!(parse_list(wrong).is_err(), "{wrong}");
        }
        assert!(parse_port("0").is_err() && parse_port("70000").is_err());
        assert_eq!(parse_port("7003"), Ok(7003));
    }
}
