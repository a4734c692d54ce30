//! Tests of the broker, one behaviour each, and [`World`], which they share with the
//! simulation: a broker whose packets to each connection are collected as text.
//!
//! Must not: read private fields of the broker; `recount` checks them.

mod abilities;
mod admin;
mod bodies;
mod coalescing;
mod cursors;
mod draining;
mod driver;
mod dropping;
mod durable;
mod events;
mod long_poll;
mod model;
mod order;
mod pausing;
mod payloads;
mod results;
mod retries;
mod simulation;
mod sleeping;
mod status;
mod submitting;
mod totals;
mod two_servers;
mod views;
mod work;

use std::collections::HashMap;

use bytes::Bytes;

use super::{
    Broker, BrokerEvent, Cancelled, Config, ConnectionCursor, ConnectionKey, ConnectionLimits,
    CursorStep, DelayedReplies, DriverTimer, Dropped, FailureCause, FunctionCursor, FunctionView,
    JobCursor, JobOrder, JobState, JobView, LostJobs, Millis, Now, OfferCursor, OrderedJobCursor,
    Outbox, UnixSeconds, Wakeup,
};
use gearman_protocol::{Command, Decoded, Magic, decode, encode};

/// Collects packets by receiver, and reports.
#[derive(Default)]
struct Mailbox {
    mail: HashMap<usize, (ConnectionKey, Vec<String>)>,
    accepted: Vec<String>,
    given_up: Vec<String>,
    events: Vec<String>,
    /// Packets that the driver may hold.
    delayable: Vec<String>,
    /// Sizes of bodies that were not copied.
    shared: Vec<usize>,
    /// JOB_CREATED packets that wait for the commit of an operation, by receiver and handle.
    held: Vec<(ConnectionKey, String, u64)>,
    /// Timers of the driver that fired, with their due times.
    fired: Vec<(DriverTimer, Millis)>,
}

impl Outbox for Mailbox {
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        // Encoding checks the number and size of the arguments.
        encode(&mut Vec::new(), Magic::Response, command, args, body);
        let mut text = command.name().to_string();
        let body = command.spec().body.then_some(&body);
        for part in args.iter().chain(body) {
            text.push(' ');
            text.push_str(&part.escape_ascii().to_string());
        }
        let (key, mail) = self.mail.entry(to.index()).or_insert((to, Vec::new()));
        assert_eq!(*key, to, "sent to a removed connection");
        mail.push(text);
    }

    fn send_delayable(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<Millis> {
        self.send(to, command, args, body);
        let (_, mail) = &self.mail[&to.index()];
        self.delayable.extend(mail.last().cloned());
        None
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        self.shared.push(body.len());
        self.send(to, command, args, body);
    }

    fn send_after_commit(&mut self, to: ConnectionKey, handle: &[u8], operation: u64) {
        self.held.push((to, handle.escape_ascii().to_string(), operation));
    }

    fn timer(&mut self, timer: DriverTimer, due: Millis) {
        self.fired.push((timer, due));
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>) {
        let (unique, due) = (unique.escape_ascii(), due.map_or(0, |due| due.0));
        self.accepted.push(format!("{} {unique} {due}", function.escape_ascii()));
    }

    fn event(&mut self, event: BrokerEvent<'_>) {
        self.events.push(event_text(event));
    }

    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.given_up.push(format!("{handle} {function} {unique} {attempts}"));
    }
}

fn event_text(event: BrokerEvent<'_>) -> String {
    let text = |name: &[u8]| name.escape_ascii().to_string();
    match event {
        BrokerEvent::WorkerCame { worker, function } => {
            format!("{worker} came with {}", text(function))
        }
        BrokerEvent::WorkerLeft { worker, functions, running } => {
            format!("{worker} left with {functions} functions, {running} jobs")
        }
        BrokerEvent::FunctionOffered { function, worker } => {
            format!("{} is offered by {worker}", text(function))
        }
        BrokerEvent::FunctionAbandoned { function, worker, waiting } => {
            format!("{} lost {worker}, {waiting} waiting", text(function))
        }
        BrokerEvent::JobFailed { cause, handle, function, worker, .. } => {
            let what = match cause {
                FailureCause::Worker => "failed",
                FailureCause::TooLarge => "sent too much for",
            };
            format!("{worker} {what} {} of {}", text(handle), text(function))
        }
        BrokerEvent::JobsDropped { function, jobs } => {
            format!("{jobs} jobs of {} dropped", text(function))
        }
    }
}

/// The names of the functions that a connection offers.
fn offers(world: &World, connection: ConnectionKey) -> String {
    let names = OfferCursor::new(connection).next(&world.broker, usize::MAX);
    names.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

/// All items of a cursor.
fn collect_items<T>(mut step: impl FnMut() -> CursorStep<T>) -> Vec<T> {
    let mut seen = Vec::new();
    loop {
        match step() {
            CursorStep::Item(one) => seen.push(one),
            CursorStep::Skip => {}
            CursorStep::End => return seen,
        }
    }
}

/// A broker, its outbox and its clocks.
struct World {
    broker: Broker,
    mailbox: Mailbox,
    now: Now,
}

/// The command for submissions whose priority does not matter.
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
        let now = Now { monotonic: Millis(1_000_000), unix: UnixSeconds(1_800_000_000) };
        World { broker: Broker::new(config), mailbox: Mailbox::default(), now }
    }

    /// A new connection.
    fn connect(&mut self) -> ConnectionKey {
        let key = self.broker.connect(7, "127.0.0.1");
        self.mailbox.mail.remove(&key.index());
        key
    }

    /// Drops a function with all its jobs.
    fn drop_function(&mut self, name: &[u8]) -> Dropped {
        let admin = self.connect();
        let (broker, mailbox) = (&mut self.broker, &mut self.mailbox);
        let results = std::iter::repeat_with(|| broker.drop_function(admin, name, mailbox));
        results.into_iter().find(|result| *result != Dropped::Unfinished).expect("an end")
    }

    /// Drops the waiting jobs of a function.
    fn drop_queue(&mut self, name: &[u8]) -> Dropped {
        let admin = self.connect();
        let (broker, mailbox) = (&mut self.broker, &mut self.mailbox);
        let results = std::iter::repeat_with(|| broker.drop_queue(admin, name, mailbox));
        results.into_iter().find(|result| *result != Dropped::Unfinished).expect("an end")
    }

    /// A new connection that offers functions.
    fn worker(&mut self, functions: &[&str]) -> ConnectionKey {
        let worker = self.connect();
        functions.iter().for_each(|function| self.send(worker, Command::CanDo, &[function]));
        worker
    }

    fn disconnect(&mut self, connection: ConnectionKey) {
        self.mailbox.mail.remove(&connection.index());
        self.broker.disconnect(connection, &mut self.mailbox);
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

    /// Sends a packet, and returns the packets that its sender has received since the last
    /// call of this or of `mail`.
    fn ask(&mut self, from: ConnectionKey, command: Command, parts: &[&str]) -> Vec<String> {
        self.send(from, command, parts);
        self.mail(from)
    }

    /// The packets that a connection has received since the last call.
    fn mail(&mut self, receiver: ConnectionKey) -> Vec<String> {
        self.mailbox.mail.remove(&receiver.index()).map(|(_, mail)| mail).unwrap_or_default()
    }

    /// Advances both clocks.
    fn pass(&mut self, millis: u64) {
        self.now.monotonic.0 += millis;
        self.now.unix.0 += millis / 1000;
        self.broker.tick(self.now, &mut self.mailbox);
    }

    /// Submits a background job without a unique.
    fn background(&mut self, function: &str, payload: &str) {
        let client = self.connect();
        let answer = self.ask(client, BG, &[function, "", payload]);
        assert!(answer[0].starts_with("JOB_CREATED"), "{answer:?}");
        self.disconnect(client);
    }

    /// Grabs jobs until none is left; returns their payloads.
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

    /// The view of a function.
    fn function(&self, name: &str) -> Option<FunctionView<&[u8]>> {
        let mut cursor = FunctionCursor::default();
        collect_items(|| cursor.next(&self.broker)).into_iter().find(|f| f.name == name.as_bytes())
    }

    /// The views of all jobs.
    fn jobs(&self) -> Vec<JobView<'_>> {
        let mut cursor = JobCursor::default();
        collect_items(|| cursor.next(&self.broker))
    }
}
