//! The pace of reconnecting.
//!
//! The queue thread tries again twice a second, and with every batch. A store that is down must not
//! be asked that often by every server: attempts that come too early fail with the last reason.
//!
//! Must not: sleep. The queue thread has jobs to read meanwhile.

use std::time::{Duration, Instant};

/// Wait after the first failed attempt.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// Longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// When the next attempt to connect may be made.
#[derive(Debug, Default)]
pub struct Backoff {
    delay: Duration,
    next: Option<Instant>,
    reason: String,
}

impl Backoff {
    /// Whether an attempt may be made now; otherwise why the last one failed.
    ///
    /// # Errors
    /// The reason of the last failure.
    pub fn check(&self) -> Result<(), String> {
        match self.next {
            Some(next) if Instant::now() < next => Err(self.reason.clone()),
            _ => Ok(()),
        }
    }

    /// An attempt has failed: the next one is put off, for twice as long as the last, up to five
    /// seconds, and for up to a quarter less so that servers do not ask in step.
    pub fn failed(&mut self, reason: &str) {
        self.delay = (self.delay * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
        let now = Instant::now();
        let part = u32::from(jitter()) % 64;
        self.next = Some(now + self.delay - self.delay * part / 256);
        reason.clone_into(&mut self.reason);
    }

    /// An attempt has succeeded.
    pub fn succeeded(&mut self) {
        *self = Backoff::default();
    }
}

/// A byte that differs between processes and moments.
fn jitter() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_after_a_failure_wait_with_its_reason_and_ever_longer() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.check(), Ok(()));
        let mut delays = Vec::new();
        for _ in 0..8 {
            backoff.failed("refused");
            assert_eq!(backoff.check(), Err("refused".to_owned()));
            delays.push(backoff.delay);
        }
        assert!(delays.is_sorted() && delays[0] == BACKOFF_MIN && delays[7] == BACKOFF_MAX);
        backoff.succeeded();
        assert_eq!(backoff.check(), Ok(()));
    }
}
