//! Limits the rate of log lines that a peer can cause.
//!
//! Must not: write lines.

use std::time::{Duration, Instant};

/// Admits a number of lines per period and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: u32,
    period: Duration,
    started: Option<Instant>,
    admitted: u32,
    suppressed: u64,
}

impl Throttle {
    /// Admits `limit` lines per `period`.
    pub(crate) fn new(limit: u32, period: Duration) -> Throttle {
        Throttle { limit, period, started: None, admitted: 0, suppressed: 0 }
    }

    /// Whether the current period is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.started.is_none_or(|started| now.saturating_duration_since(started) >= self.period)
    }

    /// Whether to write one more line.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        if self.is_over(now) {
            (self.started, self.admitted) = (Some(now), 0);
        }
        let admitted = self.admitted < self.limit;
        if admitted {
            self.admitted += 1;
        } else {
            self.suppressed += 1;
        }
        admitted
    }

    /// Whether lines were suppressed since the last report.
    pub(crate) fn has_suppressed(&self) -> bool {
        self.suppressed > 0
    }

    /// Returns the number of suppressed lines and resets it.
    pub(crate) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_the_limit_are_counted_until_they_are_reported() {
        let mut throttle = Throttle::new(2, Duration::from_secs(1));
        let start = Instant::now();
        let admitted: Vec<_> = (0..5).map(|_| throttle.admits(start)).collect();
        assert_eq!(admitted, [true, true, false, false, false]);
        assert!(throttle.has_suppressed() && !throttle.is_over(start));
        let later = start + Duration::from_secs(1);
        assert!(throttle.is_over(later) && throttle.admits(later));
        assert_eq!(throttle.take_suppressed(), 3);
        assert!(!throttle.has_suppressed());
    }
}
