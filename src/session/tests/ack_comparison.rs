//! Two job servers with the same input, of which one delays acknowledgements. Only the
//! arrival time of JOB_CREATED may differ.

use std::cell::Cell;
use std::rc::Rc;

use super::host::{self, Memory, TestHost, TestPoller};
use crate::{JobServer, Origin};
use gearman_broker::ConnectionKey;
use gearman_broker::delayed::ACK_DELAY_MS_DEFAULT;
use gearman_protocol::{Command, Decoded, Magic, decode, encode};
use gearman_test_support::random::Random;

fn server(ack_delay_ms: u64, clock: &Rc<Cell<u64>>) -> JobServer<TestHost> {
    host::server(host::broker(ack_delay_ms), clock)
}

const CLIENTS: usize = 3;
const PEERS: usize = 5;

/// Both servers, with the same peers: the first `CLIENTS` are clients, the others workers.
struct ServerPair {
    random: Random,
    clock: Rc<Cell<u64>>,
    /// The server that delays acknowledgements, and the one that does not.
    servers: [JobServer<TestHost>; 2],
    /// The keys of the peers, the same at both servers.
    keys: Vec<ConnectionKey>,
    /// Number of bytes that each worker has read.
    read: [usize; PEERS],
    /// The job that each worker runs.
    jobs: [Option<Vec<u8>>; PEERS],
    /// Since when each client of the delaying server lacks bytes that the other has.
    lacks_since: [Option<u64>; CLIENTS],
    is_full: [bool; CLIENTS],
}

impl ServerPair {
    fn new(seed: u64, ack_delay_ms: u64) -> ServerPair {
        let clock = Rc::new(Cell::new(1_000));
        let mut servers = [server(ack_delay_ms, &clock), server(0, &clock)];
        let mut keys = Vec::new();
        for server in &mut servers {
            keys = (0..PEERS)
                .map(|number| server.connect(Memory::default(), Origin::local(number as i32), 7))
                .collect();
        }
        let mut pair = ServerPair {
            random: Random(seed),
            clock,
            servers,
            keys,
            read: [0; PEERS],
            jobs: [const { None }; PEERS],
            lacks_since: [None; CLIENTS],
            is_full: [false; CLIENTS],
        };
        for worker in CLIENTS..PEERS {
            pair.send(worker, Command::CanDo, &[b"f"], b"");
            pair.send(worker, Command::GrabJobUniq, &[], b"");
        }
        pair
    }

    fn send(&mut self, from: usize, command: Command, args: &[&[u8]], body: &[u8]) {
        let mut bytes = Vec::new();
        encode(&mut bytes, Magic::Request, command, args, body);
        self.send_bytes(from, &bytes);
    }

    fn send_bytes(&mut self, from: usize, bytes: &[u8]) {
        for server in &mut self.servers {
            server.stream(from).expect("a stream").input.extend(bytes);
            server.readable(from, false);
        }
    }

    fn output(&mut self, server: usize, peer: usize) -> Vec<u8> {
        self.servers[server].stream(peer).expect("a stream").output.clone()
    }

    fn turn(&mut self) {
        let before = self.servers[0].delayed_reply_counts().ack;
        for server in &mut self.servers {
            let poller = &mut TestPoller::default();
            server.turn(poller);
            server.flush(poller);
            server.recount();
            let journal = &server.journal;
            assert!(journal.closed.is_empty() && journal.refused.is_empty());
        }
        self.compare();
        let after = self.servers[0].delayed_reply_counts().ack;
        let is_held = after.held > before.held;
        assert!(!is_held || after.interrupted == before.interrupted, "held with another packet");
        for worker in CLIENTS..PEERS {
            self.react(worker);
        }
    }

    /// Checks that every peer received the same bytes from both servers. Only JOB_CREATEDs
    /// at the end may be missing, for less than the delay.
    fn compare(&mut self) {
        for peer in 0..PEERS {
            let [delayed, plain] = [self.output(0, peer), self.output(1, peer)];
            let late = plain.strip_prefix(&delayed[..]).expect("the same packets in order");
            if peer >= CLIENTS {
                assert!(late.is_empty(), "a worker's packet is late");
                continue;
            }
            let mut rest = late;
            while !rest.is_empty() {
                let Ok(Decoded::Whole { packet, used }) = decode(rest) else { panic!("{rest:?}") };
                assert_eq!(packet.command(), Command::JobCreated, "it is late");
                rest = &rest[used..];
            }
            let since = &mut self.lacks_since[peer];
            *since = (!late.is_empty()).then(|| since.unwrap_or(self.clock.get()));
            let lateness = since.map_or(0, |since| self.clock.get() - since);
            let is_in_time = lateness < ACK_DELAY_MS_DEFAULT || self.is_full[peer];
            assert!(is_in_time, "late by {lateness} ms");
        }
    }

    /// A worker reads its packets, and reacts as libgearman does.
    fn react(&mut self, worker: usize) {
        let output = self.output(1, worker);
        let mut requests = Vec::new();
        while let Ok(Decoded::Whole { packet, used }) = decode(&output[self.read[worker]..]) {
            match packet.command() {
                Command::NoJob => requests.push(Command::PreSleep),
                Command::Noop => requests.push(Command::GrabJobUniq),
                Command::JobAssignUniq => self.jobs[worker] = Some(packet.arg(0).to_vec()),
                other => panic!("a worker got {other:?}"),
            }
            self.read[worker] += used;
        }
        requests.into_iter().for_each(|command| self.send(worker, command, &[], b""));
    }

    fn pass(&mut self, millis: u64) {
        // A turn for each millisecond, as the server's timer causes.
        for _ in 0..millis {
            self.clock.set(self.clock.get() + 1);
            self.turn();
        }
    }

    fn set_full(&mut self, client: usize, is_full: bool) {
        self.is_full[client] = is_full;
        for server in &mut self.servers {
            server.stream(client).expect("a stream").room = if is_full { 0 } else { usize::MAX };
            if !is_full {
                server.writable(client);
            }
        }
    }

    fn finish_job(&mut self) {
        let worker = CLIENTS + self.random.below(PEERS - CLIENTS);
        if let Some(handle) = self.jobs[worker].take() {
            let command = match self.random.below(5) {
                0 => Command::WorkFail,
                _ => Command::WorkComplete,
            };
            let body: &[u8] = if command.spec().body { b"done" } else { b"" };
            self.send(worker, command, &[&handle], body);
            self.send(worker, Command::GrabJobUniq, &[], b"");
        }
    }

    fn step(&mut self) {
        let client = self.random.below(CLIENTS);
        match self.random.below(40) {
            0 => self.send(client, Command::EchoReq, &[], b"here"),
            1 => self.send_bytes(client, b"version\n"),
            2 => self.send(client, Command::SubmitJobBg, &[b"f", b""], b"x"),
            3 => self.set_full(client, !self.is_full[client]),
            4..=7 => (0..CLIENTS).for_each(|client| self.set_full(client, false)),
            // A result and an acknowledgement in one turn.
            8..=10 => {
                self.finish_job();
                self.send(client, Command::SubmitJob, &[b"f", b""], b"x");
            }
            11..=20 => self.send(client, Command::SubmitJob, &[b"f", b""], b"x"),
            _ => self.finish_job(),
        }
        self.turn();
        (0..3).for_each(|_| self.turn());
        let millis = [0, 0, 0, 0, 1, 1, 2, 15][self.random.below(8)];
        self.pass(millis);
    }

    /// Lets one client submit jobs whose results follow at once, so that its
    /// acknowledgements are held.
    fn settle(&mut self) {
        (0..CLIENTS).for_each(|client| self.set_full(client, false));
        self.turn();
        while self.jobs.iter().any(Option::is_some) {
            self.finish_job();
            (0..3).for_each(|_| self.turn());
        }
        let client = self.random.below(CLIENTS);
        for _ in 0..6 {
            self.send(client, Command::SubmitJob, &[b"f", b""], b"x");
            (0..6).for_each(|_| self.turn());
            while self.jobs.iter().any(Option::is_some) {
                self.finish_job();
                (0..3).for_each(|_| self.turn());
            }
        }
    }
}

#[test]
fn a_delayed_acknowledgement_changes_no_other_packet_and_no_order() {
    let mut held = 0;
    for seed in 0..20 {
        let mut pair = ServerPair::new(seed, ACK_DELAY_MS_DEFAULT);
        for step in 0..500 {
            if step % 20 == 0 {
                pair.settle();
            }
            pair.step();
        }
        (0..CLIENTS).for_each(|client| pair.set_full(client, false));
        pair.pass(ACK_DELAY_MS_DEFAULT);
        assert_eq!(pair.lacks_since, [None; CLIENTS], "seed {seed}");
        let [delayed, plain] = pair.servers.each_ref().map(|s| s.delayed_reply_counts().ack);
        assert_eq!((delayed.pending(), plain.held), (0, 0), "seed {seed}");
        held += delayed.held;
    }
    assert!(held > 100, "only {held} acknowledgements were held");
}

#[test]
fn the_held_acknowledgement_of_an_ended_session_is_counted_as_interrupted() {
    let mut pair = ServerPair::new(1, ACK_DELAY_MS_DEFAULT);
    (0..4).for_each(|_| pair.turn());
    for _ in 0..20 {
        pair.settle();
    }
    let client = 0;
    for _ in 0..6 {
        pair.send(client, Command::SubmitJob, &[b"f", b""], b"x");
        (0..4).for_each(|_| pair.turn());
        if pair.lacks_since[client].is_some() {
            break;
        }
        pair.finish_job();
        pair.finish_job();
        (0..4).for_each(|_| pair.turn());
    }
    let (server, key) = (&mut pair.servers[0], pair.keys[client]);
    let before = server.delayed_reply_counts().ack;
    assert_eq!(before.pending(), 1);
    server.disconnect(key);
    let after = server.delayed_reply_counts().ack;
    assert_eq!((after.pending(), after.interrupted), (0, before.interrupted + 1));
    server.recount();
}
