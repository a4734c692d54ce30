//! Options of the original for parts that this build does not have. They are parsed,
//! since published command lines and configuration files contain them, and have no
//! effect: selecting such a part is refused elsewhere.
//!
//! Must not: hold options that have an effect.

use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

/// An option: its long name, the name and the default of its value if it takes
/// one, and its help text.
type UnsupportedOption = (&'static str, Option<(&'static str, Option<&'static str>)>, &'static str);

/// The options under one heading of the manual page.
pub(super) type OptionGroup = (&'static str, &'static [UnsupportedOption]);

/// A table of unsupported options.
pub(super) trait UnsupportedTable {
    /// The table.
    const OPTIONS: &'static [OptionGroup];
}

/// The options of a table, as a part of the command line.
#[derive(Debug)]
pub(super) struct UnsupportedOptions<T>(PhantomData<T>);

impl<T> FromArgMatches for UnsupportedOptions<T> {
    fn from_arg_matches(_: &ArgMatches) -> Result<UnsupportedOptions<T>, Error> {
        Ok(UnsupportedOptions(PhantomData))
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

impl<T: UnsupportedTable> Args for UnsupportedOptions<T> {
    fn augment_args(mut command: Command) -> Command {
        for &(heading, rows) in T::OPTIONS {
            for &(long, value, help) in rows {
                let arg = Arg::new(long).long(long).help(help).help_heading(heading).hide(true);
                command = command.arg(match value {
                    // Some versions accept `--switch=true`.
                    None => arg.num_args(0..=1).require_equals(true).value_name("BOOL"),
                    Some((name, default)) => arg.value_name(name).default_value(default),
                });
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Whether an option is one of these. `--help`, completions and the example of the
/// configuration file leave them out; the manual page lists them.
pub(super) fn is_unsupported(arg: &Arg) -> bool {
    arg.get_help_heading().is_some_and(|heading| heading.ends_with("not in this build"))
}
