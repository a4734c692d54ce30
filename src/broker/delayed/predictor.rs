//! [`Predictor`]: predicts whether a peer repeats its recent behaviour.
//!
//! A delayed reply helps peers that behave as predicted and costs the others time, so a
//! reply is held only after several hits. While replies are held the behaviour cannot be
//! observed, so a prediction is checked from time to time.
//!
//! Must not: know which behaviour is predicted.

use super::{HITS_BEFORE_PREDICTION, PREDICTION_LIFETIME, PREDICTIONS_BEFORE_CHECK};
use crate::Millis;

/// The prediction of one behaviour of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Predictor {
    /// Hits since the last miss, up to [`HITS_BEFORE_PREDICTION`].
    hits: u8,
    /// Predictions left before another hit is needed.
    predictions_left: u8,
    /// Time at which another hit is needed.
    valid_until: Millis,
}

impl Predictor {
    /// Records that the peer behaved as predicted.
    #[inline]
    pub fn hit(&mut self, now: Millis) {
        self.hits = (self.hits + 1).min(HITS_BEFORE_PREDICTION);
        if self.hits == HITS_BEFORE_PREDICTION {
            self.predictions_left = PREDICTIONS_BEFORE_CHECK;
            self.valid_until = now + PREDICTION_LIFETIME;
        }
    }

    /// Records that the peer did not behave as predicted.
    #[inline]
    pub fn miss(&mut self) {
        *self = Predictor::default();
    }

    /// Predicts whether the peer will show the behaviour. Each call uses up one prediction;
    /// after the last one, a single hit renews them all.
    #[inline]
    pub fn predicts(&mut self, now: Millis) -> bool {
        let Some(left) = self.predictions_left.checked_sub(1) else { return false };
        let is_valid = now < self.valid_until;
        self.predictions_left = if is_valid { left } else { 0 };
        is_valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(0);

    fn predicting() -> Predictor {
        let mut predictor = Predictor::default();
        (0..HITS_BEFORE_PREDICTION).for_each(|_| predictor.hit(START));
        predictor
    }

    #[test]
    fn a_prediction_needs_4_consecutive_hits() {
        let mut predictor = Predictor::default();
        for _ in 0..3 {
            (1..HITS_BEFORE_PREDICTION).for_each(|_| predictor.hit(START));
            assert!(!predictor.predicts(START));
            predictor.miss();
        }
        assert!(predicting().predicts(START));
    }

    #[test]
    fn a_miss_ends_the_prediction() {
        let mut predictor = predicting();
        predictor.miss();
        assert!(!predictor.predicts(START));
        predictor.hit(START);
        assert!(!predictor.predicts(START));
    }

    #[test]
    fn a_prediction_is_checked_after_64_uses_and_renewed_by_one_hit() {
        let mut predictor = predicting();
        (0..PREDICTIONS_BEFORE_CHECK).for_each(|_| assert!(predictor.predicts(START)));
        assert!(!predictor.predicts(START));
        predictor.hit(START);
        assert!(predictor.predicts(START));
    }

    #[test]
    fn a_prediction_is_checked_after_10_ms_even_if_it_was_not_used() {
        let mut predictor = predicting();
        assert!(predictor.predicts(Millis(9)));
        assert!(!predictor.predicts(Millis(10)));
        assert!(!predictor.predicts(Millis(9)), "a check stays due");
        predictor.hit(Millis(10));
        assert!(predictor.predicts(Millis(19)));
    }
}
