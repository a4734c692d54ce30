//! gearadmin, which sends admin commands to a job server: see `src/cli/gearadmin`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gearman_cli::gearadmin()
}
