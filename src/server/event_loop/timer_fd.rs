//! The timer that the poller watches beside the connections.
//!
//! A poller that is told how long to wait sets a timer of the kernel's for each wait,
//! and clears it. While jobs come by the thousand something is always due within
//! milliseconds, and has mostly happened by then: those timers never ring, and cost a
//! good part of what a job costs. This one is set only for something earlier than what
//! it is set for already. It may ring for something that is not there any more.
//!
//! Must not: know what is due.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The timer of an event loop.
pub(super) struct TimerFd {
    descriptor: OwnedFd,
    /// When it rings.
    set_for: Option<Instant>,
}

impl TimerFd {
    /// A timer that is not set, and whose ringing is an event with this token.
    ///
    /// # Errors
    /// When the system has no timer to give, or refuses to watch it.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<TimerFd> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
        Ok(TimerFd { descriptor, set_for: None })
    }

    /// Has it ring at this time at the latest. Returns false if that is past: then
    /// nothing is set, for it is no time to wait.
    ///
    /// # Errors
    /// As the system call.
    pub(super) fn fire_by(&mut self, due: Instant) -> io::Result<bool> {
        if self.set_for.is_some_and(|set_for| set_for <= due) {
            return Ok(true);
        }
        let left = due.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return Ok(false);
        }
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() },
        };
        // Setting it also takes back that it has rung: it need not be read.
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        self.set_for = Some(due);
        Ok(true)
    }

    /// Notes that it fired.
    pub(super) fn fired(&mut self) {
        self.set_for = None;
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;

    const RING: Token = Token(7);

    /// A timer and its poller.
    struct Room {
        poll: Poll,
        timer: TimerFd,
    }

    impl Room {
        fn new() -> Room {
            let poll = Poll::new().expect("a poller");
            let timer = TimerFd::new(poll.registry(), RING).expect("a timer");
            Room { poll, timer }
        }

        /// Waits until it rings; returns when that was.
        fn wait(&mut self) -> Instant {
            let mut events = Events::with_capacity(8);
            self.poll.poll(&mut events, None).expect("waits");
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [RING]);
            self.timer.fired();
            Instant::now()
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    #[test]
    fn it_rings_when_it_is_time_and_can_be_set_again() {
        let mut room = Room::new();
        for _ in 0..3 {
            let due = soon();
            assert!(room.timer.fire_by(due).expect("sets it"));
            assert!(room.wait() >= due);
        }
    }

    #[test]
    fn the_earliest_of_what_it_was_set_for_counts() {
        let mut room = Room::new();
        let (early, late) = (soon(), Instant::now() + Duration::from_secs(3600));
        for due in [late, early, late] {
            assert!(room.timer.fire_by(due).expect("sets it"));
        }
        assert_eq!(room.timer.set_for, Some(early));
        assert!(room.wait() >= early);
    }

    #[test]
    fn it_is_not_set_for_the_past() {
        let mut room = Room::new();
        assert!(!room.timer.fire_by(Instant::now()).expect("asks"));
        assert_eq!(room.timer.set_for, None);
    }

    #[test]
    fn what_it_rang_for_does_not_ring_again() {
        let mut room = Room::new();
        assert!(room.timer.fire_by(soon()).expect("sets it"));
        room.wait();
        let mut events = Events::with_capacity(8);
        room.poll.poll(&mut events, Some(Duration::ZERO)).expect("looks");
        assert!(events.is_empty());
    }
}
