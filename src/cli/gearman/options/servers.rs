//! The servers that the command line and the environment name together.
//!
//! Must not: print.

use crate::tools::environment::{Environment, SERVER_VARIABLE};
use crate::tools::servers::{self, ServerAddress, ServerList};

/// The servers of `gearman`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenServers {
    /// The last one is tried first.
    pub(super) servers: Vec<ServerAddress>,
    /// What the user is told if the environment overrides other servers of the command line.
    pub(super) note: Option<String>,
}

/// Chooses the servers. `options_win` is set in modes that the original does not have.
///
/// In the others GEARMAN_SERVER takes the place of `-h` and `-p`, as in the original. As in
/// the library, the servers of GEARMAN_SERVERS come before the others, so that they are
/// tried after them; without others there is no default server.
///
/// # Errors
/// When hosts and ports do not match.
pub(super) fn choose(
    hosts: &[ServerList],
    ports: &[u16],
    environment: &Environment,
    options_win: bool,
) -> Result<ChosenServers, String> {
    let is_given = !hosts.is_empty() || !ports.is_empty();
    let given = servers::combine(hosts, ports)?;
    if options_win && is_given {
        return Ok(ChosenServers { servers: given, note: None });
    }
    let all_of = |list: &Option<ServerList>| match list {
        Some(list) => servers::combine(std::slice::from_ref(list), &[]),
        None => Ok(Vec::new()),
    };
    let mut chosen = all_of(&environment.servers)?;
    let only = all_of(&environment.server)?;
    let note = (!only.is_empty() && is_given && only != given).then(|| {
        format!(
            "{SERVER_VARIABLE} ({}) takes the place of -h and -p ({}); unset it to use these",
            shown(&only),
            shown(&given)
        )
    });
    if !only.is_empty() {
        chosen.extend(only);
    } else if is_given || environment.servers.is_none() {
        chosen.extend(given);
    }
    Ok(ChosenServers { servers: chosen, note })
}

fn shown(servers: &[ServerAddress]) -> String {
    servers.iter().map(ServerAddress::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        hosts: &[&str],
        (only, further): (&str, &str),
        options_win: bool,
    ) -> (String, Option<String>) {
        let list = |text: &str| servers::parse_list(text).expect("a list");
        let variable = |text: &str| (!text.is_empty()).then(|| list(text));
        let mut environment = Environment::default();
        (environment.server, environment.servers) = (variable(only), variable(further));
        let hosts: Vec<ServerList> = hosts.iter().map(|text| list(text)).collect();
        let chosen = choose(&hosts, &[], &environment, options_win).expect("they match");
        (shown(&chosen.servers), chosen.note)
    }

    #[test]
    fn the_environment_adds_or_replaces_servers() {
        for (hosts, variables, servers) in [
            (&[][..], ("", ""), "localhost:4730"),
            (&[], ("", "b:2"), "b:2"),
            (&["a"], ("", "b:2"), "b:2,a:4730"),
            (&[], ("a", "b"), "b:4730,a:4730"),
        ] {
            assert_eq!(chosen(hosts, variables, false), (servers.to_owned(), None));
        }
    }

    #[test]
    fn a_server_of_the_environment_replaces_those_of_the_options_and_is_noted() {
        let (servers, note) = chosen(&["a:1"], ("b:2,c", ""), false);
        assert_eq!(servers, "b:2,c:4730");
        let text = "GEARMAN_SERVER (b:2,c:4730) takes the place of -h and -p (a:1); \
                    unset it to use these";
        assert_eq!(note.as_deref(), Some(text));
        assert_eq!(chosen(&["b"], ("b:4730", ""), false).1, None, "they are the same");
    }

    #[test]
    fn in_modes_of_our_own_the_options_are_the_only_servers() {
        assert_eq!(chosen(&["a"], ("b", "c"), true), ("a:4730".to_owned(), None));
        assert_eq!(chosen(&[], ("b", "c"), true), ("c:4730,b:4730".to_owned(), None));
    }
}
