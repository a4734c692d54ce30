//! Acknowledgements that wait for what follows them.
//!
//! JOB_CREATED for a job that somebody waits for is followed by what its worker
//! reports, and where jobs are short that is soon. Most clients do nothing with
//! the first before the second has come, and for them one send does for both. But
//! some do not go on before they have it. So it waits only at peers that were seen
//! to say nothing because of it (see [`Habit`]), and only a moment.
//!
//! Who keeps a number of jobs under way submits one for each result, not because
//! of an acknowledgement. Who submits a number of jobs one by one, and then waits
//! for them all, does: there the number rises from acknowledgement to
//! acknowledgement.
//!
//! Must not: send.

use super::Habit;

/// Milliseconds that an acknowledgement may wait.
const MOMENT: u64 = 10;

/// Where the last acknowledgement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// Followed by something else, or of no interest.
    #[default]
    Settled,
    /// On its way since then, alone.
    Sent(u64),
    /// Waiting until then at most.
    Held(u64),
}

/// What is known of a peer and its acknowledgements.
#[derive(Clone, Copy, Debug, Default)]
pub struct DelayedAck {
    last: Last,
    /// Jobs whose results the peer waits for.
    under_way: u32,
    /// The most that it was seen to keep under way.
    most: u32,
    silence: Habit,
}

/// What is to become of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sent in this turn.
    Goes,
    /// It may wait until then.
    Waits(u64),
    /// It goes with what is there already.
    Joins,
}

impl DelayedAck {
    /// A submission is acknowledged. `is_alone` is whether nothing else is to be
    /// sent to the peer in this turn.
    pub fn acknowledge(&mut self, now: u64, is_alone: bool) -> Fate {
        let before = self.under_way;
        self.under_way = before.saturating_add(1);
        // Of a full number some have ended, and this is one in their place.
        let is_refill = before < self.most && before > self.most / 2;
        self.most = self.most.max(self.under_way);
        if self.is_waiting() {
            // It goes on without the one that waits.
            self.silence.confirm(now);
            return Fate::Joins;
        }
        if !is_alone {
            return Fate::Joins;
        }
        if matches!(self.last, Last::Sent(_)) && !is_refill {
            self.silence.refute();
            self.most = self.under_way;
        }
        if self.silence.rely(now) {
            self.last = Last::Held(now + MOMENT);
            return Fate::Waits(now + MOMENT);
        }
        self.last = Last::Sent(now);
        Fate::Goes
    }

    /// The peer gets a worker's report; `is_last` is whether the job ends with it.
    pub fn report(&mut self, now: u64, is_last: bool) {
        if let Last::Sent(since) = std::mem::take(&mut self.last) {
            match now < since + MOMENT {
                true => self.silence.confirm(now),
                false => self.silence.refute(),
            }
        }
        self.under_way = self.under_way.saturating_sub(is_last.into());
    }

    /// The peer gets an answer to something else.
    pub fn answer(&mut self) {
        if let Last::Sent(_) = std::mem::take(&mut self.last) {
            self.silence.refute();
        }
    }

    /// Whether an acknowledgement waits.
    fn is_waiting(&self) -> bool {
        matches!(self.last, Last::Held(_))
    }

    /// Whether one waits that can wait until then.
    pub fn waits_until(&self, due: u64) -> bool {
        self.last == Last::Held(due)
    }

    /// The one that waits has waited long enough.
    pub fn expire(&mut self) {
        self.last = Last::Settled;
        self.silence.refute();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that has waited for so many results, one after the other.
    fn after(jobs: usize) -> DelayedAck {
        let mut client = DelayedAck::default();
        for _ in 0..jobs {
            client.acknowledge(0, true);
            client.report(0, true);
        }
        client
    }

    #[test]
    fn it_waits_where_results_have_followed_at_once() {
        assert_eq!(after(3).acknowledge(0, true), Fate::Goes);
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, true), Fate::Waits(5 + MOMENT));
        assert!(client.is_waiting() && client.waits_until(5 + MOMENT));
        client.report(6, true);
        assert!(!client.is_waiting());
    }

    #[test]
    fn it_goes_where_results_come_later() {
        let mut client = DelayedAck::default();
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), Fate::Goes);
            client.report(MOMENT, true);
        }
    }

    #[test]
    fn it_goes_again_after_it_has_waited_in_vain() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(0, true), Fate::Waits(MOMENT));
        client.expire();
        assert!(!client.is_waiting());
        client.report(1, true);
        assert_eq!(client.acknowledge(1, true), Fate::Goes);
    }

    #[test]
    fn it_goes_to_who_submits_because_of_it() {
        let mut client = after(3);
        for _ in 0..10 {
            // One job after the other, and their results at the end.
            assert_eq!(client.acknowledge(0, true), Fate::Goes);
        }
        (0..10).for_each(|_| client.report(0, true));
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, true), Fate::Goes);
            client.report(0, true);
        }
    }

    /// One job after the other, each when the one before it is acknowledged, and
    /// then their results. Returns whether any acknowledgement waited.
    fn play_set(client: &mut DelayedAck, size: usize, now: u64) -> bool {
        let fates: Vec<_> = (0..size).map(|_| client.acknowledge(now, true)).collect();
        (0..size).for_each(|_| client.report(now + 1, true));
        fates.iter().any(|&fate| fate != Fate::Goes)
    }

    #[test]
    fn it_goes_to_who_submits_set_after_set_because_of_it() {
        for size in [2, 3, 10] {
            let mut client = DelayedAck::default();
            assert!(!(0..20).any(|_| play_set(&mut client, size, 0)), "sets of {size}");
        }
    }

    #[test]
    fn who_begins_to_submit_because_of_it_gets_it_at_once_after_a_few_milliseconds() {
        let mut client = after(4);
        let mut now = 0;
        // What is relied on cannot be seen, for a while: each waits for its result.
        while let Fate::Waits(_) = client.acknowledge(now, true) {
            now += 3;
            client.report(now, true);
        }
        assert!(now <= 12, "after {now} ms");
        assert!(!play_set(&mut client, 10, now));
    }

    #[test]
    fn who_goes_on_while_one_waits_is_relied_on_further() {
        let mut client = after(4);
        for turn in 0..100 {
            assert_eq!(client.acknowledge(turn, true), Fate::Waits(turn + MOMENT));
            // Which is not put off by that.
            assert_eq!(client.acknowledge(turn, true), Fate::Joins);
            assert!(client.waits_until(turn + MOMENT));
            (0..2).for_each(|_| client.report(turn + 1, true));
        }
    }

    #[test]
    fn it_goes_to_who_asks_something_because_of_it() {
        let mut client = after(3);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), Fate::Goes);
            client.answer();
            client.report(0, true);
        }
        // What it had shown before does not count any more.
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, true), Fate::Goes);
            client.report(0, true);
        }
    }

    #[test]
    fn it_waits_at_who_submits_because_of_results() {
        // Four jobs under way at a time; two results come, and two submissions
        // after them, one by one.
        let mut client = DelayedAck::default();
        // It has had more of them before.
        play_set(&mut client, 20, 0);
        client.acknowledge(0, true);
        (0..3).for_each(|_| assert_eq!(client.acknowledge(0, false), Fate::Joins));
        let mut last = Fate::Goes;
        for _ in 0..10 {
            (0..2).for_each(|_| client.report(0, true));
            (0..2).for_each(|_| last = client.acknowledge(0, true));
        }
        assert_eq!(last, Fate::Joins, "the one before it waits");
    }

    #[test]
    fn it_joins_what_is_sent_anyway() {
        assert_eq!(after(4).acknowledge(0, false), Fate::Joins);
    }
}
