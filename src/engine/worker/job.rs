//! [`AssignedJob`]: what a server gave this worker to do.
//!
//! Must not: do I/O.

use gearman_buf::{OutOfMemory, Owned};
use gearman_protocol::limits::{HEADER_SIZE, MAX_ARGS, MAX_PAYLOAD};
use gearman_protocol::packet::Ends;
use gearman_protocol::{Command, Header, Magic, Packet};

/// Memory up to this size is kept for the next job.
const SPARE_JOB_BYTES_MAX: usize = 16 * 1024;

/// A job. Its texts and its workload stay where they are until it is removed,
/// and each is followed by a NUL: C holds pointers to them.
#[derive(Debug)]
pub struct AssignedJob {
    /// Its packet: the header, then handle, function, unique id and reducer, a NUL
    /// after each, then the body, unless that was received apart. A report about the
    /// job begins with the same bytes but for the header, which is therefore
    /// overwritten with the report's.
    packet: Owned,
    /// Where each of the four ends, 0 for those that the packet did not have.
    ends: Ends,
    /// Where the body starts.
    body_at: usize,
    /// The body that was received apart.
    pub(super) body: Owned,
    /// The connection that it came on, and which generation of that connection: after
    /// a reconnect the server has given the job to somebody else.
    pub(super) conn: usize,
    pub(super) generation: u32,
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

impl AssignedJob {
    /// A job that stands for nothing yet.
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
    /// there is one. Without the body if that has not arrived as a whole.
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

    /// The head of a report about the job, whose body has so many bytes: header
    /// and handle. None when no packet holds that much.
    #[inline(always)]
    pub(super) fn report(&mut self, command: Command, body: usize) -> Option<&[u8]> {
        // The NUL that a body follows.
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

    /// Its memory, if that is small enough to be kept for the next job.
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
            // What the packet did not have is empty: it stands on the last NUL.
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

    /// Takes the workload, if it has memory of its own.
    pub fn take_body(&mut self) -> Option<Owned> {
        (!self.body.is_empty()).then(|| std::mem::take(&mut self.body))
    }

    /// Forgets the workload.
    pub fn drop_workload(&mut self) {
        self.packet.truncate(self.body_at);
        self.body = Owned::new();
    }

    /// The connection that it came on, by the number of its server.
    pub fn connection(&self) -> usize {
        self.conn
    }

    /// The job handle. A NUL follows.
    pub fn handle(&self) -> &[u8] {
        self.part(0)
    }

    /// The function's name as it is on the wire. A NUL follows.
    #[inline]
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

    /// Whether there is such a function.
    #[inline]
    pub fn reduces(&self) -> bool {
        // What the packet did not have ends at 0, before what it had.
        usize::from(self.ends[3]) > usize::from(self.ends[2]) + 1
    }

    /// Whether a final packet was sent.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}
