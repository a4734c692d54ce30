//! The timer of the event loop, a timerfd that the poller watches.
//!
//! A poller with a timeout sets and clears a kernel timer for each wait. Under load
//! something is due within milliseconds at any time and has mostly happened before its
//! time: those timers never fire, and setting them is a good part of the cost of a job.
//! This timer is set again only for an earlier time than it is set for, so it may fire
//! for something that is no longer due.
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
    /// When it fires.
    set_for: Option<Instant>,
}

impl TimerFd {
    /// A timer that is not set. The poller reports it with this token.
    ///
    /// # Errors
    /// When the system refuses to create or to watch it.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<TimerFd> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
        Ok(TimerFd { descriptor, set_for: None })
    }

    /// Makes it fire at this time or earlier. Returns false, and sets nothing, if the
    /// time has passed.
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
        // Setting it clears an expiration: the descriptor need not be read.
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

    const FIRED: Token = Token(7);

    /// A timer and its poller.
    struct Polled {
        poll: Poll,
        timer: TimerFd,
    }

    impl Polled {
        fn new() -> Polled {
            let poll = Poll::new().expect("a poller");
            let timer = TimerFd::new(poll.registry(), FIRED).expect("a timer");
            Polled { poll, timer }
        }

        /// Waits until it fires, and returns the time.
        fn wait(&mut self) -> Instant {
            let mut events = Events::with_capacity(8);
            self.poll.poll(&mut events, None).expect("waits");
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [FIRED]);
            self.timer.fired();
            Instant::now()
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    #[test]
    fn a_timer_fires_when_due_and_can_be_set_again() {
        let mut polled = Polled::new();
        for _ in 0..3 {
            let due = soon();
            assert!(polled.timer.fire_by(due).expect("sets it"));
            assert!(polled.wait() >= due);
        }
    }

    #[test]
    fn the_earliest_time_that_a_timer_is_set_for_counts() {
        let mut polled = Polled::new();
        let (early, late) = (soon(), Instant::now() + Duration::from_secs(3600));
        for due in [late, early, late] {
            assert!(polled.timer.fire_by(due).expect("sets it"));
        }
        assert_eq!(polled.timer.set_for, Some(early));
        assert!(polled.wait() >= early);
    }

    #[test]
    fn a_timer_is_not_set_for_the_past() {
        let mut polled = Polled::new();
        assert!(!polled.timer.fire_by(Instant::now()).expect("asks"));
        assert_eq!(polled.timer.set_for, None);
    }

    #[test]
    fn a_timer_that_fired_does_not_fire_again() {
        let mut polled = Polled::new();
        assert!(polled.timer.fire_by(soon()).expect("sets it"));
        polled.wait();
        let mut events = Events::with_capacity(8);
        polled.poll.poll(&mut events, Some(Duration::ZERO)).expect("looks");
        assert!(events.is_empty());
    }
}
