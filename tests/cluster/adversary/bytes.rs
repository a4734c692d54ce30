//! What an adversary sends, as bytes.
//!
//! It offers and cancels only what is its own, so what it takes from honest peers is never its right.
//! What it submits to honest functions has uniques of its own, or is what an honest client submits.
//!
//! Must not: know connections.

use gearman_protocol::command::TABLE;
use gearman_protocol::limits::{HEADER_SIZE, MAX_ARGS_SIZE, MAX_TEXT_LINE};
use gearman_protocol::{Command, Magic, encode};
use gearman_test_support::random::Random;

use super::attack::{Deed, HOSTILE_BODY_MAX, Malformed};
use super::fault::PeerFault;
use crate::checker::{FORGED, HOSTILE, Submission, function_name};
use crate::client::submit_command;
use crate::script::FUNCTIONS;
use crate::server::EPOCH_S;

/// Number of an adversary's functions.
const OWN_FUNCTIONS: usize = 3;
/// The unique of the jobs that an adversary sends much data of.
const DATA_UNIQUE: &[u8] = b"data";
/// Sizes of the bodies of large packets.
const BODIES: [usize; 3] = [2_000, 10_000, HOSTILE_BODY_MAX];
/// Highest job number that an adversary guesses.
const GUESSED_NUMBER_MAX: usize = 200;

/// Text commands that change nothing of honest peers.
const COMMANDS: [&str; 24] = [
    "status",
    "workers",
    "prioritystatus",
    "show jobs",
    "show unique jobs",
    "show",
    "version",
    "getpid",
    "verbose",
    "maxqueue",
    "maxqueue e0 3",
    "maxqueue e0",
    "create function e1",
    "drop function e2",
    "dropqueue e1",
    "cancelunique e0 data",
    "jobs",
    "queues",
    "json status",
    "json jobs e0",
    "json server",
    "cancel job none",
    "",
    "\u{fe}\u{ff} \t nothing",
];

/// The packets without a body that an adversary sends in bulk.
const BULK: [Command; 6] = [
    Command::GrabJob,
    Command::GrabJobUniq,
    Command::GrabJobAll,
    Command::PreSleep,
    Command::ResetAbilities,
    Command::CantDo,
];

/// What an adversary knows when it makes bytes.
pub(super) struct Author<'a> {
    pub(super) random: Random,
    pub(super) server: usize,
    pub(super) now_us: u64,
    /// Whether the connection may run jobs.
    pub(super) works: bool,
    /// Handles of jobs that it was told of.
    pub(super) handles: &'a [Vec<u8>],
    /// Handles of jobs of its own that its connections have run.
    pub(super) own_handles: &'a [Vec<u8>],
}

/// A packet of a request.
pub(super) fn packet(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Magic::Request, command, args, body);
    bytes
}

/// The name of an adversary's function.
fn own_function(number: usize) -> Vec<u8> {
    format!("e{number}").into_bytes()
}

/// Offers all functions of an adversary.
pub(super) fn offers() -> Vec<u8> {
    let offer = |number| packet(Command::CanDo, &[&own_function(number)], b"");
    (0..OWN_FUNCTIONS).flat_map(offer).collect()
}

/// The submission of what an honest client submits.
pub(super) fn copy_of(submission: &Submission, background: bool) -> Vec<u8> {
    let command = submit_command(background, submission.priority);
    let function = function_name(submission.function);
    packet(command, &[function.as_bytes(), submission.unique.as_bytes()], &submission.payload)
}

impl Author<'_> {
    /// The bytes of a deed, and the faults that a server may find in them.
    pub(super) fn bytes(&mut self, deed: Deed) -> (Vec<u8>, &'static [PeerFault]) {
        let bytes = match deed {
            Deed::Packets(count) => self.several(count, Author::any_packet),
            Deed::Work => [offers(), packet(Command::GrabJobUniq, &[], b"")].concat(),
            Deed::Submit(count) => self.several(count, Author::submission),
            Deed::ForeignReports(count) => self.foreign_reports(count),
            Deed::Flood(count) | Deed::Swarm(count) => {
                let bytes = match self.random.pick(&BULK) {
                    Command::CantDo => {
                        let function = self.own_function();
                        [
                            packet(Command::CanDo, &[&function], b""),
                            packet(Command::CantDo, &[&function], b""),
                        ]
                        .concat()
                    }
                    command => packet(command, &[], b""),
                };
                return (bytes.repeat(count), &[PeerFault::Unread]);
            }
            Deed::Echoes(count) => {
                let body = vec![b'x'; self.random.pick(&BODIES)];
                let bytes = packet(Command::EchoReq, &[], &body).repeat(count);
                return (bytes, &[PeerFault::Unread]);
            }
            Deed::OwnData(count) => return (self.own_data(count), &[PeerFault::Unread]),
            Deed::Lines(count) => self.several(count, Author::line),
            Deed::Malformed(what) => return self.malformed(what),
            Deed::Wait | Deed::Copies(_) | Deed::HalfClose | Deed::Reset | Deed::Close => {
                Vec::new()
            }
        };
        (bytes, &[])
    }

    fn several(&mut self, count: usize, mut one: impl FnMut(&mut Self) -> Vec<u8>) -> Vec<u8> {
        (0..count).flat_map(|_| one(self)).collect()
    }

    fn own_function(&mut self) -> Vec<u8> {
        own_function(self.random.below(OWN_FUNCTIONS))
    }

    /// A body that honest workers and clients recognise.
    fn body(&mut self) -> Vec<u8> {
        let mut body = HOSTILE.to_vec();
        body.resize(HOSTILE.len() + self.random.pick(&[0, 0, 30, 300, 5_000]), b'x');
        body
    }

    /// The handle of any job, or of none.
    fn handle(&mut self) -> Vec<u8> {
        if !self.handles.is_empty() && self.random.one_in(2) {
            return self.random.pick(self.handles);
        }
        let life = self.random.pick(&[1, 1, 1, 2, 3]);
        let number = self.random.small(GUESSED_NUMBER_MAX);
        format!("S{}L{life}:{number}", self.server).into_bytes()
    }

    /// A word that a peer may use as an argument. None is the name of an honest function.
    fn word(&mut self) -> Vec<u8> {
        match self.random.below(8) {
            0 => self.own_function(),
            1 | 2 => self.handle(),
            3 => self.random.small(100).to_string().into_bytes(),
            4 => Vec::new(),
            5 => vec![b'n'; self.random.small(600)],
            6 => b"exceptions".to_vec(),
            _ => (0..self.random.small(20)).map(|_| 1 + self.random.below(255) as u8).collect(),
        }
    }

    /// A packet of any command. What it submits in the background, it works on in the end.
    fn any_packet(&mut self) -> Vec<u8> {
        // The first one is no packet.
        let command = self.random.pick(&TABLE[1..]).command;
        let spec = command.spec();
        let mut args: Vec<Vec<u8>> = (0..spec.args).map(|_| self.word()).collect();
        let body = if spec.body { self.body() } else { Vec::new() };
        match command {
            Command::SubmitJobBg
            | Command::SubmitJobHighBg
            | Command::SubmitJobLowBg
            | Command::SubmitJobEpoch
            | Command::SubmitReduceJobBackground => args[0] = self.own_function(),
            _ => {}
        }
        if command == Command::SubmitJobEpoch {
            let due_s = EPOCH_S + self.now_us / 1_000_000 + self.random.below(3) as u64;
            args[2] = due_s.to_string().into_bytes();
        }
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut bytes = packet(command, &args, &body);
        if self.random.one_in(20) {
            bytes[..4].copy_from_slice(&Magic::Response.bytes());
        }
        bytes
    }

    /// A job for a function of its own, or one for honest workers with a unique of its own.
    fn submission(&mut self) -> Vec<u8> {
        let priority = self.random.below(3);
        let background = self.random.one_in(2);
        let command = submit_command(background, priority);
        let unique = format!("h{}p{priority}", self.random.below(6));
        let (function, unique) = match self.random.below(4) {
            // Equal payloads are one job.
            0 => (self.own_function(), "-".to_owned()),
            1 => (self.own_function(), unique),
            _ => (function_name(self.random.below(FUNCTIONS)).into_bytes(), unique),
        };
        packet(command, &[&function, unique.as_bytes()], &self.body())
    }

    /// Reports on successive jobs, or on one job several times.
    fn foreign_reports(&mut self, count: usize) -> Vec<u8> {
        let command = self.random.pick(&[
            Command::WorkComplete,
            Command::WorkComplete,
            Command::WorkFail,
            Command::WorkException,
            Command::WorkData,
            Command::WorkWarning,
            Command::WorkStatus,
        ]);
        let (life, first) = (self.random.pick(&[1, 1, 1, 2, 3]), self.random.small(60));
        let same = self.random.one_in(4).then(|| self.handle());
        let body = if self.works { HOSTILE } else { FORGED };
        let mut all = Vec::new();
        for number in first..first + count {
            let guessed = || format!("S{}L{life}:{number}", self.server).into_bytes();
            let handle = same.clone().unwrap_or_else(guessed);
            all.extend(report(command, &handle, body));
        }
        all
    }

    /// One job that several submissions wait for, and large data of it.
    fn own_data(&mut self, count: usize) -> Vec<u8> {
        let submissions = 1 + self.random.below(5);
        let name = self.own_function();
        let submit = packet(Command::SubmitJob, &[&name, DATA_UNIQUE], HOSTILE);
        let mut bytes = [submit.repeat(submissions), offers()].concat();
        bytes.extend(packet(Command::GrabJobUniq, &[], b""));
        let body = vec![b'x'; self.random.pick(&BODIES)];
        for handle in self.own_handles.iter().rev().take(3) {
            bytes.extend(report(Command::WorkData, handle, &body).repeat(count));
        }
        bytes
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = match self.own_handles {
            [] => self.random.pick(&COMMANDS).as_bytes().to_vec(),
            handles if self.random.one_in(8) => {
                [b"cancel job ", &self.random.pick(handles)[..]].concat()
            }
            _ => self.random.pick(&COMMANDS).as_bytes().to_vec(),
        };
        line.extend(self.random.pick(&[&b"\n"[..], b"\r\n"]));
        line
    }

    fn malformed(&mut self, what: Malformed) -> (Vec<u8>, &'static [PeerFault]) {
        let name = self.own_function();
        let mut bytes = packet(Command::SubmitJob, &[&name, b"u"], b"body");
        let set_length = |bytes: &mut Vec<u8>, length: u32| {
            bytes[8..HEADER_SIZE].copy_from_slice(&length.to_be_bytes());
        };
        let faults: &'static [PeerFault] = match what {
            Malformed::Magic => {
                bytes[1 + self.random.below(3)] ^= 0x80;
                &[PeerFault::Magic]
            }
            Malformed::Command => {
                let number = self.random.pick(&[43_u32, 44, 1_000, u32::MAX]);
                bytes[4..8].copy_from_slice(&number.to_be_bytes());
                &[PeerFault::Command]
            }
            Malformed::Arguments => {
                bytes.truncate(HEADER_SIZE + 1);
                set_length(&mut bytes, 1);
                &[]
            }
            Malformed::LongArguments => {
                let long = vec![b'n'; MAX_ARGS_SIZE + 1];
                bytes = match self.random.one_in(2) {
                    true => packet(Command::GetStatus, &[&long], b""),
                    false => packet(Command::SubmitJob, &[&long, b"u"], b""),
                };
                &[PeerFault::Arguments]
            }
            Malformed::LargePacket => {
                set_length(&mut bytes, self.random.pick(&[100_001, 1 << 20, 1 << 31]));
                PeerFault::OUT_OF_STEP
            }
            Malformed::ImpossibleLength => {
                set_length(&mut bytes, u32::MAX);
                &[PeerFault::Length]
            }
            Malformed::WrongLength => {
                set_length(&mut bytes, 20 + self.random.below(200) as u32);
                PeerFault::OUT_OF_STEP
            }
            Malformed::EndlessLine => {
                bytes = vec![b'l'; self.random.pick(&[10, MAX_TEXT_LINE + 10])];
                PeerFault::OUT_OF_STEP
            }
            Malformed::Words => {
                bytes = [b"a ".repeat(self.random.pick(&[20, 2_000])), b"\n".to_vec()].concat();
                &[PeerFault::Words]
            }
            Malformed::Rubbish => {
                bytes = (0..1 + self.random.small(300)).map(|_| self.random.bits() as u8).collect();
                PeerFault::OUT_OF_STEP
            }
        };
        (bytes, faults)
    }
}

/// A report of a worker.
pub(super) fn report(command: Command, handle: &[u8], body: &[u8]) -> Vec<u8> {
    match command {
        Command::WorkFail => packet(command, &[handle], b""),
        Command::WorkStatus => packet(command, &[handle, b"1", b"2"], b""),
        _ => packet(command, &[handle], body),
    }
}
