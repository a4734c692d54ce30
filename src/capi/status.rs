//! `status.h`: reading the struct that `gearman_client_unique_status` returns.
//!
//! The struct comes by value, so these functions need no handle and cannot fail.

use super::types::{gearman_return_t, gearman_status_t};

/// How asking for the status went.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_return(arg: gearman_status_t) -> gearman_return_t {
    arg.status_.result_rc
}

/// Whether the server knows the job.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_is_known(arg: gearman_status_t) -> bool {
    arg.status_.is_known != 0
}

/// Whether a worker is running the job.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_is_running(arg: gearman_status_t) -> bool {
    arg.status_.is_running != 0
}

/// The numerator of the job's progress, as its worker last sent it; 0 if it
/// never did.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_numerator(arg: gearman_status_t) -> u32 {
    arg.status_.numerator
}

/// The denominator of the job's progress, as its worker last sent it; 0 if it
/// never did.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_denominator(arg: gearman_status_t) -> u32 {
    arg.status_.denominator
}
