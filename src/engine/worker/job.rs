//! [`AssignedJob`]: a job that a server assigned to this worker.
//!
//! Must not: do I/O.

use gearman_buf::{OutOfMemory, Owned};
use gearman_protocol::limits::{HEADER_SIZE, MAX_ARGS, MAX_PAYLOAD};
use gearman_protocol::packet::Ends;
use gearman_protocol::{Command, Header, Magic, Packet};

/// Largest packet, in bytes, whose memory is kept for the next job.
const SPARE_JOB_BYTES_MAX: usize = 16 * 1024;

/// A job. Its strings and its workload keep their addresses until it is removed, and each
/// is followed by a NUL: C holds pointers to them.
#[derive(Debug)]
pub struct AssignedJob {
    /// The JOB_ASSIGN packet: the header, then handle, function, unique id and reducer, a
    /// NUL after each, then the body, unless it was received separately. A report about the
    /// job starts with the same handle, so its header overwrites this one.
    packet: Owned,
    /// The end offset of each of the four, 0 for those that the packet does not have.
    ends: Ends,
    /// The offset of the body.
    body_at: usize,
    /// The body, if it was received separately.
    pub(super) body: Owned,
    /// The connection on which it was received, and the generation of that: after a
    /// reconnect the server has given the job to another worker.
    pub(super) conn: usize,
    pub(super) generation: u32,
    /// A final report was sent.
    pub(super) finished: bool,
    /// The ticket number of the function that runs for it; 0 while none does.
    pub(super) running: u32,
}

/// A report about a job.
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
    /// The job is done; the body is the result, or the rest of it.
    Complete,
    /// The job raised an exception, which is the body.
    Exception,
    /// The job has failed.
    Fail,
}

impl Report {
    /// Whether no report can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Report::Complete | Report::Exception | Report::Fail)
    }
}

impl AssignedJob {
    /// An unused job.
    fn empty() -> AssignedJob {
        AssignedJob {
            packet: Owned::new(),
            ends: [0; MAX_ARGS],
            body_at: 0,
            body: Owned::new(),
            conn: 0,
            generation: 0,
            finished: false,
            running: 0,
        }
    }

    /// The job of a JOB_ASSIGN packet of any kind, in the memory of an earlier one if
    /// given. Without the body, if that is not received completely.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline(always)]
    pub(super) fn new(
        spare: Option<Box<AssignedJob>>,
        packet: &Packet<'_>,
        conn: usize,
        generation: u32,
    ) -> Result<Box<AssignedJob>, OutOfMemory> {
        let mut job = spare.unwrap_or_else(|| Box::new(AssignedJob::empty()));
        let bytes = packet.bytes();
        job.packet.clear();
        job.packet.extend(if packet.is_whole() { bytes } else { &bytes[..packet.head_size()] })?;
        job.packet.terminate()?;
        job.ends = packet.ends();
        job.body_at = packet.head_size();
        (job.conn, job.generation, job.finished, job.running) = (conn, generation, false, 0);
        Ok(job)
    }

    /// The header and the handle of a report with `body` bytes. None if that exceeds the
    /// size of a packet.
    #[inline(always)]
    pub(super) fn report(&mut self, command: Command, body: usize) -> Option<&[u8]> {
        // The NUL before a body.
        let nul = usize::from(command.spec().body);
        let end = usize::from(self.ends[0]) + nul;
        let size = (end - HEADER_SIZE).saturating_add(body);
        if size > MAX_PAYLOAD as usize {
            return None;
        }
        let header = Header { magic: Magic::Request, command, length: size as u32 };
        let head = &mut self.packet.as_mut_slice()[..end];
        head[..HEADER_SIZE].copy_from_slice(&header.bytes());
        Some(head)
    }

    /// The memory, if it is small enough to be kept for the next job.
    #[inline]
    pub(super) fn recycle(self: Box<AssignedJob>) -> Option<Box<AssignedJob>> {
        let kept = self.packet.capacity() <= SPARE_JOB_BYTES_MAX && self.body.capacity() == 0;
        kept.then_some(self)
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        let start = if index == 0 { HEADER_SIZE } else { usize::from(self.ends[index - 1]) + 1 };
        let packet = self.packet.as_slice();
        match packet.get(start..usize::from(self.ends[index])) {
            Some(part) => part,
            // A field that the packet does not have is an empty slice at the last NUL.
            None => &packet[self.body_at - 1..][..0],
        }
    }

    /// The workload. A NUL follows.
    pub fn workload(&self) -> &[u8] {
        if self.body.is_empty() {
            &self.packet.as_slice()[self.body_at..]
        } else {
            self.body.as_slice()
        }
    }

    /// Takes the workload, if it was received separately.
    pub fn take_body(&mut self) -> Option<Owned> {
        (!self.body.is_empty()).then(|| std::mem::take(&mut self.body))
    }

    /// Drops the workload.
    pub fn drop_workload(&mut self) {
        self.packet.truncate(self.body_at);
        self.body = Owned::new();
    }

    /// The index of the server that assigned it.
    pub fn connection(&self) -> usize {
        self.conn
    }

    /// The job handle. A NUL follows.
    pub fn handle(&self) -> &[u8] {
        self.part(0)
    }

    /// The function name on the wire. A NUL follows.
    #[inline]
    pub fn function(&self) -> &[u8] {
        self.part(1)
    }

    /// The unique id, empty if the server was not asked for it. A NUL follows.
    pub fn unique(&self) -> &[u8] {
        self.part(2)
    }

    /// The name of the reducer, empty without one. A NUL follows.
    pub fn reducer(&self) -> &[u8] {
        self.part(3)
    }

    /// Whether the job has a reducer.
    #[inline]
    pub fn reduces(&self) -> bool {
        // A field that the packet does not have ends at 0.
        usize::from(self.ends[3]) > usize::from(self.ends[2]) + 1
    }

    /// Whether a final report was sent.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}
