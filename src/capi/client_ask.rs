//! `client.h`: requests to servers that wait for the answer.
//!
//! Must not: return with a task of its own in the client.

use super::cancellation;
use super::client_block::ClientBlock;
use super::client_single::run_single;
use super::frames::Freed;
use super::text::{CStrArg, put};
use super::types::*;
use crate::engine::ReturnCode;
use crate::engine::client::Broadcast;
use crate::engine::exchange::reject_empty_request;
use crate::engine::task::{Callbacks, Status, TaskKind, Token};
use gearman_engine::at;
use libc::{c_char, c_void};

/// Asks a server for the state of a background job, by its handle.
///
/// It waits for the answer, in non-blocking mode too. `job_handle` is the handle that
/// gearman_client_do_background() gave. `is_known` tells whether the server knows the
/// job, `is_running` whether a worker has it, and `numerator` and `denominator` what
/// its worker last reported as its progress. Each of the four may be NULL.
///
/// Returns `GEARMAN_SUCCESS` for every answer of the server, also if it does not know
/// the job. If `is_known` and `is_running` are both NULL, the code tells the state
/// instead: `GEARMAN_IN_PROGRESS` for a running job, `GEARMAN_JOB_EXISTS` for a waiting
/// one, `GEARMAN_SUCCESS` for an unknown one.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` or `job_handle` is NULL.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
/// - `GEARMAN_TIMEOUT`: no server answered within the timeout.
/// - `GEARMAN_SERVER_ERROR`: the server refused the request.
///
/// # Safety
/// `client` is NULL or a live client; `job_handle` is NULL or NUL-terminated;
/// `is_known`, `is_running`, `numerator` and `denominator` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_job_status(
    client: *mut gearman_client_st,
    job_handle: gearman_job_handle_const,
    is_known: *mut bool,
    is_running: *mut bool,
    numerator: *mut u32,
    denominator: *mut u32,
) -> gearman_return_t {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let handle = job_handle.bytes();
        let outcome = run_single(
            block,
            |engine| {
                if job_handle.is_null() {
                    return Err(engine.link.error.set(
                        ReturnCode::INVALID_ARGUMENT,
                        at!("gearman_client_job_status"),
                        "job_handle was NULL",
                    ));
                }
                Ok(engine.add_status(handle, TaskKind::Do, Callbacks::default(), Token::NONE))
            },
            |task| task.status,
        );
        let (mut code, status) = match outcome {
            Ok(outcome) => outcome,
            Err(Freed(code)) => return code.into(),
        };
        let status = status.filter(|_| !code.failed()).unwrap_or_default();
        put(is_known, status.known);
        put(is_running, status.running);
        put(numerator, status.numerator);
        put(denominator, status.denominator);
        if is_known.is_null() && is_running.is_null() && !code.failed() {
            code = match status {
                s if s.running => ReturnCode::IN_PROGRESS,
                s if s.known => ReturnCode::JOB_EXISTS,
                _ => code,
            };
        }
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        code.into()
    })
}

/// Asks a server for the state of a job, by its unique id.
///
/// It waits for the answer, in non-blocking mode too. `unique` is NUL-terminated.
/// `unique_length` is ignored, as in the original library.
///
/// Returns the answer by value. gearman_status_return() gives its code,
/// gearman_status_is_known(), gearman_status_is_running(), gearman_status_numerator()
/// and gearman_status_denominator() the state.
///
/// # Errors
/// - `GEARMAN_UNKNOWN_STATE`: `unique` is NULL or longer than 64 bytes.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
/// - `GEARMAN_TIMEOUT`: no server answered within the timeout.
/// - `GEARMAN_SERVER_ERROR`: the server refused the request.
///
/// # Safety
/// `client` is NULL or a live client; `unique` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_unique_status(
    client: *mut gearman_client_st,
    unique: *const c_char,
    unique_length: usize,
) -> gearman_status_t {
    let _ = unique_length;
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return status_of(ReturnCode::INVALID_ARGUMENT, &Default::default());
        };
        let outcome = run_single(
            block,
            |engine| {
                if unique.is_null() {
                    // The original's code, for this function alone.
                    return Err(engine.link.error.set_named(ReturnCode::UNKNOWN_STATE));
                }
                let (kind, callbacks) = (TaskKind::Do, Callbacks::default());
                let added =
                    engine.add_status_by_unique(unique.bytes(), kind, callbacks, Token::NONE);
                // The original's code here, too.
                added.map_err(|_| engine.link.error.set_named(ReturnCode::UNKNOWN_STATE))
            },
            |task| task.status,
        );
        let (code, status) = match outcome {
            Ok(outcome) => outcome,
            Err(Freed(code)) => return status_of(code, &Default::default()),
        };
        let status = status.filter(|_| !code.failed()).unwrap_or_default();
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        status_of(code, &status)
    })
}

fn status_of(code: ReturnCode, status: &Status) -> gearman_status_t {
    gearman_status_t {
        version_: gearman_status_version_t::V1,
        status_: gearman_status_v1_t {
            result_rc: code.into(),
            is_known: u8::from(status.known),
            is_running: u8::from(status.running),
            numerator: status.numerator,
            denominator: status.denominator,
            client_count: status.clients,
        },
    }
}

/// Checks that every server answers, by having each send bytes back.
///
/// It waits for the answers, in non-blocking mode too. `workload` has `workload_size`
/// bytes, at least one.
///
/// Returns `GEARMAN_SUCCESS` if every server sent the same bytes back, or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `workload` has no bytes.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
/// - `GEARMAN_ECHO_DATA_CORRUPTION`: a server sent other bytes back.
/// - `GEARMAN_COULD_NOT_CONNECT`: a server cannot be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
/// - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
///
/// # Safety
/// `client` is NULL or a live client; `workload` is NULL or readable for
/// `workload_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_echo(
    client: *mut gearman_client_st,
    workload: *const c_void,
    workload_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let null = workload.is_null();
        let data = workload.sized(workload_size);
        let echo = Broadcast::Echo(data);
        let code = match reject_empty_request(&mut (*block).engine.link, echo, null) {
            Err(code) => code,
            Ok(()) => match ClientBlock::broadcast(block, echo) {
                Ok(outcome) => outcome.err().unwrap_or_default(),
                Err(Freed(())) => return gearman_return_t::SUCCESS,
            },
        };
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        code.into()
    })
}

/// Turns an option of the servers on, such as "exceptions".
///
/// Every server is asked, and asked again on every later connection. It waits for the
/// answers, in non-blocking mode too. `option_arg` has `option_arg_size` bytes.
/// gearman_client_greet_with_option() does not wait.
///
/// Returns true if at least one server accepted the option and none refused it. A
/// server that is down is asked when it is connected again. False on any error;
/// gearman_client_error() says which.
///
/// # Safety
/// `client` is NULL or a live client; `option_arg` is NULL or readable for
/// `option_arg_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_server_option(
    client: *mut gearman_client_st,
    option_arg: *const c_char,
    option_arg_size: usize,
) -> bool {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return false };
        let option = option_arg.sized(option_arg_size);
        let asked = Broadcast::Option(option);
        let refused = reject_empty_request(&mut (*block).engine.link, asked, option_arg.is_null());
        let accepted = refused.is_ok()
            && match ClientBlock::request_option(block, option) {
                Ok(accepted) => accepted,
                Err(Freed(())) => return false,
            };
        if accepted && option == b"exceptions" {
            (*block).exceptions = true;
        }
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        accepted
    })
}
