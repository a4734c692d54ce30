//! The manual page, made from the table of options.
//!
//! Must not: repeat the help text of an option.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{CONFIG_FILE, ServerOptions};

/// A section: its title, and its entries, each a name and a text.
type SectionRows<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const SIGNALS_SECTION: SectionRows<'_> = (
    "SIGNALS",
    &[
        (
            "SIGTERM, SIGINT",
            "Commit what was completed and shut down. A second signal ends the process without waiting for the first \
             one to be handled, with exit status 1.",
        ),
        (
            "SIGUSR1",
            "Drain and shut down: connections and jobs are no longer accepted. Jobs that run, and \
             jobs that a connected worker can run, are finished. The others are dropped, and the \
             clients that wait for them get WORK_FAIL; jobs of the durable queue stay in its file.",
        ),
        ("SIGHUP", "Reopen the log file, after it was renamed by log rotation."),
    ],
);

const ENVIRONMENT_SECTION: SectionRows<'_> = (
    "ENVIRONMENT",
    &[
        ("GEARMAND_PORT", "Port to listen on in place of 4730."),
        (
            "LISTEN_FDS, LISTEN_PID",
            "Sockets opened by systemd for this process. They replace --listen and --port.",
        ),
        (
            "NOTIFY_SOCKET, WATCHDOG_USEC",
            "Where the server reports to systemd that it is ready, alive and stopping.",
        ),
    ],
);

const FILES_SECTION: SectionRows<'_> = (
    "FILES",
    &[
        (
            CONFIG_FILE,
            "Options as on the command line, one or more per line. Quotes hold words together, \
             and a # starts a comment. The command line overrides the file, option by option. \
             gearmand --generate-config prints an example.",
        ),
        (
            "FILE, FILE-wal, FILE-shm, FILE-lock",
            "The durable queue that --libsqlite3-db names, its last commits, and the lock that \
             keeps a second server away. While the server runs, copy them with the command \
             .backup of sqlite3(1) only.",
        ),
    ],
);

const STATUS_SECTION: SectionRows<'_> = (
    "EXIT STATUS",
    &[
        (
            "0",
            "The server was told to shut down; with --daemon, it listens in the background; with \
             --check-queue, the file is sound.",
        ),
        (
            "1",
            "The server could not start, for example because its port is in use, or could not \
             continue. Standard error says why. With --check-queue, the file is damaged or \
             cannot be read.",
        ),
        (
            "2",
            "The command line, the configuration file or GEARMAND_PORT is wrong. Standard error \
             names the option and the value.",
        ),
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

/// The table of options.
fn command() -> Command {
    ServerOptions::command()
        .about("the Gearman job server")
        .long_about(
            "gearmand accepts jobs from clients, queues them, and hands them to the workers that \
             registered their functions. Results go back to the clients that wait for them. \
             gearadmin(1) shows and changes its queues, workers and functions.",
        )
        .override_usage("gearmand [OPTIONS]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_option_but_the_hidden_ones() {
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
        assert!(page.contains("--libtokyocabinet-file") && !page.contains("--daemon-child"));
    }
}
