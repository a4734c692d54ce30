//! [`DelayedAck`]: decides which JOB_CREATED of a client is held, and until when.
//!
//! Must not: send; the session does.

use super::{HeldReplies, Predictor};
use crate::Millis;

/// The last acknowledgement to a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LastAck {
    /// It was followed by another packet, or sent together with one.
    #[default]
    Settled,
    /// It was sent alone, at this time.
    Sent(Millis),
    /// It is held, at most until this time.
    Held(Millis),
}

/// State shared by all clients of a server: the limit of a held acknowledgement, and the
/// counts by outcome.
#[derive(Clone, Copy, Debug)]
pub struct AckDelays {
    /// How long an acknowledgement may be held. With 0 none is held and nothing is
    /// predicted.
    limit: Millis,
    counts: HeldReplies,
}

impl AckDelays {
    /// Creates the state with this limit.
    pub fn new(limit: Millis) -> AckDelays {
        AckDelays { limit, counts: HeldReplies::default() }
    }

    /// Held acknowledgements, counted by outcome.
    pub fn counts(&self) -> HeldReplies {
        self.counts
    }
}

/// The acknowledgements of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct DelayedAck {
    last: LastAck,
    /// Number of foreground jobs without a result.
    in_flight: u32,
    /// Highest `in_flight` since the client last reacted to an acknowledgement.
    most_in_flight: u32,
    /// Predicts that the client sends nothing between an acknowledgement and a result.
    silence: Predictor,
}

/// What is done with an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckFate {
    /// It is sent in this turn.
    Send,
    /// It is held, at most until this time.
    Hold(Millis),
    /// It is sent together with a packet that is already queued or held.
    Join,
}

impl DelayedAck {
    /// Decides when a submission is acknowledged. `is_alone` says that no other packet is
    /// sent to the client in this turn.
    #[inline]
    pub fn acknowledge(&mut self, now: Millis, is_alone: bool, delays: &mut AckDelays) -> AckFate {
        if delays.limit == Millis(0) {
            return if is_alone { AckFate::Send } else { AckFate::Join };
        }
        let before = self.in_flight;
        self.in_flight = before.saturating_add(1);
        // Some of the jobs in flight have ended, and this one replaces one of them.
        let is_refill = before < self.most_in_flight && before > self.most_in_flight / 2;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        if self.is_held() {
            // The client submits without waiting for the held acknowledgement.
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
            let until = now + delays.limit;
            self.last = LastAck::Held(until);
            return AckFate::Hold(until);
        }
        self.last = LastAck::Sent(now);
        AckFate::Send
    }

    /// Records that a worker's report is sent to the client. `is_last` says that the job
    /// ends with it.
    #[inline]
    pub fn report(&mut self, now: Millis, is_last: bool, delays: &mut AckDelays) {
        match std::mem::take(&mut self.last) {
            LastAck::Sent(since) if now < since + delays.limit => self.silence.hit(now),
            LastAck::Sent(_) => self.silence.miss(),
            LastAck::Held(_) => delays.counts.served += 1,
            LastAck::Settled => {}
        }
        self.in_flight = self.in_flight.saturating_sub(is_last.into());
    }

    /// Records that the client gets an answer to a request other than a submission.
    #[inline]
    pub fn answer(&mut self, delays: &mut AckDelays) {
        self.release(delays);
        if let LastAck::Sent(_) = std::mem::take(&mut self.last) {
            self.silence.miss();
        }
    }

    /// Records that a held acknowledgement is sent for another reason, or is dropped with
    /// its connection.
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

    /// Whether an acknowledgement is held until `due`.
    pub fn is_held_until(&self, due: Millis) -> bool {
        self.last == LastAck::Held(due)
    }

    /// Records that the hold of an acknowledgement has ended.
    pub fn expire(&mut self, delays: &mut AckDelays) {
        assert!(self.is_held(), "an acknowledgement expired that is not held");
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
            Client { ack: DelayedAck::default(), delays: AckDelays::new(Millis(limit_ms)) }
        }

        fn acknowledge(&mut self, now_ms: u64, is_alone: bool) -> AckFate {
            self.ack.acknowledge(Millis(now_ms), is_alone, &mut self.delays)
        }

        fn report(&mut self, now_ms: u64, is_last: bool) {
            self.ack.report(Millis(now_ms), is_last, &mut self.delays);
        }

        fn is_held_until(&self, due_ms: u64) -> bool {
            self.ack.is_held_until(Millis(due_ms))
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

    fn hold_until(due_ms: u64) -> AckFate {
        AckFate::Hold(Millis(due_ms))
    }

    /// A client that has waited for this many results, one after the other.
    fn after(jobs: usize) -> Client {
        let mut client = Client::new(DELAY_MS);
        for _ in 0..jobs {
            client.acknowledge(0, true);
            client.report(0, true);
        }
        client
    }

    #[test]
    fn a_held_acknowledgement_has_its_own_deadline_and_ends_with_its_result() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, true), hold_until(5 + DELAY_MS));
        client.report(6, true);
        assert!(!client.is_held_until(5 + DELAY_MS));
        assert_eq!(client.acknowledge(7, true), hold_until(7 + DELAY_MS));
        assert!(!client.is_held_until(5 + DELAY_MS) && client.is_held_until(7 + DELAY_MS));
    }

    #[test]
    fn an_acknowledgement_is_held_for_a_client_that_replaces_two_finished_jobs_at_a_time() {
        let mut client = Client::new(DELAY_MS);
        (0..4).for_each(|_| assert_ne!(client.acknowledge(0, true), hold_until(DELAY_MS)));
        let mut rounds = 0;
        loop {
            (0..2).for_each(|_| client.report(1, true));
            let first = client.acknowledge(1, true);
            // Submitted after the second result, not in reaction to the acknowledgement.
            client.acknowledge(1, true);
            if first == hold_until(1 + DELAY_MS) {
                break;
            }
            rounds += 1;
            assert!(rounds <= 4, "{rounds} rounds");
        }
    }

    #[test]
    fn an_acknowledgement_is_held_after_4_acknowledgements_followed_by_a_result_at_once() {
        assert_eq!(after(3).acknowledge(0, true), AckFate::Send);
        let mut client = after(4);
        assert_eq!(client.acknowledge(5, true), hold_until(5 + DELAY_MS));
        assert!(client.ack.is_held() && client.is_held_until(5 + DELAY_MS));
        assert_eq!(client.counts(), [1, 0, 0, 0]);
        client.report(6, true);
        assert!(!client.ack.is_held());
        assert_eq!(client.counts(), [1, 1, 0, 0]);
    }

    #[test]
    fn an_acknowledgement_is_sent_at_once_if_results_follow_10_ms_later() {
        let mut client = Client::new(DELAY_MS);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.report(DELAY_MS, true);
        }
    }

    #[test]
    fn the_acknowledgement_after_an_expired_one_is_sent_at_once() {
        let mut client = after(4);
        assert_eq!(client.acknowledge(0, true), hold_until(DELAY_MS));
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

    /// Submits one job after each acknowledgement, then receives all results. Returns
    /// whether any acknowledgement was held.
    fn submit_set(client: &mut Client, size: usize, now: u64) -> bool {
        let fates: Vec<_> = (0..size).map(|_| client.acknowledge(now, true)).collect();
        (0..size).for_each(|_| client.report(now + 1, true));
        fates.iter().any(|&fate| fate != AckFate::Send)
    }

    #[test]
    fn a_client_that_submits_batches_job_by_job_gets_each_acknowledgement_at_once() {
        for size in [2, 3, 10] {
            let mut client = Client::new(DELAY_MS);
            assert!(!(0..20).any(|_| submit_set(&mut client, size, 0)), "sets of {size}");
        }
    }

    #[test]
    fn a_client_that_starts_to_submit_batches_gets_acknowledgements_at_once_after_12_ms() {
        let mut client = after(4);
        let mut now = 0;
        // While acknowledgements are held, the change cannot be observed.
        while let AckFate::Hold(_) = client.acknowledge(now, true) {
            now += 3;
            client.report(now, true);
        }
        assert!(now <= 12, "after {now} ms");
        assert!(!submit_set(&mut client, 10, now));
    }

    #[test]
    fn a_submission_during_a_held_acknowledgement_renews_the_prediction() {
        let mut client = after(4);
        for turn in 0..100 {
            assert_eq!(client.acknowledge(turn, true), hold_until(turn + DELAY_MS));
            // The deadline of the held one does not change.
            assert_eq!(client.acknowledge(turn, true), AckFate::Join);
            assert!(client.is_held_until(turn + DELAY_MS));
            (0..2).for_each(|_| client.report(turn + 1, true));
        }
    }

    #[test]
    fn a_client_that_sends_a_request_after_each_acknowledgement_gets_it_at_once() {
        let mut client = after(3);
        for _ in 0..10 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.answer();
            client.report(0, true);
        }
        // Its earlier hits do not count any more.
        for _ in 0..3 {
            assert_eq!(client.acknowledge(0, true), AckFate::Send);
            client.report(0, true);
        }
    }

    #[test]
    fn an_acknowledgement_is_held_if_submissions_follow_results() {
        // Four jobs in flight; two results arrive, and two submissions follow.
        let mut client = Client::new(DELAY_MS);
        // Earlier the client had more jobs in flight.
        submit_set(&mut client, 20, 0);
        client.acknowledge(0, true);
        (0..3).for_each(|_| assert_eq!(client.acknowledge(0, false), AckFate::Join));
        let mut last = AckFate::Send;
        for _ in 0..10 {
            (0..2).for_each(|_| client.report(0, true));
            (0..2).for_each(|_| last = client.acknowledge(0, true));
        }
        assert_eq!(last, AckFate::Join, "the previous acknowledgement is held");
    }

    #[test]
    fn an_acknowledgement_is_sent_with_another_packet_of_the_same_turn() {
        assert_eq!(after(4).acknowledge(0, false), AckFate::Join);
    }

    #[test]
    fn a_held_acknowledgement_is_interrupted_by_any_other_packet_and_by_its_connections_end() {
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
        assert_eq!(client.counts(), [0; 4]);
        client.delays = AckDelays::new(Millis(DELAY_MS));
        assert_eq!(client.acknowledge(0, true), AckFate::Send, "no hit was recorded");
    }

    /// Random packets to a client at random times. Returns how often an acknowledgement
    /// was held.
    fn run_at_random(seed: u64, limit_ms: u64) -> u64 {
        let (mut random, mut now) = (Random(seed), 0);
        let mut client = Client::new(limit_ms);
        let mut held: Option<u64> = None;
        for _ in 0..2000 {
            now += [0, 0, 0, 1, 3, 20][random.below(6)];
            if let Some(until) = held
                && until <= now
            {
                assert!(client.is_held_until(until), "seed {seed}");
                client.ack.expire(&mut client.delays);
                held = None;
            }
            match random.below(8) {
                0..=2 => {
                    let is_alone = random.below(8) > 0;
                    match client.acknowledge(now, is_alone) {
                        AckFate::Hold(Millis(until)) => {
                            assert!(is_alone && held.is_none(), "seed {seed}");
                            assert!(now < until && until <= now + limit_ms, "seed {seed}");
                            held = Some(until);
                        }
                        AckFate::Send => assert!(is_alone && held.is_none(), "seed {seed}"),
                        AckFate::Join => assert!(!is_alone || held.is_some(), "seed {seed}"),
                    }
                    // Usually a result follows, and the held acknowledgement is sent with it.
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
    fn an_acknowledgement_is_held_only_alone_and_never_longer_than_the_limit() {
        for limit_ms in [0, 1, DELAY_MS, 1000] {
            let held: u64 = (0..50).map(|seed| run_at_random(seed, limit_ms)).sum();
            assert_eq!(held > 50, limit_ms > 0, "{held} held with {limit_ms} ms");
        }
    }
}
