//! [`Job`]: what a server gave this worker to do.
//!
//! Must not: do I/O.

use crate::buf::Owned;
use crate::protocol::Packet;

/// A workload's memory up to this size is kept for the next job.
const KEPT: usize = 16 * 1024;

/// A job. Its texts and its workload stay where they are until it is removed,
/// and each is followed by a NUL: C holds pointers to them.
#[derive(Debug)]
pub struct Job {
    /// Handle, function, unique id and reducer, a NUL after each.
    text: Vec<u8>,
    /// Where each starts and ends.
    parts: [(u16, u16); 4],
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
    /// A job that stands for nothing yet.
    fn empty() -> Job {
        Job {
            text: Vec::new(),
            parts: [(0, 0); 4],
            workload: Owned::new(),
            conn: 0,
            life: 0,
            finished: false,
            running: 0,
        }
    }

    /// The job of a JOB_ASSIGN packet of any kind, without its body, in the memory
    /// of an earlier one if there is one.
    pub(super) fn new(
        spare: Option<Box<Job>>,
        packet: &Packet<'_>,
        conn: usize,
        life: u32,
    ) -> Box<Job> {
        let mut job = spare.unwrap_or_else(|| Box::new(Job::empty()));
        let (text, ends) = packet.arguments();
        job.text.clear();
        job.text.extend_from_slice(text);
        // What the packet does not have is empty: it stands on the last NUL.
        let last = text.len().saturating_sub(1) as u16;
        let mut start = 0;
        for (index, part) in job.parts.iter_mut().enumerate() {
            *part = match ends.get(index) {
                Some(&end) => (start, end),
                None => (last, last),
            };
            start = part.1 + 1;
        }
        (job.conn, job.life, job.finished, job.running) = (conn, life, false, 0);
        job
    }

    /// Whether its memory is small enough to be kept for the next job.
    pub(super) fn recycle(mut self: Box<Job>) -> Option<Box<Job>> {
        self.workload.clear();
        (self.workload.capacity() <= KEPT).then_some(self)
    }

    fn part(&self, index: usize) -> &[u8] {
        let (start, end) = self.parts[index];
        &self.text[usize::from(start)..usize::from(end)]
    }

    /// The job handle. A NUL follows.
    pub fn handle(&self) -> &[u8] {
        self.part(0)
    }

    /// The job handle with its NUL.
    pub(super) fn handle_and_nul(&self) -> &[u8] {
        &self.text[..usize::from(self.parts[0].1) + 1]
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
