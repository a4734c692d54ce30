//! `status.h`: reading the answer of gearman_client_unique_status().
//!
//! The struct is passed by value, so these functions need no handle and cannot fail.

use super::types::{gearman_return_t, gearman_status_t};

/// Gets the code of the answer to gearman_client_unique_status().
///
/// `arg` is the answer.
///
/// Returns the code; if it is not `GEARMAN_SUCCESS`, the answer has no state.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_return(arg: gearman_status_t) -> gearman_return_t {
    arg.status_.result_rc
}

/// Tells whether the server knows the job.
///
/// `arg` is the answer to gearman_client_unique_status().
///
/// Returns true if it does.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_is_known(arg: gearman_status_t) -> bool {
    arg.status_.is_known != 0
}

/// Tells whether a worker has the job.
///
/// `arg` is the answer to gearman_client_unique_status().
///
/// Returns true if one has it.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_is_running(arg: gearman_status_t) -> bool {
    arg.status_.is_running != 0
}

/// Gets the progress of the job, out of gearman_status_denominator().
///
/// `arg` is the answer to gearman_client_unique_status().
///
/// Returns what the job's worker last reported; 0 if it reported nothing.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_numerator(arg: gearman_status_t) -> u32 {
    arg.status_.numerator
}

/// Gets the number that gearman_status_numerator() is out of.
///
/// `arg` is the answer to gearman_client_unique_status().
///
/// Returns what the job's worker last reported; 0 if it reported nothing.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_status_denominator(arg: gearman_status_t) -> u32 {
    arg.status_.denominator
}
