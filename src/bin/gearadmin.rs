//! gearadmin: asks a job server in text: see `src/cli/gearadmin`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gearman_cli::gearadmin()
}
