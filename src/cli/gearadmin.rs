//! gearadmin: sends admin commands to a job server, and prints the replies.
//!
//! `operations` is the table of operations, `options` the command line; `run` sends the
//! requests, and `show` formats the replies, lists as a `table`. `watch` repeats all that, and
//! `rates` is what only it shows.
//!
//! Must not: speak the protocol, which is the engine's.

mod operations;
mod options;
mod rates;
mod run;
mod show;
mod table;
mod watch;

use std::io::Write;
use std::process::ExitCode;

/// Runs the program, and returns its exit code.
pub(crate) fn main() -> ExitCode {
    let exit = match options::parse(std::env::args_os()) {
        Ok(options) => run::run(&options),
        Err(exit) => exit,
    };
    exit.into()
}

/// Prints a message to standard error, after the program's name.
fn notify(text: &str) {
    // A closed standard error leaves the exit code.
    let _ = writeln!(std::io::stderr(), "gearadmin: {text}");
}
