//! What a peer keeps doing, and so may be expected to do again.
//!
//! A shortcut that helps one kind of peer and costs another something is taken
//! only while the peer is seen to be of the first kind. Where it is taken, that
//! cannot be seen any more: so it is left out now and then.
//!
//! Must not: know what it is that the peer does.

/// How often in a row before it is a habit.
const PROOF: u8 = 4;
/// How often a habit is relied on before it is looked at again.
const CREDIT: u8 = 64;

/// One habit of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habit {
    /// How often the peer did it since it last did not.
    seen: u8,
    /// How often it may be relied on.
    credit: u8,
}

impl Habit {
    /// The peer did it.
    pub(crate) fn confirm(&mut self) {
        self.seen = (self.seen + 1).min(PROOF);
        if self.seen == PROOF {
            self.credit = CREDIT;
        }
    }

    /// The peer did not do it, or was relied on in vain.
    pub(crate) fn refute(&mut self) {
        *self = Habit::default();
    }

    /// Relies on it once more, if the peer has the habit. After the last time
    /// one look is enough to renew it.
    pub(crate) fn rely(&mut self) -> bool {
        let Some(left) = self.credit.checked_sub(1) else { return false };
        self.credit = left;
        if left == 0 {
            self.seen = PROOF - 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A habit that is just proven.
    fn proven() -> Habit {
        let mut habit = Habit::default();
        (0..PROOF).for_each(|_| habit.confirm());
        habit
    }

    #[test]
    fn it_takes_some_in_a_row() {
        let mut habit = Habit::default();
        for _ in 0..3 {
            (1..PROOF).for_each(|_| habit.confirm());
            assert!(!habit.rely());
            habit.refute();
        }
        assert!(proven().rely());
    }

    #[test]
    fn one_failure_ends_it() {
        let mut habit = proven();
        habit.refute();
        assert!(!habit.rely());
        habit.confirm();
        assert!(!habit.rely());
    }

    #[test]
    fn it_is_looked_at_again_after_a_while_and_renewed_by_one_look() {
        let mut habit = proven();
        (0..CREDIT).for_each(|_| assert!(habit.rely()));
        assert!(!habit.rely());
        habit.confirm();
        assert!(habit.rely());
    }
}
