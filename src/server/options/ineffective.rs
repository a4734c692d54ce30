//! Options that were given without the option that they need: they are accepted, as in the
//! original, and have no effect.
//!
//! Must not: refuse options, or write to the log.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// Options of a part of the server that is off unless another option turns it on.
struct OptionGroup {
    /// What their headings in `--help` begin with.
    heading: &'static str,
    /// Options below these headings that have an effect of their own. The part is on if one of
    /// them was given.
    enabled_by: &'static [&'static str],
    /// What is missing, and what follows from it.
    consequence: &'static str,
}

const GROUPS: [OptionGroup; 2] = [
    OptionGroup {
        heading: "Queue",
        enabled_by: &["queue_type", "check_queue", "migrate_queue"],
        consequence: "without --queue-type: jobs are kept in memory only",
    },
    OptionGroup {
        heading: "TLS",
        enabled_by: &["ssl", "ssl_listen"],
        consequence: "without --ssl or --ssl-listen: connections are not encrypted",
    },
];

/// One warning for each group with options that have no effect. `given` has the options of the
/// command line and of the configuration file; defaults and the environment do not count.
pub(super) fn warnings(command: &Command, given: &ArgMatches) -> Vec<String> {
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let warning = |group: &OptionGroup| {
        if group.enabled_by.iter().any(|id| is_given(id)) {
            return None;
        }
        let in_group = |arg: &&Arg| {
            let heading = arg.get_help_heading().unwrap_or_default();
            heading.starts_with(group.heading) && is_given(arg.get_id().as_str())
        };
        let names: Vec<String> = command
            .get_arguments()
            .filter(in_group)
            .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")))
            .collect();
        let verb = match names.len() {
            0 => return None,
            1 => "has",
            _ => "have",
        };
        Some(format!("{} {verb} no effect {}", names.join(", "), group.consequence))
    };
    GROUPS.iter().filter_map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ServerOptions;
    use clap::CommandFactory;

    fn warnings_of(line: &str) -> Vec<String> {
        let mut command = ServerOptions::command();
        let given = command.try_get_matches_from_mut(line.split(' ')).expect("parses");
        warnings(&command, &given)
    }

    #[test]
    fn each_group_has_one_warning_that_names_its_options() {
        let memory = "without --queue-type: jobs are kept in memory only";
        let plain = "without --ssl or --ssl-listen: connections are not encrypted";
        for (line, expected) in [
            ("--libsqlite3-db q", vec![format!("--libsqlite3-db has no effect {memory}")]),
            (
                "--volatile a --queue-size=1G --volatile b",
                vec![format!("--queue-size, --volatile have no effect {memory}")],
            ),
            ("--redis-port 6379", vec![format!("--redis-port has no effect {memory}")]),
            (
                "--ssl-key k --libpq-conninfo c --ssl-verify-client off",
                vec![
                    format!("--libpq-conninfo has no effect {memory}"),
                    format!("--ssl-key, --ssl-verify-client have no effect {plain}"),
                ],
            ),
        ] {
            assert_eq!(warnings_of(&format!("gearmand {line}")), expected, "{line}");
        }
    }

    #[test]
    fn options_that_have_an_effect_have_no_warning() {
        for line in [
            "gearmand",
            "gearmand -q builtin --libsqlite3-db q",
            "gearmand --queue-type=libsqlite3 --libsqlite3-db q --volatile f",
            "gearmand --check-queue --libsqlite3-db q",
            "gearmand --ssl --ssl-key k",
            "gearmand --ssl-listen 4731 --ssl-ca-file c --ssl-certificate c",
        ] {
            assert_eq!(warnings_of(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn every_heading_of_a_group_exists_and_every_enabling_option_is_below_one() {
        let command = ServerOptions::command();
        for group in &GROUPS {
            for id in group.enabled_by {
                let arg = command.get_arguments().find(|arg| arg.get_id() == id);
                let heading = arg.and_then(Arg::get_help_heading).unwrap_or_default();
                assert!(heading.starts_with(group.heading), "{id}");
            }
        }
    }
}
