//! [`KeepaliveTime`]: after which time a peer whose host has vanished is noticed.
//!
//! Must not: report errors; a connection works without it.

use std::os::fd::RawFd;

/// The time after which a peer that acknowledges nothing is given up, idle or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepaliveTime {
    /// In seconds; 0 leaves the times to the system.
    seconds: u16,
}

/// Two minutes.
impl Default for KeepaliveTime {
    fn default() -> KeepaliveTime {
        KeepaliveTime { seconds: 120 }
    }
}

/// The system's settings of one socket.
#[derive(Debug, PartialEq, Eq)]
struct SocketTimes {
    /// Seconds without a packet before the first probe.
    idle_s: i32,
    /// Seconds between probes.
    interval_s: i32,
    /// Probes without an answer after which the connection is broken.
    probes: i32,
    /// Milliseconds without an acknowledgement after which the connection is broken.
    unacknowledged_ms: i32,
}

impl KeepaliveTime {
    /// The shortest time: a second of silence, and one for the answer to a probe.
    const MIN_SECONDS: u16 = 2;
    /// The longest time that Linux takes.
    const MAX_SECONDS: u16 = 32_767;

    /// From seconds: 0 for the times of the system, or 2 to 32767.
    pub fn from_seconds(seconds: u32) -> Option<KeepaliveTime> {
        let seconds = u16::try_from(seconds).ok()?;
        let is_valid = seconds == 0 || (Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds);
        is_valid.then_some(KeepaliveTime { seconds })
    }

    /// In seconds; 0 for the times of the system.
    pub fn seconds(self) -> u16 {
        self.seconds
    }

    /// Half of the time, more or less, is left for probes: six, or one a second if there is less.
    fn times(self) -> Option<SocketTimes> {
        let seconds = i32::from(self.seconds);
        if seconds == 0 {
            return None;
        }
        let interval_s = (seconds / 12).max(1);
        let probes = (seconds / 2 / interval_s).min(6);
        let idle_s = seconds - interval_s * probes;
        assert!(idle_s > 0 && probes > 0, "{seconds} s are at least {}", Self::MIN_SECONDS);
        Some(SocketTimes { idle_s, interval_s, probes, unacknowledged_ms: seconds * 1000 })
    }

    /// Sets a TCP socket's options.
    ///
    /// `TCP_USER_TIMEOUT` also ends a connection whose peer has not read for that time. Servers
    /// read at once, so it harms no one here.
    pub(super) fn set(self, fd: RawFd) {
        set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
        let Some(times) = self.times() else { return };
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, times.idle_s);
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, times.interval_s);
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, times.probes);
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, times.unacknowledged_ms);
    }
}

fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option is read from `value`, with its size, during the call.
    unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_two_minutes_half_of_it_for_probes() {
        let times =
            SocketTimes { idle_s: 60, interval_s: 10, probes: 6, unacknowledged_ms: 120_000 };
        assert_eq!(KeepaliveTime::default().times(), Some(times));
    }

    #[test]
    fn silence_and_probes_together_are_the_time() {
        for seconds in (2..=400).chain([32_767]) {
            let times = KeepaliveTime::from_seconds(seconds).and_then(KeepaliveTime::times);
            let times = times.expect("a valid time");
            let together = times.idle_s + times.interval_s * times.probes;
            assert_eq!(together, i32::try_from(seconds).expect("small"), "{times:?}");
            assert!(times.idle_s <= 32_767 && times.probes <= 6, "{times:?}");
        }
    }

    #[test]
    fn a_time_that_the_system_does_not_take_is_refused() {
        for seconds in [1, 32_768, 65_536, u32::MAX] {
            assert_eq!(KeepaliveTime::from_seconds(seconds), None, "{seconds}");
        }
        assert_eq!(KeepaliveTime::from_seconds(0).map(KeepaliveTime::seconds), Some(0));
    }
}
