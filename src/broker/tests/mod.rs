//! Tests of the broker, one behaviour each, and the small world that they and
//! the simulation play in: packets in, what each connection got as text out.
//!
//! Must not: look into the broker, except to recount it (`recount`).

mod abilities;
mod admin;
mod bodies;
mod coalescing;
mod draining;
mod driver;
mod long_poll;
mod model;
mod order;
mod pausing;
mod results;
mod retries;
mod simulation;
mod sleeping;
mod status;
mod submitting;
mod totals;
mod two_servers;
mod views;
mod walks;

use std::collections::HashMap;

use bytes::Bytes;

use super::{
    Broker, Cancelled, Config, ConnectionKey, ConnectionWalk, DelayedReplies, DriverTimer, Dropped,
    FunctionView, FunctionWalk, JobView, JobWalk, Now, Outbox, State, Step, Table, TableWalk,
    Wakeup,
};
use gearman_protocol::{Command, Decoded, Magic, decode, encode};

/// Keeps what is sent, by receiver.
#[derive(Default)]
struct Mailbox {
    mail: HashMap<usize, (ConnectionKey, Vec<String>)>,
    accepted: Vec<String>,
    given_up: Vec<String>,
    /// Packets that may be held for the next one.
    may_wait: Vec<String>,
    /// The sizes of bodies that were not copied.
    shared: Vec<usize>,
    /// The driver's timers that fired, and for when they were set.
    fired: Vec<(DriverTimer, u64)>,
}

impl Outbox for Mailbox {
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        // Encoding checks what the event loop would rely on.
        encode(&mut Vec::new(), Magic::Response, command, args, body);
        let mut text = command.name().to_string();
        let body = command.spec().body.then_some(&body);
        for part in args.iter().chain(body) {
            text.push(' ');
            text.push_str(&part.escape_ascii().to_string());
        }
        let (key, mail) = self.mail.entry(to.index()).or_insert((to, Vec::new()));
        assert_eq!(*key, to, "sent to a connection that is gone");
        mail.push(text);
    }

    fn send_with_next(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<u64> {
        self.send(to, command, args, body);
        let (_, mail) = &self.mail[&to.index()];
        self.may_wait.extend(mail.last().cloned());
        None
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        self.shared.push(body.len());
        self.send(to, command, args, body);
    }

    fn timer(&mut self, timer: DriverTimer, due: u64) {
        self.fired.push((timer, due));
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64) {
        let unique = unique.escape_ascii();
        self.accepted.push(format!("{} {unique} {due}", function.escape_ascii()));
    }

    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.given_up.push(format!("{handle} {function} {unique} {attempts}"));
    }
}

/// All that a walk comes by.
fn walked<T>(mut step: impl FnMut() -> Step<T>) -> Vec<T> {
    let mut seen = Vec::new();
    loop {
        match step() {
            Step::One(one) => seen.push(one),
            Step::None => {}
            Step::End => return seen,
        }
    }
}

/// A broker and its surroundings.
struct World {
    broker: Broker,
    mailbox: Mailbox,
    now: Now,
}

/// A submission without a unique, for tests that do not care.
const BG: Command = Command::SubmitJobBg;

impl World {
    fn new() -> World {
        World::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Config)) -> World {
        let mut config = Config {
            handle_prefix: "H".into(),
            attempts: None,
            wakeup: Wakeup::All,
            delayed_replies: DelayedReplies::default(),
            exceptions: false,
        };
        change(&mut config);
        let now = Now { ticks: 1_000_000, unix: 1_800_000_000 };
        World { broker: Broker::new(config), mailbox: Mailbox::default(), now }
    }

    /// A new connection.
    fn connect(&mut self) -> ConnectionKey {
        let key = self.broker.connect(7, "127.0.0.1");
        self.mailbox.mail.remove(&key.index());
        key
    }

    /// A new connection that offers functions.
    fn worker(&mut self, functions: &[&str]) -> ConnectionKey {
        let worker = self.connect();
        functions.iter().for_each(|function| self.send(worker, Command::CanDo, &[function]));
        worker
    }

    fn disconnect(&mut self, who: ConnectionKey) {
        self.mailbox.mail.remove(&who.index());
        self.broker.disconnect(who, &mut self.mailbox);
    }

    /// Sends a packet; a body is the last of the parts.
    fn send(&mut self, from: ConnectionKey, command: Command, parts: &[&str]) {
        self.send_as(Magic::Request, from, command, parts);
    }

    fn send_as(&mut self, magic: Magic, from: ConnectionKey, command: Command, parts: &[&str]) {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let (args, body) = match command.spec().body {
            true => parts.split_at(parts.len() - 1),
            false => (&parts[..], &[] as &[&[u8]]),
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, magic, command, args, body.first().unwrap_or(&&b""[..]));
        match decode(&bytes) {
            Ok(Decoded::Whole { packet, .. }) => {
                self.broker.packet(from, (&packet).into(), self.now, &mut self.mailbox);
            }
            other => panic!("not a packet: {other:?}"),
        }
    }

    /// Sends a packet and returns what its sender has got since it last looked.
    fn ask(&mut self, from: ConnectionKey, command: Command, parts: &[&str]) -> Vec<String> {
        self.send(from, command, parts);
        self.mail(from)
    }

    /// What a connection has got since it last looked.
    fn mail(&mut self, who: ConnectionKey) -> Vec<String> {
        self.mailbox.mail.remove(&who.index()).map(|(_, mail)| mail).unwrap_or_default()
    }

    /// Lets time pass.
    fn pass(&mut self, millis: u64) {
        self.now.ticks += millis;
        self.now.unix += millis / 1000;
        self.broker.tick(self.now, &mut self.mailbox);
    }

    /// Submits a background job without a unique.
    fn background(&mut self, function: &str, payload: &str) {
        let client = self.connect();
        let answer = self.ask(client, BG, &[function, "", payload]);
        assert!(answer[0].starts_with("JOB_CREATED"), "{answer:?}");
        self.disconnect(client);
    }

    /// Grabs jobs until there are none; returns their payloads.
    fn drain(&mut self, worker: ConnectionKey) -> Vec<String> {
        let mut payloads = Vec::new();
        loop {
            let answer = self.ask(worker, Command::GrabJobUniq, &[]);
            match answer.iter().find(|a| a.starts_with("JOB_ASSIGN_UNIQ")) {
                Some(job) => payloads.push(job.rsplit(' ').next().unwrap_or_default().into()),
                None => return payloads,
            }
        }
    }

    /// One line of `status`: total, running, workers.
    fn status(&self, function: &str) -> Option<(u32, u32, u32)> {
        self.function(function).map(|f| (f.total(), f.running, f.offers))
    }

    /// A function as administrators see it.
    fn function(&self, name: &str) -> Option<FunctionView<&[u8]>> {
        let mut walk = FunctionWalk::default();
        walked(|| walk.step(&self.broker)).into_iter().find(|f| f.name == name.as_bytes())
    }

    /// All jobs as administrators see them.
    fn jobs(&self) -> Vec<JobView<'_>> {
        let mut walk = JobWalk::default();
        walked(|| walk.step(&self.broker))
    }
}
