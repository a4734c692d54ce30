//! Delayed acknowledgements: when one is held, and when it is sent.

use super::host::{World, broker};
use gearman_broker::delayed::ACK_DELAY_MS_DEFAULT;
use gearman_broker::{ConnectionKey, Millis};
use gearman_protocol::Command;

const NOTHING: [&str; 0] = [];

/// A client, a worker, and the number of jobs submitted.
struct Pair {
    world: World,
    client: ConnectionKey,
    worker: ConnectionKey,
    jobs: usize,
}

impl Pair {
    fn new() -> Pair {
        let mut world = World::with(broker(ACK_DELAY_MS_DEFAULT));
        let (client, worker) = (world.connect(), world.worker("f"));
        Pair { world, client, worker, jobs: 0 }
    }

    /// Submits a job; returns the packets that the client receives at once.
    fn submit(&mut self) -> Vec<String> {
        self.jobs += 1;
        self.world.ask(self.client, Command::SubmitJob, &["f", ""], b"")
    }

    fn handle(&self) -> String {
        format!("H:{}", self.jobs)
    }

    /// Lets the worker grab the job and send these reports, of which the last ends it.
    fn finish(&mut self, commands: &[Command]) -> Vec<String> {
        self.world.ask(self.worker, Command::GrabJob, &[], b"");
        let handle = self.handle();
        for &command in commands {
            match command {
                Command::WorkStatus => {
                    self.world.ask(self.worker, command, &[&handle, "1", "2"], b"");
                }
                _ => {
                    self.world.ask(self.worker, command, &[&handle], b"");
                }
            }
        }
        self.world.received(self.client)
    }

    /// A pair after four jobs with these reports, so that the next acknowledgement is held.
    fn after(commands: &[Command]) -> Pair {
        let mut pair = Pair::new();
        for _ in 0..4 {
            assert_eq!(pair.submit().len(), 1, "an acknowledgement is held too early");
            pair.finish(commands);
        }
        pair
    }

    /// A pair with a held acknowledgement.
    fn holding() -> Pair {
        let mut pair = Pair::after(&[Command::WorkComplete]);
        assert_eq!(pair.submit(), NOTHING);
        pair
    }

    /// The numbers of held, served, expired and interrupted acknowledgements.
    fn counts(&self) -> [u64; 4] {
        let acks = self.world.server.delayed_reply_counts().ack;
        [acks.held, acks.served, acks.expired, acks.interrupted]
    }
}

#[test]
fn an_acknowledgement_is_held_after_reports_of_every_kind() {
    use Command::{WorkComplete, WorkData, WorkException, WorkFail, WorkStatus, WorkWarning};
    for commands in [
        &[WorkComplete][..],
        &[WorkFail],
        &[WorkException],
        &[WorkData, WorkComplete],
        &[WorkWarning, WorkComplete],
        &[WorkStatus, WorkComplete],
    ] {
        let mut pair = Pair::after(commands);
        assert_eq!(pair.submit(), NOTHING, "after {commands:?}");
        let received = pair.finish(&[WorkComplete]);
        assert_eq!(received, ["JOB_CREATED H:5", "WORK_COMPLETE H:5\\x00"]);
        assert_eq!(pair.counts(), [1, 1, 0, 0]);
    }
}

#[test]
fn a_held_acknowledgement_is_sent_when_its_hold_ends() {
    let mut pair = Pair::holding();
    let due = pair.world.clock.get() + ACK_DELAY_MS_DEFAULT;
    assert_eq!(pair.world.server.next_due().0, Some(Millis(due)));
    pair.world.clock.set(due - 1);
    pair.world.settle();
    assert_eq!(pair.world.received(pair.client), NOTHING);
    pair.world.clock.set(due);
    pair.world.settle();
    assert_eq!(pair.world.received(pair.client), ["JOB_CREATED H:5"]);
    assert_eq!(pair.counts(), [1, 0, 1, 0]);
}

#[test]
fn the_timer_of_an_acknowledgement_that_was_sent_with_a_result_does_nothing() {
    let mut pair = Pair::holding();
    pair.finish(&[Command::WorkComplete]);
    pair.world.clock.set(pair.world.clock.get() + ACK_DELAY_MS_DEFAULT);
    pair.world.settle();
    assert_eq!(pair.world.received(pair.client), NOTHING);
    assert_eq!(pair.counts(), [1, 1, 0, 0]);
}

#[test]
fn the_timer_of_an_ended_session_does_not_affect_the_next_one_at_its_index() {
    let mut pair = Pair::holding();
    pair.world.server.disconnect(pair.client);
    let next = pair.world.connect();
    assert_eq!(next.index(), pair.client.index());
    pair.world.clock.set(pair.world.clock.get() + ACK_DELAY_MS_DEFAULT);
    pair.world.settle();
    assert_eq!(pair.world.received(next), NOTHING);
    assert_eq!(pair.counts(), [1, 0, 0, 1]);
}

#[test]
fn a_held_acknowledgement_is_sent_before_any_other_packet() {
    let mut pair = Pair::holding();
    let received = pair.world.ask(pair.client, Command::EchoReq, &[], b"");
    assert_eq!(received, ["JOB_CREATED H:5", "ECHO_RES"]);
    assert_eq!(pair.counts(), [1, 0, 0, 1]);
}

#[test]
fn releasing_held_acknowledgements_sends_them() {
    let mut pair = Pair::holding();
    assert!(!pair.world.server.is_all_sent());
    pair.world.server.release_held_acks();
    pair.world.settle();
    assert_eq!(pair.world.received(pair.client), ["JOB_CREATED H:5"]);
    assert!(pair.world.server.is_all_sent());
}

#[test]
fn an_acknowledgement_is_not_held_if_another_packet_is_sent_in_its_turn() {
    let mut pair = Pair::after(&[Command::WorkComplete]);
    pair.world.send(pair.client, Command::EchoReq, &[]);
    assert_eq!(pair.submit(), ["ECHO_RES", "JOB_CREATED H:5"]);
    assert_eq!(pair.counts(), [0; 4]);
}

#[test]
fn an_acknowledgement_is_not_held_for_a_session_that_is_flushed_in_this_turn() {
    let mut pair = Pair::after(&[Command::WorkComplete]);
    pair.world.server.writable(pair.client.index());
    assert_eq!(pair.submit(), ["JOB_CREATED H:5"]);
    assert_eq!(pair.counts(), [0; 4]);
}

#[test]
fn an_acknowledgement_is_not_held_behind_unsent_bytes() {
    let mut pair = Pair::after(&[Command::WorkComplete]);
    pair.world.stream(pair.client).room = 0;
    pair.world.ask(pair.client, Command::EchoReq, &[], b"");
    pair.submit();
    assert_eq!(pair.counts(), [0; 4]);
    pair.world.stream(pair.client).room = usize::MAX;
    pair.world.server.writable(pair.client.index());
    pair.world.settle();
    assert_eq!(pair.world.received(pair.client), ["ECHO_RES", "JOB_CREATED H:5"]);
}

#[test]
fn an_acknowledgement_is_held_only_while_results_are_less_than_10_ms_late() {
    let mut pair = Pair::new();
    for _ in 0..10 {
        assert_eq!(pair.submit().len(), 1);
        pair.world.clock.set(pair.world.clock.get() + ACK_DELAY_MS_DEFAULT);
        pair.finish(&[Command::WorkComplete]);
    }
    assert_eq!(pair.counts(), [0; 4]);
}
