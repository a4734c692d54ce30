//! [`DelayedAck`]: which JOB_CREATED of a client is held, and until when.
//!
//! Must not: send; that is the session's.

use super::{HeldReplies, Predictor};

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

/// The acknowledgements of all clients of a server: their limit, and what became of
/// those that were held.
#[derive(Clone, Copy, Debug)]
pub struct AckDelays {
    /// Milliseconds that one may be held; with 0 none is, and nothing is predicted.
    limit_ms: u64,
    counts: HeldReplies,
}

impl AckDelays {
    /// With this limit, in milliseconds.
    pub fn new(limit_ms: u64) -> AckDelays {
        AckDelays { limit_ms, counts: HeldReplies::default() }
    }

    /// What became of those that were held.
    pub fn counts(&self) -> HeldReplies {
        self.counts
    }
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
    /// It goes with a packet that is queued already, or with the one that is held.
    Join,
}

impl DelayedAck {
    /// A submission is acknowledged. `is_alone` says that no other packet leaves for the
    /// client in this turn.
    #[inline]
    pub fn acknowledge(&mut self, now: u64, is_alone: bool, delays: &mut AckDelays) -> AckFate {
        if delays.limit_ms == 0 {
            return if is_alone { AckFate::Send } else { AckFate::Join };
        }
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
            delays.counts.held += 1;
            let until = now + delays.limit_ms;
            self.last = LastAck::Held(until);
            return AckFate::Hold(until);
        }
        self.last = LastAck::Sent(now);
        AckFate::Send
    }

    /// The client gets a worker's report; `is_last` is whether the job ends with it.
    #[inline]
    pub fn report(&mut self, now: u64, is_last: bool, delays: &mut AckDelays) {
        match std::mem::take(&mut self.last) {
            LastAck::Sent(since) if now < since + delays.limit_ms => self.silence.hit(now),
            LastAck::Sent(_) => self.silence.miss(),
            LastAck::Held(_) => delays.counts.served += 1,
            LastAck::Settled => {}
        }
        self.in_flight = self.in_flight.saturating_sub(is_last.into());
    }

    /// The client gets an answer to something else.
    #[inline]
    pub fn answer(&mut self, delays: &mut AckDelays) {
        self.release(delays);
        if let LastAck::Sent(_) = std::mem::take(&mut self.last) {
            self.silence.miss();
        }
    }

    /// One that is held goes out for another reason, or goes with its connection.
    #[inline]
    pub fn release(&mut self, delays: &mut AckDelays) {
        if self.is_held() {
            delays.counts.interrupted += 1;
            self.last = LastAck::Settled;
        }
    }

    /// Whether an acknowledgement is held.
    pub fn is_held(&self) -> bool {
        matches!(self.last, LastAck::Held(_))
    }

    /// Whether an acknowledgement is held until then.
    pub fn is_held_until(&self, due: u64) -> bool {
        self.last == LastAck::Held(due)
    }

    /// The time of the one that is held is up.
    pub fn expire(&mut self, delays: &mut AckDelays) {
        assert!(self.is_held(), "the time of an acknowledgement was up that was not held");
        delays.counts.expired += 1;
        self.last = LastAck::Settled;
        self.silence.miss();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_test_support::random::Random;

    const DELAY_MS: u64 = super::super::ACK_DELAY_MS_DEFAULT;

    /// A client of a server with this limit.
    struct Client {
        ack: DelayedAck,
        delays: AckDelays,
    }

    impl Client {
        fn new(limit_ms: u64) -> Client {
            Client { ack: DelayedAck::default(), delays: AckDelays::new(limit_ms) }
        }

        fn acknowledge(&mut self, now: u64, is_alone: bool) -> AckFate {
            self.ack.acknowledge(now, is_alone, &mut self.delays)
        }

        fn report(&mut self, now: u64, is_last: bool) {
            self.ack.report(now, is_last, &mut self.delays);
        }

        fn answer(&mut self) {
            self.ack.answer(&mut self.delays);
        }

        /// Held, served, expired and interrupted acknowledgements.
        fn counts(&self) -> [u64; 4] {
            let HeldReplies { held, served, expired, interrupted } = self.delays.counts();
            [held, served, expired, interrupted]
        }
    }

    /// A client that has waited for so many results, one after the other.
    fn after(jobs: usize) -> Client {
        let mut client = Client::new(DELAY_MS);
        for _ in 0..jobs {
            client.acknowledge(0, true);
            client.report(0, true);
        }
        client
    }

    #[test]
    fn an_acknowledgement_is_held_until_its_own_time_and_not_after_its_result() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, true), AckFate::Hold(5 + DELAY_MS));
        client.report(6, true);
        assert!(!client.ack.is_held_until(5 + DELAY_MS));
        assert_eq!(client.acknowledge(7, true), AckFate::Hold(7 + DELAY_MS));
        assert!(!client.ack.is_held_until(5 + DELAY_MS) && client.ack.is_held_until(7 + DELAY_MS));
    }

    #[test]
    fn a_client_that_fills_up_its_jobs_in_flight_after_two_results_is_predicted_to_be_silent() {
        let mut client = Client::new(DELAY_MS);
        (0..4).for_each(|_| assert_ne!(client.acknowledge(0, true), AckFate::Hold(DELAY_MS)));
        let mut rounds = 0;
        loop {
            (0..2).for_each(|_| client.report(1, true));
            let first = client.acknowledge(1, true);
            // Submitted because of the second result, not because of the first answer.
            client.acknowledge(1, true);
            if first == AckFate::Hold(1 + DELAY_MS) {
                break;
            }
            rounds += 1;
            assert!(rounds <= 4, "{rounds} rounds");
        }
    }

    #[test]
    fn an_acknowledgement_is_held_after_4_results_that_followed_theirs_at_once() {
        assert_eq!(after(3).acknowledge(0, true), AckFate::Send);
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, true), AckFate::Hold(5 + DELAY_MS));
        assert!(client.ack.is_held() && client.ack.is_held_until(5 + DELAY_MS));
        assert_eq!(client.counts(), [1, 0, 0, 0]);
        client.report(6, true);
        assert!(!client.ack.is_held());
        assert_eq!(client.counts(), [1, 1, 0, 0]);
    }

    #[test]
    fn an_acknowledgement_is_sent_at_once_where_results_come_10_ms_later() {
        let mut client = Client::new(DELAY_MS);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.report(DELAY_MS, true);
        }
    }

    #[test]
    fn an_acknowledgement_is_sent_at_once_after_one_that_expired() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(0, true), AckFate::Hold(DELAY_MS));
        client.ack.expire(&mut client.delays);
        assert!(!client.ack.is_held());
        assert_eq!(client.counts(), [1, 0, 1, 0]);
        client.report(1, true);
        assert_eq!(client.acknowledge(1, true), AckFate::Send);
    }

    #[test]
    fn a_client_that_submits_its_next_job_after_the_acknowledgement_gets_it_at_once() {
        let mut client = after(3);
        for _ in 0..10 {
            // One job after the other, and their results at the end.
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
        }
        (0..10).for_each(|_| client.report(0, true));
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.report(0, true);
        }
    }

    /// One job after the other, each when the one before it is acknowledged, and
    /// then their results. Returns whether any acknowledgement was held.
    fn submit_set(client: &mut Client, size: usize, now: u64) -> bool {
        let fates: Vec<_> = (0..size).map(|_| client.acknowledge(now, true)).collect();
        (0..size).for_each(|_| client.report(now + 1, true));
        fates.iter().any(|&fate| fate != AckFate::Send)
    }

    #[test]
    fn a_client_that_submits_set_after_set_one_by_one_gets_each_acknowledgement_at_once() {
        for size in [2, 3, 10] {
            let mut client = Client::new(DELAY_MS);
            assert!(!(0..20).any(|_| submit_set(&mut client, size, 0)), "sets of {size}");
        }
    }

    #[test]
    fn a_client_that_begins_to_submit_one_by_one_gets_acknowledgements_at_once_after_12_ms() {
        let mut client = after(4);
        let mut now = 0;
        // While acknowledgements are held, the change cannot be seen.
        while let AckFate::Hold(_) = client.acknowledge(now, true) {
            now += 3;
            client.report(now, true);
        }
        assert!(now <= 12, "after {now} ms");
        assert!(!submit_set(&mut client, 10, now));
    }

    #[test]
    fn a_submission_beside_a_held_acknowledgement_renews_the_prediction() {
        let mut client = after(4);
        for turn in 0..100 {
            assert_eq!(client.acknowledge(turn, true), AckFate::Hold(turn + DELAY_MS));
            // Which is not put off by that.
            assert_eq!(client.acknowledge(turn, true), AckFate::Join);
            assert!(client.ack.is_held_until(turn + DELAY_MS));
            (0..2).for_each(|_| client.report(turn + 1, true));
        }
    }

    #[test]
    fn a_client_that_asks_something_after_the_acknowledgement_gets_it_at_once() {
        let mut client = after(3);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.answer();
            client.report(0, true);
        }
        // What it had shown before does not count any more.
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.report(0, true);
        }
    }

    #[test]
    fn an_acknowledgement_is_held_where_submissions_follow_results() {
        // Four jobs in flight at a time; two results come, and two submissions
        // after them, one by one.
        let mut client = Client::new(DELAY_MS);
        // It has had more of them before.
        submit_set(&mut client, 20, 0);
        client.acknowledge(0, true);
        (0..3).for_each(|_| assert_eq!(client.acknowledge(0, false), AckFate::Join));
        let mut last = AckFate::Send;
        for _ in 0..10 {
            (0..2).for_each(|_| client.report(0, true));
            (0..2).for_each(|_| last = client.acknowledge(0, true));
        }
        assert_eq!(last, AckFate::Join, "the one before it is held");
    }

    #[test]
    fn an_acknowledgement_joins_what_is_to_be_sent_anyway() {
        assert_eq!(after(4).acknowledge(0, false), AckFate::Join);
    }

    #[test]
    fn a_held_acknowledgement_goes_out_with_any_other_packet_and_with_its_connection() {
        let ends: [fn(&mut Client); 2] =
            [Client::answer, |client| client.ack.release(&mut client.delays)];
        for end in ends {
            let mut client = after(4);
            client.acknowledge(0, true);
            end(&mut client);
            assert!(!client.ack.is_held());
            assert_eq!(client.counts(), [1, 0, 0, 1]);
        }
    }

    #[test]
    fn a_delay_of_0_ms_holds_and_predicts_nothing() {
        let mut client = Client::new(0);
        for _ in 0..100 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            assert_eq!(client.acknowledge(0, false), AckFate::Join);
            (0..2).for_each(|_| client.report(0, true));
        }
        assert_eq!(format!("{:?}", client.ack), format!("{:?}", DelayedAck::default()));
        assert_eq!(client.counts(), [0; 4]);
    }

    /// Packets to a client in any order, and time. Returns how often one was held.
    fn run_at_random(seed: u64, limit_ms: u64) -> u64 {
        let (mut random, mut now) = (Random(seed), 0);
        let mut client = Client::new(limit_ms);
        let mut held: Option<u64> = None;
        for _ in 0..2000 {
            now += [0, 0, 0, 1, 3, 20][random.below(6)];
            if let Some(until) = held
                && until <= now
            {
                assert!(client.ack.is_held_until(until), "seed {seed}");
                client.ack.expire(&mut client.delays);
                held = None;
            }
            match random.below(8) {
                0..=2 => {
                    let is_alone = random.below(8) > 0;
                    match client.acknowledge(now, is_alone) {
                        AckFate::Hold(until) => {
                            assert!(is_alone && held.is_none(), "seed {seed}");
                            assert!(now < until && until <= now + limit_ms, "seed {seed}");
                            held = Some(until);
                        }
                        AckFate::Send => assert!(is_alone && held.is_none(), "seed {seed}"),
                        AckFate::Join => assert!(!is_alone || held.is_some(), "seed {seed}"),
                    }
                    // Mostly the result follows, and takes along what is held.
                    if random.below(10) > 0 {
                        client.report(now, true);
                        held = None;
                    }
                }
                3..=5 => {
                    client.report(now, random.below(4) > 0);
                    held = None;
                }
                6 if random.below(20) == 0 => {
                    client.answer();
                    held = None;
                }
                _ => {}
            }
            assert_eq!(client.delays.counts.pending(), u64::from(held.is_some()), "seed {seed}");
        }
        client.delays.counts.held
    }

    #[test]
    fn an_acknowledgement_is_held_alone_and_never_longer_than_the_limit() {
        for limit_ms in [0, 1, DELAY_MS, 1000] {
            let held: u64 = (0..50).map(|seed| run_at_random(seed, limit_ms)).sum();
            assert_eq!(held > 50, limit_ms > 0, "{held} held with {limit_ms} ms");
        }
    }
}
