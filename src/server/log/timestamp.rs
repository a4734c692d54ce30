//! The time of a log line.
//!
//! Must not: know time zones.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, shown in UTC.
pub(super) struct Timestamp {
    seconds: u64,
    micros: u32,
}

impl Timestamp {
    /// The current time.
    pub(super) fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { seconds: since.as_secs(), micros: since.subsec_micros() }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let mut year = 1970;
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let february = 28 + u64::from(is_leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let (day, micros) = (days + 1, self.micros);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_shown_as_date_and_time() {
        let show = |seconds| Timestamp { seconds, micros: 7 }.to_string();
        assert_eq!(show(0), "1970-01-01 00:00:00.000007");
        assert_eq!(show(951_782_400), "2000-02-29 00:00:00.000007");
        assert_eq!(show(1_704_067_199), "2023-12-31 23:59:59.000007");
        assert_eq!(show(1_795_313_718), "2026-11-22 02:15:18.000007");
    }
}
