//! gearman, which submits jobs and runs jobs with commands: see `src/cli/gearman`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gearman_cli::gearman()
}
