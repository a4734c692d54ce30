//! gearadmin: asks a job server in text, and shows what it answers.
//!
//! `operations` is the table of what can be asked, `options` the command line,
//! `run` asks, and `show` prints. The protocol is the library's.

mod operations;
mod options;
mod run;
mod show;

use std::process::ExitCode;

/// Runs the program, and returns its exit code.
pub(crate) fn main() -> ExitCode {
    let exit = match options::parse(std::env::args_os()) {
        Ok(options) => run::run(&options),
        Err(exit) => exit,
    };
    exit.into()
}
