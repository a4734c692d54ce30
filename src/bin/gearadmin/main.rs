//! gearadmin: asks a job server in text, and shows what it answers.
//!
//! `operations` is the table of what can be asked, `options` the command line,
//! `run` asks, and `show` prints. The protocol is the library's.
#![forbid(unsafe_code)]

mod operations;
mod options;
mod run;
mod show;
#[path = "../tools/mod.rs"]
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = match options::parse(std::env::args_os()) {
        Ok(options) => run::run(&options),
        Err(exit) => exit,
    };
    exit.into()
}
