//! The manual page, made from the table of options.
//!
//! Must not: repeat what an option says of itself.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{CONFIG_FILE, ServerOptions};

/// A section: its title, and names with what there is to say about each.
type SectionRows<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const SIGNALS_SECTION: SectionRows<'_> = (
    "SIGNALS",
    &[
        (
            "SIGTERM, SIGINT",
            "End now. A second one does not even wait for the first to be handled.",
        ),
        (
            "SIGUSR1",
            "Finish and end: no connection and no job is taken on any more. JobOptions that run, and \
             those that wait for a function of a connected worker, are done. What is left then \
             is lost, and the clients that wait for it are told.",
        ),
        ("SIGHUP", "Open the log file anew, after it was moved away."),
    ],
);

const ENVIRONMENT_SECTION: SectionRows<'_> = (
    "ENVIRONMENT",
    &[
        ("GEARMAND_PORT", "The port that takes the place of 4730."),
        (
            "LISTEN_FDS, LISTEN_PID",
            "Sockets that systemd opened. They are used instead of --listen and --port.",
        ),
        (
            "NOTIFY_SOCKET, WATCHDOG_USEC",
            "Where systemd hears that the server is ready, alive, and stopping.",
        ),
    ],
);

const FILES_SECTION: SectionRows<'_> = (
    "FILES",
    &[(
        CONFIG_FILE,
        "ServerOptions as on the command line, one or more per line. Quotes hold words together, \
         and a # starts a comment. What is also on the command line counts there only.",
    )],
);

const STATUS_SECTION: SectionRows<'_> = (
    "EXIT STATUS_SECTION",
    &[
        ("0", "The server ended as it was told to; with --daemon, it listens."),
        ("1", "It did not start, or could not go on. Standard error says why."),
    ],
);

/// Writes the page.
///
/// # Errors
/// As writing.
pub(super) fn write(to: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command()).section("8").manual("Gearman");
    man.render_title(to)?;
    man.render_name_section(to)?;
    man.render_synopsis_section(to)?;
    man.render_description_section(to)?;
    man.render_options_section(to)?;
    for (title, rows) in [SIGNALS_SECTION, ENVIRONMENT_SECTION, FILES_SECTION, STATUS_SECTION] {
        let mut roff = Roff::new();
        roff.control("SH", [title]);
        for (name, text) in rows {
            roff.control("TP", []);
            roff.text([bold(*name)]);
            roff.text([roman(*text)]);
        }
        roff.to_writer(to)?;
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("gearman"), roman("(1), "), bold("gearadmin"), roman("(1)")]);
    roff.to_writer(to)
}

/// The table, as a page shows it.
fn command() -> Command {
    ServerOptions::command()
        .version(env!("CARGO_PKG_VERSION"))
        .about("the Gearman job server")
        .long_about(
            "gearmand takes jobs from clients, keeps them, and hands them to workers that offer \
             their functions; results go back to the clients that wait for them. It is asked \
             and told about its jobs with gearadmin(1), or with lines of text on its port.",
        )
        .override_usage("gearmand [OPTIONS]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_that_can_be_seen_has_its_place() {
        let mut page = Vec::new();
        write(&mut page).expect("memory takes it");
        let page = String::from_utf8(page).expect("text").replace('\\', "");
        for arg in command().get_arguments().filter(|arg| !arg.is_hide_set()) {
            let name = arg.get_long().map(|long| format!("--{long}"));
            let name = name.or_else(|| arg.get_short().map(|short| format!("-{short}")));
            let name = name.expect("an option has a name");
            assert!(page.contains(&name), "{name} is missing");
        }
        for title in ["NAME", "SYNOPSIS", "OPTIONS", "SIGNALS", "FILES", "SEE ALSO"] {
            assert!(
                page.contains(&format!(".SH \"{title}\""))
                    || page.contains(&format!(".SH {title}"))
            );
        }
        assert!(!page.contains("--generate-man") && !page.contains("--daemon-child"));
    }
}
