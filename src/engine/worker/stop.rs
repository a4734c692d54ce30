//! Stop requests: bytes that another thread or a signal handler writes to the wake-up pipe.
//!
//! Must not: drop a request, which holds for every later call.

use super::Worker;
use crate::ReturnCode;
use crate::slab::SlabId;
use gearman_net::{MioNet, Transport};
use std::os::fd::RawFd;

/// The byte for "finish the current job, then stop".
pub const STOP_GRACEFUL: u8 = b'1';
/// The byte for "stop".
pub const STOP_NOW: u8 = b'0';

/// A stop request. The stronger one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    Graceful,
    Now,
}

impl Stop {
    fn from_byte(byte: u8) -> Stop {
        if byte == STOP_NOW { Stop::Now } else { Stop::Graceful }
    }

    fn byte(self) -> u8 {
        match self {
            Stop::Graceful => STOP_GRACEFUL,
            Stop::Now => STOP_NOW,
        }
    }

    pub(super) fn code(self) -> ReturnCode {
        match self {
            Stop::Graceful => ReturnCode::SHUTDOWN_GRACEFUL,
            Stop::Now => ReturnCode::SHUTDOWN,
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Reads the wake-up pipe. The strongest request is written back, since `gearman_kill`
    /// with CHECK looks for one there.
    pub(super) fn note_stop(&mut self) {
        let before = self.stop;
        let mut any = false;
        while let Some(byte) = self.link.net.take_wake() {
            any = true;
            self.stop = self.stop.max(Some(Stop::from_byte(byte)));
        }
        if let Some(stop) = self.stop.filter(|_| any || before.is_some()) {
            self.link.net.put_wake(stop.byte());
        }
    }

    /// Whether GRAB_JOB is outstanding, or a received job is not returned yet.
    pub(super) fn may_bring_job(&self, key: usize) -> bool {
        let came = |&id: &SlabId| self.jobs.get(id).is_some_and(|job| job.conn == key);
        self.servers[key].awaits_job() || self.ready.iter().any(came)
    }

    /// Gives jobs that this worker will not run back to their servers, by closing the
    /// connections that no running job needs.
    pub(super) fn return_unclaimed_jobs(&mut self) {
        for key in 0..self.servers.len() {
            if self.may_bring_job(key) && !self.has_unfinished_jobs(key) {
                self.disconnect(key);
            }
        }
    }
}

impl Worker<MioNet> {
    /// The read and the write end of the wake-up pipe. None if a forked child could not
    /// create its own.
    pub fn wake_fds(&mut self) -> Option<(RawFd, RawFd)> {
        self.check_fork();
        self.link.net.wake_pipe().map(|pipe| (pipe.read_fd(), pipe.write_fd()))
    }
}
