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
/// For how many milliseconds: a peer that has given it up is served like any other
/// after that time, however long it takes over each thing that it does.
const TRUST: u64 = 10;

/// One habit of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habit {
    /// How often the peer did it since it last did not.
    seen: u8,
    /// How often it may be relied on.
    credit: u8,
    /// Until when it may be relied on.
    until: u64,
}

impl Habit {
    /// The peer did it.
    pub fn confirm(&mut self, now: u64) {
        self.seen = (self.seen + 1).min(PROOF);
        if self.seen == PROOF {
            self.credit = CREDIT;
            self.until = now + TRUST;
        }
    }

    /// The peer did not do it, or was relied on in vain.
    pub fn refute(&mut self) {
        *self = Habit::default();
    }

    /// Relies on it once more, if the peer has the habit. After the last time
    /// one look is enough to renew it.
    pub fn rely(&mut self, now: u64) -> bool {
        let Some(left) = self.credit.checked_sub(1) else { return false };
        let is_recent = now < self.until;
        self.credit = if is_recent { left } else { 0 };
        if self.credit == 0 {
            self.seen = PROOF - 1;
        }
        is_recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A habit that is just proven.
    fn proven() -> Habit {
        let mut habit = Habit::default();
        (0..PROOF).for_each(|_| habit.confirm(0));
        habit
    }

    #[test]
    fn it_takes_some_in_a_row() {
        let mut habit = Habit::default();
        for _ in 0..3 {
            (1..PROOF).for_each(|_| habit.confirm(0));
            assert!(!habit.rely(0));
            habit.refute();
        }
        assert!(proven().rely(0));
    }

    #[test]
    fn one_failure_ends_it() {
        let mut habit = proven();
        habit.refute();
        assert!(!habit.rely(0));
        habit.confirm(0);
        assert!(!habit.rely(0));
    }

    #[test]
    fn it_is_looked_at_again_after_a_while_and_renewed_by_one_look() {
        let mut habit = proven();
        (0..CREDIT).for_each(|_| assert!(habit.rely(0)));
        assert!(!habit.rely(0));
        habit.confirm(0);
        assert!(habit.rely(0));
    }

    #[test]
    fn it_is_looked_at_again_after_a_few_milliseconds_even_if_it_was_not_relied_on() {
        let mut habit = proven();
        assert!(habit.rely(TRUST - 1));
        assert!(!habit.rely(TRUST));
        assert!(!habit.rely(TRUST - 1), "once it is to be looked at, it is");
        habit.confirm(TRUST);
        assert!(habit.rely(2 * TRUST - 1));
    }
}
