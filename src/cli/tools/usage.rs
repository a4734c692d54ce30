//! Messages that both tools print to standard error before they run: the program's name,
//! what is wrong with which option and value, and where the options are listed.
//!
//! Must not: know any option.

use std::io::{self, Write};

use crate::tools::Exit;

/// Prints what clap has to say, and returns how to exit: help and version go to
/// standard output, an error to standard error.
pub(crate) fn report(program: &str, error: &clap::Error) -> Exit {
    if error.use_stderr() {
        return refuse(program, &message(error));
    }
    // A closed standard output is not an error: the reader has seen enough.
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

/// The error and its tip, without clap's prefix, usage and pointer to the help.
pub(crate) fn message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let parts = text.trim_end().split("\n\n").filter(|part| {
        !["Usage:", "For more information"].iter().any(|left_out| part.starts_with(left_out))
    });
    let message = parts.collect::<Vec<_>>().join("\n");
    message.strip_prefix("error: ").map(str::to_owned).unwrap_or(message)
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
    fn a_message_is_claps_error_and_tip_without_the_usage() {
        let command = || Command::new("tool").arg(Arg::new("host").long("host"));
        let text =
            |words: &[&str]| message(&command().try_get_matches_from(words).expect_err("wrong"));
        assert_eq!(
            text(&["tool", "--hots"]),
            "unexpected argument '--hots' found\n  tip: a similar argument exists: '--host'"
        );
        assert_eq!(
            text(&["tool", "--host"]),
            "a value is required for '--host <host>' but none was supplied"
        );
    }

    #[test]
    fn a_system_error_is_shown_without_its_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(system_error(&error), "No such file or directory");
        assert_eq!(system_error(&io::Error::other("input is gone")), "input is gone");
    }
}
