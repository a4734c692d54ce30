//! The command-line tools, `gearman` and `gearadmin`, each as a function that its
//! binary calls.
//!
//! Must not: speak the protocol, or use the C functions.

#![forbid(unsafe_code)]

mod gearadmin;
mod gearman;
mod tools;

use std::process::ExitCode;

/// The program `gearman`: submits jobs, or does them with commands.
pub fn gearman() -> ExitCode {
    gearman::main()
}

/// The program `gearadmin`: asks a job server in text.
pub fn gearadmin() -> ExitCode {
    gearadmin::main()
}
