//! How often a line may be written that somebody else can cause.
//!
//! Must not: write it.

use std::time::{Duration, Instant};

/// Lets some through per period and counts the rest.
#[derive(Debug)]
pub(crate) struct Throttle {
    most: u32,
    period: Duration,
    started: Option<Instant>,
    admitted: u32,
    suppressed: u64,
}

impl Throttle {
    /// Lets `most` through per `period`.
    pub(crate) fn new(most: u32, period: Duration) -> Throttle {
        Throttle { most, period, started: None, admitted: 0, suppressed: 0 }
    }

    /// Whether the period is over in which some passed, or did not.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.started.is_none_or(|started| now.saturating_duration_since(started) >= self.period)
    }

    /// Whether one more may pass.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        if self.is_over(now) {
            (self.started, self.admitted) = (Some(now), 0);
        }
        let admitted = self.admitted < self.most;
        if admitted {
            self.admitted += 1;
        } else {
            self.suppressed += 1;
        }
        admitted
    }

    /// Whether there is one that did not pass and was not counted.
    pub(crate) fn has_suppressed(&self) -> bool {
        self.suppressed > 0
    }

    /// How many did not pass. They are counted once.
    pub(crate) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_until_somebody_asks() {
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
