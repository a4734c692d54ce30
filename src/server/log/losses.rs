//! [`LossLines`]: limits the lines about single jobs that the server ended, and counts the others by
//! function, so that the log has the number of every loss.
//!
//! Must not: write lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::throttle::Throttle;

/// Why jobs were lost, and the function that they were for.
type LossCause = (&'static str, Box<[u8]>);

/// Jobs without a line of their own.
pub(super) struct LossLines {
    throttle: Throttle,
    left_out: BTreeMap<LossCause, u64>,
}

impl LossLines {
    /// Admits `limit` lines per second.
    pub(super) fn new(limit: u32) -> LossLines {
        LossLines {
            throttle: Throttle::new(limit, Duration::from_secs(1)),
            left_out: BTreeMap::new(),
        }
    }

    /// Whether to write a line about a job. Otherwise the job is counted.
    pub(super) fn admits(&mut self, why: &'static str, function: &[u8], now: Instant) -> bool {
        let admits = self.throttle.admits(now);
        if !admits {
            *self.left_out.entry((why, function.into())).or_default() += 1;
        }
        admits
    }

    /// Whether there are such jobs, and their second is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.left_out.is_empty() && self.throttle.is_over(now)
    }

    /// Whether jobs were counted that were not reported.
    pub(super) fn has_left_out(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Returns the numbers by reason and function, and resets them.
    pub(super) fn take(&mut self) -> BTreeMap<LossCause, u64> {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_without_a_line_are_counted_by_reason_and_function() {
        let (mut lines, now) = (LossLines::new(1), Instant::now());
        assert!(lines.admits("a", b"f", now) && !lines.has_left_out());
        for (why, function) in [("a", b"f"), ("a", b"f"), ("a", b"g"), ("b", b"f")] {
            assert!(!lines.admits(why, function, now));
        }
        assert!(!lines.is_due(now) && lines.is_due(now + Duration::from_secs(1)));
        let counts: Vec<_> = lines.take().into_values().collect();
        assert_eq!((counts, lines.has_left_out()), (vec![2, 1, 1], false));
    }
}
