//! Parsers of option values. Each error says what is expected; the option and the value
//! are added by the caller.
//!
//! Must not: look at other options.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gearman_protocol::limits::DEFAULT_PORT;

use crate::tools::servers;

const TOO_LATE: &str = "the time is too far in the future";

/// Reads the port of a server. As in the library, an empty text and 0 are the default.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    if matches!(text, "" | "0") { Ok(DEFAULT_PORT) } else { servers::parse_port(text) }
}

/// Reads how many jobs can be in flight.
pub(super) fn parse_job_limit(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 1")
}

/// Reads how many jobs a worker is limited to.
pub(super) fn parse_count(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "expected a whole number of jobs")
}

/// Reads a duration with its unit.
pub(super) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 90s, 10m, \"1h 30m\" or 2days")
}

/// Reads a duration: a number of seconds, or with its unit.
pub(super) fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| "expected seconds, or a duration such as 500ms, 10m or \"1h 30m\""),
    }
}

/// Reads a time: seconds since 1970, or a date. Returns seconds since 1970.
pub(super) fn parse_time(text: &str) -> Result<i64, &'static str> {
    let expected = "expected seconds since 1970, or a date such as 2030-01-31T12:00:00Z";
    if let Ok(seconds) = text.parse::<i64>() {
        return if seconds >= 0 { Ok(seconds) } else { Err(expected) };
    }
    humantime::parse_rfc3339_weak(text).map_err(|_| expected).and_then(unix_seconds)
}

/// The time after a delay, in seconds since 1970. The server counts whole seconds: the
/// time is rounded up, so that a job never runs too early.
pub(super) fn time_after(delay: Duration) -> Result<i64, &'static str> {
    let rounded = delay.checked_add(Duration::from_millis(999)).ok_or(TOO_LATE)?;
    SystemTime::now().checked_add(rounded).ok_or(TOO_LATE).and_then(unix_seconds)
}

fn unix_seconds(time: SystemTime) -> Result<i64, &'static str> {
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| "expected a time after 1970")?;
    i64::try_from(since.as_secs()).map_err(|_| TOO_LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_since_1970_or_a_date() {
        assert_eq!(parse_time("0"), Ok(0));
        assert_eq!(parse_time("1900000000"), Ok(1_900_000_000));
        assert_eq!(parse_time("2030-03-17T17:46:40Z"), Ok(1_900_000_000));
        for wrong in ["-1", "tomorrow", "1960-01-01T00:00:00Z"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_delay_ends_no_earlier_than_asked_for() {
        let now = || unix_seconds(SystemTime::now()).expect("after 1970");
        let before = now();
        let time = time_after(Duration::from_millis(1500)).expect("a near time");
        assert!((before + 2..=now() + 3).contains(&time));
        assert_eq!(time_after(Duration::MAX), Err(TOO_LATE));
    }
}
