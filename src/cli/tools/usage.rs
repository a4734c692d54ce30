//! Messages that both tools print to standard error before they run: the program's name,
//! what is wrong with which option and value, and where the options are listed.
//!
//! Must not: know any option.

use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::tools::Exit;

/// Prints what clap has to say, and returns how to exit: help and version go to
/// standard output, an error to standard error.
pub(crate) fn report(program: &str, error: &clap::Error) -> Exit {
    if error.use_stderr() {
        return refuse(program, &message(error));
    }
    // A closed standard output is not an error: its reader needs no more.
    let _ = error.print();
    Exit::Done
}

/// Prints what is wrong with the command line, and returns how to exit.
pub(crate) fn refuse(program: &str, message: &str) -> Exit {
    let hint = format!("Try '{program} --help' for more information.");
    // A closed standard error leaves the exit code.
    let _ = writeln!(io::stderr(), "{program}: {message}\n{hint}");
    Exit::Usage
}

/// Prints that standard output cannot be written, and returns how to exit. Prints nothing
/// if a reader such as `head` has closed the pipe.
pub(crate) fn cannot_print(program: &str, error: io::Error) -> Exit {
    if error.kind() != io::ErrorKind::BrokenPipe {
        let error = failed_to("write to standard output", error);
        // A closed standard error leaves the exit code.
        let _ = writeln!(io::stderr(), "{program}: {error}");
    }
    Exit::System
}

/// An error of the system with what failed: `cannot write to standard output: ...`. Keeps
/// the kind of the error.
pub(crate) fn failed_to(action: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action}: {}", system_error(&error)))
}

/// An error of clap in one line, in the words of `gearmand`: without clap's prefix, usage and
/// pointer to the help.
pub(crate) fn message(error: &clap::Error) -> String {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let (arg, value) = (named(ContextKind::InvalidArg), named(ContextKind::InvalidValue));
    let similar = named(ContextKind::SuggestedArg);
    let valid = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => valid.join(", "),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument if !arg.starts_with('-') => {
            format!("unexpected argument '{arg}'")
        }
        ErrorKind::UnknownArgument if !similar.is_empty() => {
            format!("unknown option '{arg}'; did you mean '{similar}'?")
        }
        ErrorKind::UnknownArgument => format!("unknown option '{arg}'"),
        ErrorKind::InvalidValue if value.is_empty() && valid.is_empty() => {
            format!("option '{arg}' needs a value")
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("option '{arg}' needs a value: {valid}")
        }
        ErrorKind::InvalidValue => invalid_value(value, arg, &format!("use one of {valid}")),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    }
}

/// The text of a value that clap did not check itself, in the form of clap's own.
pub(crate) fn invalid_value(value: &str, option: &str, expected: &str) -> String {
    format!("invalid value '{value}' for '{option}': {expected}")
}

/// An error of the system, without its number.
pub(crate) fn system_error(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command};

    #[test]
    fn an_error_of_the_command_line_is_one_line_in_the_words_of_gearmand() {
        let command = || Command::new("tool").arg(Arg::new("host").long("host"));
        let text =
            |words: &[&str]| message(&command().try_get_matches_from(words).expect_err("wrong"));
        assert_eq!(text(&["tool", "--hots"]), "unknown option '--hots'; did you mean '--host'?");
        assert_eq!(text(&["tool", "--nothing-like-it"]), "unknown option '--nothing-like-it'");
        assert_eq!(text(&["tool", "word"]), "unexpected argument 'word'");
        assert_eq!(text(&["tool", "--host"]), "option '--host <host>' needs a value");
        let shells =
            |command: Command| command.arg(Arg::new("s").long("s").value_parser(["a", "b"]));
        let wrong =
            shells(command()).try_get_matches_from(["tool", "--s", "c"]).expect_err("wrong");
        assert_eq!(message(&wrong), "invalid value 'c' for '--s <s>': use one of a, b");
        assert_eq!(
            text(&["tool", "--host", "a", "--host", "b"]),
            "the argument '--host <host>' cannot be used multiple times"
        );
    }

    #[test]
    fn a_system_error_is_shown_without_its_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(system_error(&error), "No such file or directory");
        assert_eq!(system_error(&io::Error::other("input is gone")), "input is gone");
    }
}
