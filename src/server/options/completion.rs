//! Completion scripts for shells, made from the table of options.
//!
//! Must not: offer an option that has no effect in this build.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};

use super::ServerOptions;
use super::output::CompletionShell;

/// Writes a completion script.
///
/// # Errors
/// As writing.
pub(super) fn write(shell: CompletionShell, to: &mut dyn Write) -> io::Result<()> {
    let shell = match shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    // The generator panics where it cannot write; memory always takes it.
    let mut script = Vec::new();
    generate(shell, &mut command(), "gearmand", &mut script);
    to.write_all(&script)
}

/// The options that `--help` shows.
fn command() -> Command {
    let all = ServerOptions::command();
    let shown = all.get_arguments().filter(|arg| !arg.is_hide_set()).cloned();
    Command::new("gearmand")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_all_shells_have_every_option_that_help_shows_and_no_other() {
        for shell in [CompletionShell::Bash, CompletionShell::Zsh, CompletionShell::Fish] {
            let mut script = Vec::new();
            write(shell, &mut script).expect("memory takes it");
            let script = String::from_utf8(script).expect("text");
            let all = ServerOptions::command();
            for arg in all.get_arguments() {
                let Some(long) = arg.get_long() else { continue };
                // fish names an option without its dashes.
                let found = script.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
                let is_there = found.map(|word| word.trim_start_matches("--")).any(|w| w == long);
                assert_eq!(is_there, !arg.is_hide_set(), "{shell:?}: {long}");
            }
        }
    }
}
