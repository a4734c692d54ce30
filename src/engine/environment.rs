//! Settings that environment variables give to programs that do not set them.
//!
//! Must not: change a setting; the caller does, or reports the error.

use std::env;
use std::ffi::{OsStr, OsString};

use gearman_net::KeepaliveTime;

/// The variable for the time after which a vanished host is noticed.
const KEEPALIVE_VARIABLE: &str = "GEARMAN_KEEPALIVE";
/// The variable for how often a lost job is submitted again.
const RESUBMISSIONS_VARIABLE: &str = "GEARMAN_RESUBMISSIONS";

/// The time in `GEARMAN_KEEPALIVE`. None if it is not set; an empty value is the default.
///
/// # Errors
/// The variable and its value, if that is no such time.
pub fn keepalive() -> Result<Option<KeepaliveTime>, String> {
    let expected = "0 or a number of seconds from 2 to 32767";
    checked(KEEPALIVE_VARIABLE, env::var_os(KEEPALIVE_VARIABLE), expected, |text| match text {
        "" => Some(KeepaliveTime::default()),
        text => KeepaliveTime::from_seconds(text.parse().ok()?),
    })
}

/// The number in `GEARMAN_RESUBMISSIONS`. None if it is not set; an empty value is 0.
///
/// # Errors
/// The variable and its value, if that is no such number.
pub fn resubmissions() -> Result<Option<u16>, String> {
    let (name, expected) = (RESUBMISSIONS_VARIABLE, "a number from 0 to 65535");
    checked(name, env::var_os(name), expected, |text| match text {
        "" => Some(0),
        text => text.parse().ok(),
    })
}

/// Reads a variable's value without the blanks around it.
fn checked<T>(
    name: &str,
    value: Option<OsString>,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(value) = value else { return Ok(None) };
    let found = OsStr::to_str(&value).and_then(|text| read(text.trim()));
    let wrong = || format!("{name} is \"{}\", not {expected}", value.to_string_lossy());
    found.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_value_is_read_without_its_blanks_and_a_wrong_one_is_named_with_its_variable() {
        let read = |value: Option<OsString>| {
            checked("GEARMAN_X", value, "a number", |text| text.parse::<u16>().ok())
        };
        assert_eq!(read(None), Ok(None));
        for (value, expected) in [("30", 30), (" 30 ", 30), ("0", 0)] {
            assert_eq!(read(Some(value.into())), Ok(Some(expected)), "{value:?}");
        }
        for value in ["-1", "30s", "yes", ""] {
            let message = format!("GEARMAN_X is \"{value}\", not a number");
            assert_eq!(read(Some(value.into())), Err(message));
        }
        assert!(read(Some(OsString::from_vec(vec![0xff]))).is_err());
    }
}
