//! [`World`]: a broker with fixed functions, workers and jobs, and the state of the broker
//! after a command, as text.
//!
//! Must not: know a command.

use gearman_broker::delayed::{DelayedReplies, DelayedReplyCounts};
use gearman_broker::{
    Broker, Config, ConnectionKey, CursorStep, FunctionCursor, JobCursor, JobState, Millis, Now,
    Outbox, UnixSeconds, Wakeup,
};
use gearman_protocol::{Command, Decoded, Magic, decode, encode};
use gearman_queue::QueueStats;

use crate::{Answer, CommandOutcome, Context, QueueView, answer};

/// Number of jobs submitted per priority to find a function's limits.
const PROBES: usize = 9;

/// Packets of the broker, as text: receiver, command, arguments.
#[derive(Default)]
struct Packets(Vec<String>);

impl Outbox for Packets {
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        let parts: Vec<_> =
            args.iter().chain([&body]).map(|part| part.escape_ascii().to_string()).collect();
        let text = format!("{} to {}: {}", command.name(), to.index(), parts.join(" "));
        self.0.push(text.trim_end().to_string());
    }

    fn accepted(&mut self, _: &[u8], _: &[u8], _: Option<UnixSeconds>) {}

    fn gave_up(&mut self, _: &[u8], _: &[u8], _: &[u8], _: u8) {}
}

/// A broker with a client, two workers, and jobs in every state.
pub(super) struct World {
    broker: Broker,
    packets: Packets,
    client: ConnectionKey,
    now: Now,
}

impl World {
    pub(super) fn new() -> World {
        let mut broker = Broker::new(Config {
            handle_prefix: "H".into(),
            attempts: None,
            wakeup: Wakeup::All,
            delayed_replies: DelayedReplies { grab_hold_ms: 0, ack_delay_ms: 0 },
            exceptions: false,
        });
        let client = broker.connect(5, "10.0.0.1");
        let now = Now { monotonic: Millis(1_000_000), unix: UnixSeconds(1_800_000_000) };
        let mut world = World { broker, packets: Packets::default(), client, now };
        let worker = world.broker.connect(6, "10.0.0.2");
        let sleeper = world.broker.connect(7, "10.0.0.3");
        world.send(worker, Command::SetClientId, &[b"a worker"]);
        for function in [&b"f"[..], b"n\xffm %"] {
            world.send(worker, Command::CanDo, &[function]);
        }
        world.send(sleeper, Command::CanDo, &[b"p"]);
        world.send(client, Command::SubmitJob, &[b"f", b"u", b"running"]);
        world.send(worker, Command::GrabJob, &[]);
        world.send(client, Command::SubmitJobHigh, &[b"f", b"u%\xff", b"queued"]);
        world.send(client, Command::SubmitJobLowBg, &[b"n\xffm %", b"", b"queued"]);
        world.send(client, Command::SubmitJobEpoch, &[b"f", b"v", b"1800009999", b"later"]);
        world.send(client, Command::SubmitJob, &[b"idle", b"u", b"queued"]);
        world.send(client, Command::SubmitJobBg, &[b"p", b"-", b"paused"]);
        assert!(world.broker.pause(b"p"));
        world.broker.create_function(b"e");
        world.send(sleeper, Command::PreSleep, &[]);
        world.now.monotonic.0 += 5000;
        world.broker.tick(world.now, &mut world.packets);
        world.packets.0.clear();
        world
    }

    /// Sends a packet; a body is the last of the parts.
    fn send(&mut self, from: ConnectionKey, command: Command, parts: &[&[u8]]) {
        let (args, body) = match (command.spec().body, parts) {
            (true, [args @ .., body]) => (args, *body),
            _ => (parts, &b""[..]),
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, Magic::Request, command, args, body);
        let Ok(Decoded::Whole { packet, .. }) = decode(&bytes) else { panic!("no packet") };
        self.broker.packet(from, (&packet).into(), self.now, &mut self.packets);
    }

    /// The kind of the answer, and its bytes.
    pub(super) fn ask(&mut self, line: &[u8], allow_shutdown: bool) -> (&'static str, Vec<u8>) {
        let mut text = Vec::new();
        let mut context = Context {
            broker: &mut self.broker,
            packets: &mut self.packets,
            level: "NOTICE",
            allow_shutdown,
            uptime_seconds: 42,
            delayed_replies: DelayedReplyCounts::default(),
            queue: QueueView { kind: "builtin", suspended: None, stats: QueueStats::default() },
            authority: None,
            outcome: CommandOutcome::default(),
            caller: self.client,
            is_unfinished: false,
        };
        let kind = match answer(line, &mut context, &mut text) {
            Answer::Text => "text",
            Answer::Stop => "text, stop",
            Answer::Drain => "text, drain",
            Answer::TooManyWords => "close",
            Answer::Unfinished => panic!("a command is larger than a piece"),
            Answer::List(mut list) => {
                while !list.write_piece(&self.broker, &mut text) {}
                "list"
            }
        };
        (kind, text)
    }

    /// The state of the broker: a line for each packet, function and job. Consumes the
    /// world, because a function's limits are found by submitting jobs until it refuses
    /// them.
    pub(super) fn into_state(mut self) -> Vec<String> {
        let mut state = std::mem::take(&mut self.packets.0);
        let mut functions = Vec::new();
        let mut cursor = FunctionCursor::default();
        while let CursorStep::Item(function) = cursor.next(&self.broker) {
            let paused = if function.paused { " paused" } else { "" };
            state.push(format!("function {}{paused}", function.name.escape_ascii()));
            functions.push(function.name.to_vec());
        }
        let mut cursor = JobCursor::default();
        loop {
            match cursor.next(&self.broker) {
                CursorStep::Item(job) => {
                    let running = matches!(job.state, JobState::Running(_));
                    let handle = job.handle.escape_ascii();
                    state.push(format!("{} {handle}", if running { "running" } else { "job" }));
                }
                CursorStep::Skip => {}
                CursorStep::End => break,
            }
        }
        for function in functions {
            let room = [Command::SubmitJobHighBg, Command::SubmitJobBg, Command::SubmitJobLowBg]
                .map(|command| self.room(&function, command));
            state.push(format!("room for {}: {room:?}", function.escape_ascii()));
        }
        state
    }

    /// The number of jobs that a function accepts, out of `PROBES`.
    fn room(&mut self, function: &[u8], command: Command) -> usize {
        let before = self.broker.job_count();
        for _ in 0..PROBES {
            self.send(self.client, command, &[function, b"", b""]);
        }
        self.broker.job_count() - before
    }
}
