//! Options that print something and exit.
//!
//! Must not: print anything itself.

use clap::{ArgAction, Args, ValueEnum};

#[derive(Debug, Args)]
pub(super) struct OutputOptions {
    /// Check the command line and the configuration file, and exit.
    #[arg(long)]
    pub(super) check_args: bool,

    /// Print a completion script for this shell and exit: bash, zsh or fish.
    #[arg(long, value_name = "SHELL", hide_possible_values = true)]
    pub(super) generate_completion: Option<CompletionShell>,

    /// Print an example of the configuration file and exit.
    #[arg(long)]
    pub(super) generate_config: bool,

    /// Print the manual page and exit.
    #[arg(long)]
    pub(super) generate_man: bool,

    /// Print this help and exit.
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version and exit.
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// A shell that completions can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletionShell {
    Bash,
    Zsh,
    Fish,
}
