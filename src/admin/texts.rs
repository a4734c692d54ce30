//! Handlers of commands with a one-line answer: they change a job or a function, or
//! report one value. A call has as many values as its form in `commands`.
//!
//! Must not: write a list that can be long.

use gearman_broker::{Cancelled, Dropped};

use super::form::CommandCall;
use super::lists;
use super::{Context, OK};

const UNKNOWN_JOB: &[u8] = b"ERR UNKNOWN_JOB\r\n";
const UNKNOWN_FUNCTION: &[u8] = b"ERR function not found\r\n";
const FUNCTION_IN_USE: &[u8] = b"ERR there are still connected workers or executing clients\r\n";

/// Cancels the job with a handle.
pub(super) fn cancel_job(call: &mut CommandCall<'_, '_>) {
    let how = call.context.broker.cancel(call.values[0], call.context.packets);
    cancelled(how, call.text);
}

/// Cancels the job of a function with a unique id.
pub(super) fn cancel_unique(call: &mut CommandCall<'_, '_>) {
    let (function, unique) = (call.values[0], call.values[1]);
    let how = call.context.broker.cancel_unique(function, unique, call.context.packets);
    cancelled(how, call.text);
}

fn cancelled(how: Cancelled, text: &mut Vec<u8>) {
    text.extend_from_slice(match how {
        Cancelled::Yes => OK,
        Cancelled::Unknown => UNKNOWN_JOB,
    });
}

/// Creates a function, if it does not exist.
pub(super) fn create_function(call: &mut CommandCall<'_, '_>) {
    call.context.broker.create_function(call.values[0]);
    call.text.extend_from_slice(OK);
}

/// Drops a function that has no workers and no running jobs.
pub(super) fn drop_function(call: &mut CommandCall<'_, '_>) {
    if drop_whole(call).is_some() {
        call.text.extend_from_slice(OK);
    }
}

/// As [`drop_function`], and answers the number of jobs that went with it.
pub(super) fn drop_function_counted(call: &mut CommandCall<'_, '_>) {
    if let Some(jobs) = drop_whole(call) {
        value(call.text, &jobs.to_string());
    }
}

fn drop_whole(call: &mut CommandCall<'_, '_>) -> Option<u32> {
    let Context { broker, packets, caller, .. } = &mut *call.context;
    let outcome = broker.drop_function(*caller, call.values[0], *packets);
    dropped_jobs(call, outcome)
}

/// The number of jobs that were dropped. If they were not, or not all yet, the answer says so.
fn dropped_jobs(call: &mut CommandCall<'_, '_>, outcome: Dropped) -> Option<u32> {
    match outcome {
        Dropped::Yes(jobs) => return Some(jobs),
        Dropped::Unknown => call.text.extend_from_slice(UNKNOWN_FUNCTION),
        Dropped::InUse => call.text.extend_from_slice(FUNCTION_IN_USE),
        Dropped::Unfinished => call.context.is_unfinished = true,
    }
    None
}

/// Most jobs that `peek` shows.
const PEEKED_JOBS_MAX: usize = 100;
/// Jobs that it shows unless a number is given.
const PEEKED_JOBS: usize = 10;

/// Lists the jobs at the head of a function's queue, with their payloads.
pub(super) fn peek(call: &mut CommandCall<'_, '_>) {
    let count = match call.values {
        [_, count] => str::from_utf8(count).ok().and_then(|count| count.parse().ok()),
        _ => Some(PEEKED_JOBS),
    };
    let Some(count) = count.filter(|count| *count <= PEEKED_JOBS_MAX) else {
        return call
            .text
            .extend_from_slice(b"ERR INVALID_ARGUMENTS A+number+up+to+100+is+expected\r\n");
    };
    match call.context.broker.queue_head(call.values[0], count) {
        Some(jobs) => lists::peek(&jobs, call.text),
        None => call.text.extend_from_slice(UNKNOWN_FUNCTION),
    }
}

/// Drops the waiting jobs of a function, and answers their number.
pub(super) fn drop_queue(call: &mut CommandCall<'_, '_>) {
    let Context { broker, packets, caller, .. } = &mut *call.context;
    let outcome = broker.drop_queue(*caller, call.values[0], *packets);
    if let Some(jobs) = dropped_jobs(call, outcome) {
        value(call.text, &jobs.to_string());
    }
}

/// Answers the number of jobs that [`drop_queue`] would drop.
pub(super) fn count_queue(call: &mut CommandCall<'_, '_>) {
    match call.context.broker.queue_length(call.values[0]) {
        Some(number) => value(call.text, &number.to_string()),
        None => call.text.extend_from_slice(UNKNOWN_FUNCTION),
    }
}

/// Pauses a function: its jobs are not handed out.
pub(super) fn pause_function(call: &mut CommandCall<'_, '_>) {
    let is_known = call.context.broker.pause(call.values[0]);
    call.text.extend_from_slice(if is_known { OK } else { UNKNOWN_FUNCTION });
}

/// Resumes a paused function.
pub(super) fn resume_function(call: &mut CommandCall<'_, '_>) {
    let is_known = call.context.broker.resume(call.values[0], call.context.packets);
    call.text.extend_from_slice(if is_known { OK } else { UNKNOWN_FUNCTION });
}

/// Limits the number of jobs of a function.
pub(super) fn limit_queue(call: &mut CommandCall<'_, '_>) {
    let limits = parse_limits(&call.values[1..]);
    call.context.broker.limit_queue(call.values[0], limits);
    call.text.extend_from_slice(OK);
}

/// Parses the limits for HIGH, NORMAL and LOW; a single number applies to all three. 0 is
/// no limit, as is a word that is missing, negative or not a number.
fn parse_limits(words: &[&[u8]]) -> [u32; 3] {
    let number = |word: &&[u8]| {
        let digits = word.iter().take_while(|b| b.is_ascii_digit());
        digits.fold(0_u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0')))
    };
    match words {
        [all] => [number(all); 3],
        _ => [0, 1, 2].map(|priority| words.get(priority).map_or(0, number)),
    }
}

/// The process id of the server.
pub(super) fn process_id(call: &mut CommandCall<'_, '_>) {
    value(call.text, &std::process::id().to_string());
}

/// The name of the log level.
pub(super) fn log_level(call: &mut CommandCall<'_, '_>) {
    value(call.text, call.context.level);
}

/// The version of the server.
pub(super) fn version(call: &mut CommandCall<'_, '_>) {
    value(call.text, env!("CARGO_PKG_VERSION"));
}

/// Writes an answer of one value. Its line ends without a carriage return, as in lists.
fn value(text: &mut Vec<u8>, value: &str) {
    text.extend_from_slice(format!("OK {value}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::parse_limits;

    #[test]
    fn one_number_limits_all_priorities_and_several_limit_one_each() {
        assert_eq!(parse_limits(&[]), [0; 3]);
        assert_eq!(parse_limits(&[b"7"]), [7; 3]);
        assert_eq!(parse_limits(&[b"1", b"9"]), [1, 9, 0]);
        assert_eq!(parse_limits(&[b"1", b"2x", b"-3"]), [1, 2, 0]);
    }
}
