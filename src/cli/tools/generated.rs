//! What the tools print from their tables of options: the end of `--help`, the
//! manual page, and the completion script of a shell.
//!
//! Must not: say anything that `--help` does not.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff};

use crate::tools::{Exit, usage};

/// A section behind the options, in `--help` and in the manual page: its title and
/// its lines.
pub(crate) type HelpSection = (&'static str, &'static [&'static str]);

/// The options that print a file for packages. `--help` does not list them.
const GENERATE_MAN: &str = "generate-man";
const GENERATE_COMPLETION: &str = "generate-completion";

/// Adds the sections, and the options that print a file, to a tool's table.
pub(crate) fn complete_table(command: Command, sections: &[HelpSection]) -> Command {
    let parts = sections.iter().map(|(title, lines)| format!("{title}:\n  {}", lines.join("\n  ")));
    command
        .after_help(parts.collect::<Vec<_>>().join("\n\n"))
        .arg(
            Arg::new(GENERATE_MAN)
                .long(GENERATE_MAN)
                .help("Print the manual page")
                .action(ArgAction::SetTrue)
                .exclusive(true)
                .hide(true),
        )
        .arg(
            Arg::new(GENERATE_COMPLETION)
                .long(GENERATE_COMPLETION)
                .value_name("SHELL")
                .help("Print the script that completes this command in a shell")
                .value_parser(PossibleValuesParser::new(["bash", "zsh", "fish"]))
                .exclusive(true)
                .hide(true),
        )
}

/// Prints the file that the command line asks for, if any.
pub(crate) fn print_if_asked(
    matches: &clap::ArgMatches,
    command: impl Fn() -> Command,
    sections: &[HelpSection],
) -> Option<Exit> {
    let printed = if matches.get_flag(GENERATE_MAN) {
        print_manual(command(), sections)
    } else {
        let shell = matches.get_one::<String>(GENERATE_COMPLETION)?;
        print_completion(&command(), shell.parse().ok()?)
    };
    let name = command().get_name().to_owned();
    Some(match printed {
        Ok(()) => Exit::Done,
        Err(error) => usage::cannot_print(&name, error),
    })
}

/// Prints the manual page.
///
/// # Errors
/// Those of standard output.
fn print_manual(command: Command, sections: &[HelpSection]) -> io::Result<()> {
    let mut page = Vec::new();
    let man = Man::new(command).manual("Gearman");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for (title, lines) in sections {
        let mut roff = Roff::new();
        roff.control("SH", [title.to_uppercase().as_str()]);
        // Most lines are a code and its meaning: the page keeps the line breaks.
        roff.control("nf", []);
        for line in *lines {
            roff.text([Inline::from(*line)]);
        }
        roff.control("fi", []);
        roff.to_writer(&mut page)?;
    }
    man.render_version_section(&mut page)?;
    io::stdout().write_all(&page)
}

/// An option with the first sentence of its help: a shell shows one line for each.
fn with_short_help(argument: Arg) -> Arg {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let first = help.split_once(". ").map(|(first, _)| first.to_owned()).unwrap_or(help);
    argument.help(first)
}

/// Prints the completion script of a shell.
///
/// # Errors
/// Those of standard output.
fn print_completion(command: &Command, shell: Shell) -> io::Result<()> {
    let mut script = Vec::new();
    let name = command.get_name();
    // The generators would offer hidden options too, and bash the name of a positional
    // argument as if it were a word to type.
    let offered = command.get_arguments().filter(|argument| match argument.is_positional() {
        true => shell != Shell::Bash,
        false => !argument.is_hide_set(),
    });
    let mut shown = Command::new(name.to_owned())
        .version(crate::tools::TOOLS_VERSION)
        .disable_help_flag(true)
        .args(offered.cloned().map(with_short_help));
    clap_complete::generate(shell, &mut shown, name, &mut script);
    io::stdout().write_all(&script)
}
