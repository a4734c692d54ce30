//! gearmand, the Gearman job server: see `src/server`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Every allocation of the process, the standard library's included.
#[global_allocator]
static GLOBAL_ALLOCATOR: gearman_server::Allocator = gearman_server::ALLOCATOR;

fn main() -> ExitCode {
    gearman_server::main()
}
