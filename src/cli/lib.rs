//! The command-line tools `gearman` and `gearadmin`, each as a function for its binary.
//!
//! Must not: speak the protocol, or use the C functions.

#![forbid(unsafe_code)]

mod gearadmin;
mod gearman;
mod tools;

use std::process::ExitCode;

/// Runs `gearman`, which submits jobs, or runs jobs with commands. Returns its exit code.
pub fn gearman() -> ExitCode {
    gearman::main()
}

/// Runs `gearadmin`, which sends admin commands to a job server. Returns its exit code.
pub fn gearadmin() -> ExitCode {
    gearadmin::main()
}
