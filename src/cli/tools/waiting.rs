//! Waiting for several descriptors at once, with a deadline.
//!
//! Must not: read or write.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The event to wait for on a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitFor {
    Readable,
    Writable,
}

/// Waits until a descriptor is ready, the deadline has passed, or a signal has arrived.
/// Returns for each descriptor whether it is ready.
///
/// # Errors
/// When the system is out of memory.
pub(crate) fn wait(
    descriptors: &[(BorrowedFd<'_>, WaitFor)],
    deadline: Option<Instant>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|(fd, what)| {
            let flags = match what {
                WaitFor::Readable => PollFlags::IN,
                WaitFor::Writable => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(*fd, flags)
        })
        .collect();
    let left = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(&mut polled, left.as_ref()) {
        // A closed or broken descriptor is ready: reading and writing find out.
        Ok(_) => Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(Errno::INTR) => Ok(vec![false; polled.len()]),
        Err(error) => Err(error.into()),
    }
}

/// The earliest of several deadlines, each of which may be absent.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}

/// A pause made longer by a random time of up to a fifth, so that the programs that lost
/// a server do not all reconnect at the same time.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause + pause / 5 * u32::from(gearman_net::random() as u8) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittered_pause_is_a_fifth_longer_at_most() {
        for pause in [Duration::from_millis(100), Duration::from_secs(5)] {
            let jittered = jittered(pause);
            assert!((pause..=pause + pause / 5).contains(&jittered), "{jittered:?}");
        }
    }
}
