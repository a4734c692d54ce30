//! Waiting for several descriptors at once, until a time.
//!
//! Must not: read or write.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Input,
    Room,
}

/// Waits until a descriptor is ready, a time has come or a signal has. Returns
/// which are ready.
///
/// # Errors
/// When the system has no memory for it.
pub(crate) fn wait(
    descriptors: &[(BorrowedFd<'_>, For)],
    until: Option<Instant>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|(fd, what)| {
            let flags = match what {
                For::Input => PollFlags::IN,
                For::Room => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(*fd, flags)
        })
        .collect();
    let left = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(&mut polled, left.as_ref()) {
        // Ends and errors are found by reading and writing.
        Ok(_) => Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(Errno::INTR) => Ok(vec![false; polled.len()]),
        Err(error) => Err(error.into()),
    }
}

/// The first of several times, of which any may be never.
pub(crate) fn first(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}

/// A pause that is up to a fifth longer, by chance: programs that lost a server
/// together must not all come back together.
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
