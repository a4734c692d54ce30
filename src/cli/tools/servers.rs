//! Which servers a tool talks to: `-h` and `-p`, and lists of servers.
//!
//! Must not: look anything up but the port of a service.

use gearman_net::address::service_port;
use gearman_protocol::limits::DEFAULT_PORT;
use gearman_protocol::servers::parse_server_list;

/// A server, by host and port. An empty host is the default one, and a path is a
/// Unix socket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.host, self.port))
    }
}

/// A server as people write it.
pub(crate) fn shown(host: &str, port: u16) -> String {
    match host {
        path if path.starts_with('/') => path.to_owned(),
        ip if ip.contains(':') => format!("[{ip}]:{port}"),
        "" => format!("localhost:{port}"),
        name => format!("{name}:{port}"),
    }
}

/// One or more servers, as given once: `host`, `host:port,[::1]:port,/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerList(Vec<(String, Option<u16>)>);

/// Reads a list of servers.
///
/// # Errors
/// What cannot be understood. The library reads anything, with a default for
/// what is wrong; a tool whose port was mistyped must not talk to another.
pub(crate) fn parse_list(text: &str) -> Result<ServerList, String> {
    let entries = text.split(',').zip(parse_server_list(text.as_bytes()));
    let servers = entries.map(|(entry, (host, port))| {
        let host = String::from_utf8_lossy(host).into_owned();
        let with = |host: &str| [host.to_owned(), format!("{host}:{port}")];
        let [plain, full] = with(&host);
        let [bracketed, bracketed_full] = with(&format!("[{host}]"));
        if entry == plain || (entry == bracketed && host.contains(':')) {
            Ok((host, None))
        } else if port > 0 && (entry == full || entry == bracketed_full) {
            Ok((host, Some(port)))
        } else {
            let forms =
                "HOST, HOST:PORT, [IPV6]:PORT (a port is 1 to 65535) or the path of a socket";
            Err(format!("{entry:?} is not {forms}"))
        }
    });
    servers.collect::<Result<_, _>>().map(ServerList)
}

/// Reads a port: a number, or the name of a service.
///
/// # Errors
/// When it is neither.
pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().or_else(|| service_port(text)).filter(|&port| port > 0);
    port.ok_or_else(|| "neither a port nor a known service".into())
}

/// Puts `-h` and `-p` together. One port is for every host that has none of its
/// own; as many ports as such hosts belong to them in their order; several ports
/// and one host are one server each.
///
/// # Errors
/// When hosts and ports do not fit together.
pub(crate) fn combine(hosts: &[ServerList], ports: &[u16]) -> Result<Vec<Server>, String> {
    let mut hosts: Vec<(String, Option<u16>)> = hosts.iter().flat_map(|l| l.0.clone()).collect();
    let open = hosts.iter().filter(|(_, port)| port.is_none()).count();
    if hosts.is_empty() {
        hosts.resize(ports.len().max(1), (String::new(), None));
    } else if ports.len() > 1 && hosts.len() == 1 && open == 1 {
        hosts.resize(ports.len(), hosts[0].clone());
    } else if ports.len() > 1 && ports.len() != open {
        let (ports, s) = (ports.len(), if open == 1 { "" } else { "s" });
        return Err(format!("{ports} ports (-p) for {open} host{s} (-h) without a port"));
    }
    let mut given = ports.iter().copied();
    let default = if ports.len() == 1 { ports[0] } else { DEFAULT_PORT };
    let servers = hosts.into_iter().map(|(host, own)| {
        let port = own.unwrap_or_else(|| given.next().unwrap_or(default));
        Server { host, port }
    });
    Ok(servers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combined(hosts: &[&str], ports: &[u16]) -> Result<Vec<String>, String> {
        let hosts: Vec<ServerList> =
            hosts.iter().map(|text| parse_list(text)).collect::<Result<_, _>>()?;
        Ok(combine(&hosts, ports)?.iter().map(Server::to_string).collect())
    }

    fn are(hosts: &[&str], ports: &[u16], wanted: &[&str]) {
        assert_eq!(combined(hosts, ports).as_deref(), Ok(&wanted.map_strings()[..]), "{hosts:?}");
    }

    trait MapStrings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl MapStrings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|&text| text.to_owned()).collect()
        }
    }

    #[test]
    fn the_default_is_the_registered_port_of_this_machine() {
        are(&[], &[], &["localhost:4730"]);
        are(&["a"], &[], &["a:4730"]);
        are(&[], &[7003], &["localhost:7003"]);
    }

    #[test]
    fn one_port_is_for_every_host() {
        are(&["a", "b,c:9"], &[7003], &["a:7003", "b:7003", "c:9"]);
    }

    #[test]
    fn ports_belong_to_hosts_in_their_order() {
        are(&["a", "b"], &[1, 2], &["a:1", "b:2"]);
        are(&["a", "x:9", "b"], &[1, 2], &["a:1", "x:9", "b:2"]);
        are(&["a"], &[1, 2], &["a:1", "a:2"]);
        assert!(combined(&["a", "b", "c"], &[1, 2]).is_err());
    }

    #[test]
    fn addresses_and_paths_are_hosts() {
        are(
            &["[::1]:9,::1,[fe80::1%eth0]"],
            &[],
            &["[::1]:9", "[::1]:4730", "[fe80::1%eth0]:4730"],
        );
        are(&["/run/gearmand.sock,a"], &[], &["/run/gearmand.sock", "a:4730"]);
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
