//! [`Job`]: what a server gave this worker to do.
//!
//! Must not: do I/O.

use crate::buf::Owned;
use crate::protocol::{Command, Packet};

/// A job. Its texts and its workload stay where they are until it is removed,
/// and each is followed by a NUL: C holds pointers to them.
#[derive(Debug)]
pub struct Job {
    /// Handle, function, unique id and reducer, a NUL after each.
    text: Box<[u8]>,
    ends: [u16; 4],
    /// The body.
    pub workload: Owned,
    /// The connection that it came on, and which life of that connection: after
    /// a reconnect the server has given the job to somebody else.
    pub(super) conn: usize,
    pub(super) life: u32,
    /// A final packet was sent.
    pub(super) finished: bool,
    /// The ticket of the function that runs for it, 0 while none does.
    pub(super) running: u32,
}

/// What a worker tells about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A piece of the result.
    Data,
    /// A warning.
    Warning,
    /// Progress.
    Status {
        /// Parts that are done.
        numerator: u32,
        /// All parts.
        denominator: u32,
    },
    /// The job is done; the body is the (rest of the) result.
    Complete,
    /// The job is done for; the body says why.
    Exception,
    /// The job has failed.
    Fail,
}

impl Report {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Report::Complete | Report::Exception | Report::Fail)
    }
}

impl Job {
    /// The job of a JOB_ASSIGN packet of any kind, without its body.
    pub(super) fn new(packet: &Packet<'_>, conn: usize, life: u32) -> Job {
        let parts: [&[u8]; 4] = match packet.command() {
            Command::JobAssign => [packet.arg(0), packet.arg(1), b"", b""],
            Command::JobAssignUniq => [packet.arg(0), packet.arg(1), packet.arg(2), b""],
            _ => [packet.arg(0), packet.arg(1), packet.arg(2), packet.arg(3)],
        };
        let mut text = Vec::with_capacity(parts.iter().map(|p| p.len() + 1).sum());
        let ends = parts.map(|part| {
            text.extend_from_slice(part);
            text.push(0);
            // Arguments end within 8192 bytes, as `decode` sees to.
            (text.len() - 1) as u16
        });
        Job {
            text: text.into_boxed_slice(),
            ends,
            workload: Owned::new(),
            conn,
            life,
            finished: false,
            running: 0,
        }
    }

    fn part(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { usize::from(self.ends[index - 1]) + 1 };
        &self.text[start..usize::from(self.ends[index])]
    }

    /// The job handle. A NUL follows.
    pub fn handle(&self) -> &[u8] {
        self.part(0)
    }

    /// The function's name as it is on the wire. A NUL follows.
    pub fn function(&self) -> &[u8] {
        self.part(1)
    }

    /// The unique id, empty when the server was not asked for it. A NUL follows.
    pub fn unique(&self) -> &[u8] {
        self.part(2)
    }

    /// The function that results are to be sent through, empty without one. A
    /// NUL follows.
    pub fn reducer(&self) -> &[u8] {
        self.part(3)
    }

    /// Whether a final packet was sent.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}
