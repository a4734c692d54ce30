//! [`Timeout`]: the value of `-t`.
//!
//! Must not: know what it limits.

use std::time::Duration;

/// A limit in time; none for a negative number on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

/// Reads a number of milliseconds. A unit such as `1s` is refused: gearman 1.1 takes
/// that for 1 millisecond.
///
/// # Errors
/// What is expected, when the text is not a number.
pub(crate) fn parse_timeout(text: &str) -> Result<Timeout, String> {
    let number: i64 =
        text.parse().map_err(|_| "expected milliseconds (1000 is 1 second), or -1 for no limit")?;
    Ok(Timeout(u64::try_from(number).ok().map(Duration::from_millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_of_milliseconds() {
        assert_eq!(parse_timeout("1500"), Ok(Timeout(Some(Duration::from_millis(1500)))));
        for unlimited in ["-1", "-2"] {
            assert_eq!(parse_timeout(unlimited), Ok(Timeout(None)));
        }
        for wrong in ["", "1s", " 1", "soon"] {
            assert!(parse_timeout(wrong).is_err_and(|error| error.contains("milliseconds")));
        }
    }
}
