//! [`Predictor`]: whether a peer will do again what it did lately.
//!
//! A shortcut that helps one kind of peer and costs another one something is taken
//! only while the peer is seen to be of the first kind. Where the shortcut is taken,
//! that cannot be seen any more: so it is left out now and then.
//!
//! Must not: know what it is that the peer does.

use super::{HITS_BEFORE_PREDICTION, PREDICTION_LIFETIME_MS, PREDICTIONS_BEFORE_CHECK};

/// The prediction of one behaviour of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Predictor {
    /// Hits since the last miss, up to [`HITS_BEFORE_PREDICTION`].
    hits: u8,
    /// How often the behaviour may still be predicted without another hit.
    predictions_left: u8,
    /// When the prediction has to be checked, as `Now::ticks`.
    valid_until: u64,
}

impl Predictor {
    /// Notes that the peer did it.
    #[inline]
    pub fn hit(&mut self, now: u64) {
        self.hits = (self.hits + 1).min(HITS_BEFORE_PREDICTION);
        if self.hits == HITS_BEFORE_PREDICTION {
            self.predictions_left = PREDICTIONS_BEFORE_CHECK;
            self.valid_until = now + PREDICTION_LIFETIME_MS;
        }
    }

    /// Notes that the peer did not do it, or that a prediction was wrong.
    #[inline]
    pub fn miss(&mut self) {
        *self = Predictor::default();
    }

    /// Whether the peer will do it. Counts as one prediction; after the last one a
    /// single hit renews them.
    #[inline]
    pub fn predicts(&mut self, now: u64) -> bool {
        let Some(left) = self.predictions_left.checked_sub(1) else { return false };
        let is_valid = now < self.valid_until;
        self.predictions_left = if is_valid { left } else { 0 };
        is_valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicting() -> Predictor {
        let mut predictor = Predictor::default();
        (0..HITS_BEFORE_PREDICTION).for_each(|_| predictor.hit(0));
        predictor
    }

    #[test]
    fn a_prediction_takes_4_hits_in_a_row() {
        let mut predictor = Predictor::default();
        for _ in 0..3 {
            (1..HITS_BEFORE_PREDICTION).for_each(|_| predictor.hit(0));
            assert!(!predictor.predicts(0));
            predictor.miss();
        }
        assert!(predicting().predicts(0));
    }

    #[test]
    fn a_miss_ends_the_prediction() {
        let mut predictor = predicting();
        predictor.miss();
        assert!(!predictor.predicts(0));
        predictor.hit(0);
        assert!(!predictor.predicts(0));
    }

    #[test]
    fn a_prediction_is_checked_after_64_uses_and_renewed_by_one_hit() {
        let mut predictor = predicting();
        (0..PREDICTIONS_BEFORE_CHECK).for_each(|_| assert!(predictor.predicts(0)));
        assert!(!predictor.predicts(0));
        predictor.hit(0);
        assert!(predictor.predicts(0));
    }

    #[test]
    fn a_prediction_is_checked_after_10_ms_even_if_it_was_not_used() {
        let mut predictor = predicting();
        assert!(predictor.predicts(PREDICTION_LIFETIME_MS - 1));
        assert!(!predictor.predicts(PREDICTION_LIFETIME_MS));
        assert!(!predictor.predicts(PREDICTION_LIFETIME_MS - 1), "a check stays due");
        predictor.hit(PREDICTION_LIFETIME_MS);
        assert!(predictor.predicts(2 * PREDICTION_LIFETIME_MS - 1));
    }
}
