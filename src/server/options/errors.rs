//! Errors of the command line and the configuration file, in one form: a line that
//! names the option and the value.
//!
//! Must not: print anything, or choose an exit code.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Why no options could be read.
#[derive(Debug)]
pub(super) enum OptionsError {
    /// A text that was asked for instead, such as the help.
    Display(clap::Error),
    /// What is wrong.
    Wrong(String),
}

impl From<clap::Error> for OptionsError {
    fn from(error: clap::Error) -> OptionsError {
        if error.use_stderr() {
            OptionsError::Wrong(message(&error))
        } else {
            OptionsError::Display(error)
        }
    }
}

impl From<String> for OptionsError {
    fn from(text: String) -> OptionsError {
        OptionsError::Wrong(text)
    }
}

/// An error of clap, in one line.
pub(super) fn message(error: &clap::Error) -> String {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let (arg, value) = (named(ContextKind::InvalidArg), named(ContextKind::InvalidValue));
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => valid.join(", "),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument if arg.starts_with('-') => {
            match named(ContextKind::SuggestedArg) {
                "" => format!("unknown option '{arg}'"),
                similar => format!("unknown option '{arg}'; did you mean '{similar}'?"),
            }
        }
        ErrorKind::UnknownArgument => format!("'{arg}' is not an option: options begin with '-'"),
        ErrorKind::ArgumentConflict => format!("option '{arg}' is given more than once"),
        ErrorKind::TooManyValues => format!("option '{arg}' takes no value, but has '{value}'"),
        ErrorKind::InvalidValue if value.is_empty() && valid.is_empty() => {
            format!("option '{arg}' needs a value")
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("option '{arg}' needs a value: {valid}")
        }
        ErrorKind::InvalidValue => {
            let one_of = if valid.contains(',') { "one of " } else { "" };
            format!("invalid value '{value}' for '{arg}': use {one_of}{valid}")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_string()
        }
    }
}
