//! ServerOptions of the original that belong to parts which this build does not have.
//! They are parsed, as command lines and configuration files carry them along,
//! and nothing comes of them: what selects such a part is refused elsewhere.
//!
//! Must not: hold options that this build acts upon.

use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

/// An option: its long name, the name and the default of its value if it takes
/// one, and what it says.
type UnsupportedOption = (&'static str, Option<(&'static str, Option<&'static str>)>, &'static str);

/// ServerOptions under one headline of the help text.
pub(super) type OptionGroup = (&'static str, &'static [UnsupportedOption]);

/// A table of such options.
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
        for &(headline, rows) in T::OPTIONS {
            for &(long, value, help) in rows {
                let arg = Arg::new(long).long(long).help(help).help_heading(headline);
                command = command.arg(match value {
                    // Versions differ in whether a switch may be told which way.
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
