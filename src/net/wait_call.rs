//! [`WaitCall`]: the system call of a wait, separate from the poller that it waits for.
//!
//! A thread can be cancelled while it waits: glibc then unwinds its stack from inside the
//! call, and the unwound frames must not have destructors. So the outermost layer makes
//! the call, with only this plain value alive.
//!
//! mio creates the poller and registers descriptors; only the waiting is done here. It
//! relies on mio storing a descriptor's token in its events, which a test checks.
//!
//! Must not: be kept longer than the poller and the memory for its events.

use super::{Ready, uncancelled};
use libc::{c_int, c_short, epoll_event, nfds_t, pollfd};
use std::os::fd::RawFd;
use std::time::Instant;

unsafe extern "C-unwind" {
    // The declarations of the crate libc do not allow unwinding out of them.
    fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int;
    fn epoll_wait(epfd: c_int, events: *mut epoll_event, max: c_int, timeout: c_int) -> c_int;
}

/// One wait of one poller. Plain data without a destructor.
#[derive(Clone, Copy, Debug)]
pub struct WaitCall {
    poller: RawFd,
    events: *mut epoll_event,
    events_max: c_int,
    /// -1 for no limit.
    timeout_ms: c_int,
}

impl WaitCall {
    #[inline(always)]
    pub(super) fn new(
        poller: RawFd,
        events: &mut [epoll_event],
        until: Option<Instant>,
    ) -> WaitCall {
        WaitCall {
            poller,
            events: events.as_mut_ptr(),
            events_max: events.len() as c_int,
            timeout_ms: until.map_or(-1, milliseconds_to),
        }
    }

    /// Waits. Returns the number of events found, 0 after the deadline, or the negated
    /// `errno` of a failed call. A cancellation point: the thread may be cancelled here,
    /// unless its cancellation is disabled.
    #[inline(always)]
    pub fn make(self) -> c_int {
        // SAFETY: `MioNet` keeps the descriptor open and the events in place until its
        // `end_wait` is given the result.
        or_error(unsafe { epoll_wait(self.poller, self.events, self.events_max, self.timeout_ms) })
    }

    /// As `make`, but not a cancellation point: for waits inside the engine.
    #[inline(always)]
    pub(super) fn make_here(self) -> c_int {
        // SAFETY: as in `make`.
        or_error(unsafe {
            uncancelled::wait(self.poller, self.events, self.events_max, self.timeout_ms)
        })
    }
}

/// Waits for events on one descriptor, for at most `timeout_ms` milliseconds, or without a
/// limit if that is negative. Returns the events, 0 after the timeout, or `None` after a
/// failed call, with `errno` set. A cancellation point, and safe in a signal handler.
pub fn wait_for(fd: RawFd, events: c_short, timeout_ms: c_int) -> Option<c_short> {
    let mut one = pollfd { fd, events, revents: 0 };
    // SAFETY: `one` is a valid pollfd, owned by this frame during the call.
    (unsafe { poll(&raw mut one, 1, timeout_ms) } >= 0).then_some(one.revents)
}

/// The result of a system call, or its negated `errno`.
#[inline(always)]
fn or_error(found: c_int) -> c_int {
    if found >= 0 {
        return found;
    }
    // SAFETY: glibc returns a valid pointer to the calling thread's errno.
    unsafe { -*libc::__errno_location() }
}

/// Milliseconds until a deadline, rounded up: a wait that ends early is repeated.
fn milliseconds_to(until: Instant) -> c_int {
    let left = until.saturating_duration_since(Instant::now());
    c_int::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

/// An event of epoll as [`Ready`].
#[inline(always)]
pub(super) fn ready(event: &epoll_event) -> Ready {
    // The structure is packed on some machines: fields are copied, not borrowed.
    let (bits, key) = (event.events as c_int, event.u64 as usize);
    let has = |wanted: c_int| bits & wanted != 0;
    let broken = has(libc::EPOLLERR);
    let closed = has(libc::EPOLLHUP) || has(libc::EPOLLRDHUP) || broken;
    Ready {
        key,
        readable: has(libc::EPOLLIN) || closed,
        writable: has(libc::EPOLLOUT) || has(libc::EPOLLHUP) || broken,
        closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WAKE_KEY;
    use mio::unix::SourceFd;
    use mio::{Interest, Poll, Token};
    use std::io::{Write, pipe};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    #[test]
    fn an_events_key_is_the_token_that_mio_registered() {
        let poll = Poll::new().expect("a poller");
        let (reader, mut writer) = pipe().expect("a pipe");
        let mut events = [epoll_event { events: 0, u64: 0 }; 2];
        for key in [0, 7, WAKE_KEY] {
            let fd = reader.as_raw_fd();
            let registry = poll.registry();
            registry
                .register(&mut SourceFd(&fd), Token(key), Interest::READABLE)
                .expect("registers");
            writer.write_all(b"x").expect("room");
            let call = WaitCall::new(poll.as_raw_fd(), &mut events, None);
            assert_eq!(call.make(), 1);
            let wanted = Ready { key, readable: true, writable: false, closed: false };
            assert_eq!(ready(&events[0]), wanted);
            registry.deregister(&mut SourceFd(&fd)).expect("deregisters");
        }
    }

    #[test]
    fn a_connection_whose_peer_has_closed_is_readable_and_closed() {
        let poll = Poll::new().expect("a poller");
        let (reader, writer) = pipe().expect("a pipe");
        let fd = reader.as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), Token(3), Interest::READABLE)
            .expect("registers");
        drop(writer);
        let mut events = [epoll_event { events: 0, u64: 0 }; 2];
        let call = WaitCall::new(poll.as_raw_fd(), &mut events, None);
        assert_eq!(call.make(), 1);
        let event = ready(&events[0]);
        assert!(event.key == 3 && event.readable && event.closed);
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_returns_the_errno_of_a_failure() {
        let poll = Poll::new().expect("a poller");
        let mut events = [epoll_event { events: 0, u64: 0 }; 1];
        let soon = Some(Instant::now() + Duration::from_millis(2));
        assert_eq!(WaitCall::new(poll.as_raw_fd(), &mut events, soon).make(), 0);
        assert!(soon.is_some_and(|t| t <= Instant::now()));
        assert_eq!(WaitCall::new(-1, &mut events, None).make(), -libc::EBADF);
    }
}
