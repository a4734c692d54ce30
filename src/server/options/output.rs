//! Options that print something and exit.
//!
//! Must not: print anything itself.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

#[derive(Debug, Args)]
pub(super) struct OutputOptions {
    /// Check a file of access rules, print what is wrong with it, and exit.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) check_access: Option<PathBuf>,

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
