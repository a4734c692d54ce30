//! [`DelayedAck`]: which JOB_CREATED of a client is held, and until when.
//!
//! Must not: send; that is the session's.

use super::Predictor;

/// Where the client's last acknowledgement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LastAck {
    /// Followed by another packet, or sent together with one.
    #[default]
    Settled,
    /// Sent alone, at this time.
    Sent(u64),
    /// Held, until this time at most.
    Held(u64),
}

/// The acknowledgements of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct DelayedAck {
    last: LastAck,
    /// Jobs whose results the client waits for.
    in_flight: u32,
    /// The most jobs that it was seen to keep in flight.
    most_in_flight: u32,
    /// Whether the client stays silent until its result has come.
    silence: Predictor,
}

/// What becomes of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckFate {
    /// It is sent in this turn.
    Send,
    /// It is held until then at most.
    Hold(u64),
    /// It goes with what is to be sent already, or with the one that is held.
    Join,
}

impl DelayedAck {
    /// A submission is acknowledged. `is_alone` is whether nothing else is to be sent
    /// to the client in this turn.
    #[inline]
    pub fn acknowledge(&mut self, now: u64, delay_ms: u64, is_alone: bool) -> AckFate {
        let before = self.in_flight;
        self.in_flight = before.saturating_add(1);
        // Of a full number some have ended, and this is one in their place.
        let is_refill = before < self.most_in_flight && before > self.most_in_flight / 2;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        if self.is_held() {
            // The client goes on without the one that is held.
            self.silence.hit(now);
            return AckFate::Join;
        }
        if !is_alone {
            return AckFate::Join;
        }
        if matches!(self.last, LastAck::Sent(_)) && !is_refill {
            self.silence.miss();
            self.most_in_flight = self.in_flight;
        }
        if self.silence.predicts(now) {
            self.last = LastAck::Held(now + delay_ms);
            return AckFate::Hold(now + delay_ms);
        }
        self.last = LastAck::Sent(now);
        AckFate::Send
    }

    /// The client gets a worker's report; `is_last` is whether the job ends with it.
    #[inline]
    pub fn report(&mut self, now: u64, delay_ms: u64, is_last: bool) {
        if let LastAck::Sent(since) = std::mem::take(&mut self.last) {
            match now < since + delay_ms {
                true => self.silence.hit(now),
                false => self.silence.miss(),
            }
        }
        self.in_flight = self.in_flight.saturating_sub(is_last.into());
    }

    /// The client gets an answer to something else.
    #[inline]
    pub fn answer(&mut self) {
        if let LastAck::Sent(_) = std::mem::take(&mut self.last) {
            self.silence.miss();
        }
    }

    /// Whether an acknowledgement is held.
    fn is_held(&self) -> bool {
        matches!(self.last, LastAck::Held(_))
    }

    /// Whether an acknowledgement is held until then.
    pub fn is_held_until(&self, due: u64) -> bool {
        self.last == LastAck::Held(due)
    }

    /// The time of the one that is held is up.
    pub fn expire(&mut self) {
        self.last = LastAck::Settled;
        self.silence.miss();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY_MS: u64 = super::super::ACK_DELAY_MS_DEFAULT;

    /// A client that has waited for so many results, one after the other.
    fn after(jobs: usize) -> DelayedAck {
        let mut client = DelayedAck::default();
        for _ in 0..jobs {
            client.acknowledge(0, DELAY_MS, true);
            client.report(0, DELAY_MS, true);
        }
        client
    }

    #[test]
    fn an_acknowledgement_is_held_after_4_results_that_followed_theirs_at_once() {
        assert_eq!(after(3).acknowledge(0, DELAY_MS, true), AckFate::Send);
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, DELAY_MS, true), AckFate::Hold(5 + DELAY_MS));
        assert!(client.is_held() && client.is_held_until(5 + DELAY_MS));
        client.report(6, DELAY_MS, true);
        assert!(!client.is_held());
    }

    #[test]
    fn an_acknowledgement_is_sent_at_once_where_results_come_10_ms_later() {
        let mut client = DelayedAck::default();
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Send);
            client.report(DELAY_MS, DELAY_MS, true);
        }
    }

    #[test]
    fn an_acknowledgement_is_sent_at_once_after_one_that_expired() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Hold(DELAY_MS));
        client.expire();
        assert!(!client.is_held());
        client.report(1, DELAY_MS, true);
        assert_eq!(client.acknowledge(1, DELAY_MS, true), AckFate::Send);
    }

    #[test]
    fn a_client_that_submits_its_next_job_after_the_acknowledgement_gets_it_at_once() {
        let mut client = after(3);
        for _ in 0..10 {
            // One job after the other, and their results at the end.
            assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Send);
        }
        (0..10).for_each(|_| client.report(0, DELAY_MS, true));
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Send);
            client.report(0, DELAY_MS, true);
        }
    }

    /// One job after the other, each when the one before it is acknowledged, and
    /// then their results. Returns whether any acknowledgement was held.
    fn submit_set(client: &mut DelayedAck, size: usize, now: u64) -> bool {
        let fates: Vec<_> = (0..size).map(|_| client.acknowledge(now, DELAY_MS, true)).collect();
        (0..size).for_each(|_| client.report(now + 1, DELAY_MS, true));
        fates.iter().any(|&fate| fate != AckFate::Send)
    }

    #[test]
    fn a_client_that_submits_set_after_set_one_by_one_gets_each_acknowledgement_at_once() {
        for size in [2, 3, 10] {
            let mut client = DelayedAck::default();
            assert!(!(0..20).any(|_| submit_set(&mut client, size, 0)), "sets of {size}");
        }
    }

    #[test]
    fn a_client_that_begins_to_submit_one_by_one_gets_acknowledgements_at_once_after_12_ms() {
        let mut client = after(4);
        let mut now = 0;
        // While acknowledgements are held, the change cannot be seen.
        while let AckFate::Hold(_) = client.acknowledge(now, DELAY_MS, true) {
            now += 3;
            client.report(now, DELAY_MS, true);
        }
        assert!(now <= 12, "after {now} ms");
        assert!(!submit_set(&mut client, 10, now));
    }

    #[test]
    fn a_submission_beside_a_held_acknowledgement_renews_the_prediction() {
        let mut client = after(4);
        for turn in 0..100 {
            assert_eq!(client.acknowledge(turn, DELAY_MS, true), AckFate::Hold(turn + DELAY_MS));
            // Which is not put off by that.
            assert_eq!(client.acknowledge(turn, DELAY_MS, true), AckFate::Join);
            assert!(client.is_held_until(turn + DELAY_MS));
            (0..2).for_each(|_| client.report(turn + 1, DELAY_MS, true));
        }
    }

    #[test]
    fn a_client_that_asks_something_after_the_acknowledgement_gets_it_at_once() {
        let mut client = after(3);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Send);
            client.answer();
            client.report(0, DELAY_MS, true);
        }
        // What it had shown before does not count any more.
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, DELAY_MS, true), AckFate::Send);
            client.report(0, DELAY_MS, true);
        }
    }

    #[test]
    fn an_acknowledgement_is_held_where_submissions_follow_results() {
        // Four jobs under way at a time; two results come, and two submissions
        // after them, one by one.
        let mut client = DelayedAck::default();
        // It has had more of them before.
        submit_set(&mut client, 20, 0);
        client.acknowledge(0, DELAY_MS, true);
        (0..3).for_each(|_| assert_eq!(client.acknowledge(0, DELAY_MS, false), AckFate::Join));
        let mut last = AckFate::Send;
        for _ in 0..10 {
            (0..2).for_each(|_| client.report(0, DELAY_MS, true));
            (0..2).for_each(|_| last = client.acknowledge(0, DELAY_MS, true));
        }
        assert_eq!(last, AckFate::Join, "the one before it is held");
    }

    #[test]
    fn an_acknowledgement_joins_what_is_to_be_sent_anyway() {
        assert_eq!(after(4).acknowledge(0, DELAY_MS, false), AckFate::Join);
    }
}
