//! Waiting for connections without blocking inside a call.
//!
//! A `poll_*` function that returns `Pending` has stored the deadline of the wait that it
//! needs in the link. Its callers return `Pending` too. The outermost layer waits (`capi`
//! with [`Link::begin_wait`], other callers with [`Link::sleep`]) and repeats the call with
//! the same arguments.
//!
//! Must not: block, except in `sleep`, `sleep_until`, `wait` and `wait_on`.

use super::{ConnState, Link};
use crate::ReturnCode;
use crate::at;
use gearman_net::{MioNet, Transport, WAKE_KEY, WaitCall, Waited};
use std::io;
use std::task::{Poll, ready};
use std::time::Instant;

/// The result of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A connection is ready.
    Ready,
    /// The deadline has passed.
    TimedOut,
    /// A signal arrived, and `stop_on_signal` is set.
    Interrupted,
    /// The wake-up pipe was written to.
    Woken,
}

impl<T: Transport> Link<T> {
    /// Whether a connection is ready or `until` has passed. Readiness noted by an earlier
    /// wait counts.
    ///
    /// # Errors
    /// The poller's error.
    #[inline(always)]
    pub fn poll_wait(&mut self, until: Option<Instant>) -> Poll<Result<Wait, ReturnCode>> {
        if self.conns.iter().any(|c| c.readable || c.writable) {
            return Poll::Ready(Ok(Wait::Ready));
        }
        self.poll_outcome(until)
    }

    /// As [`Link::poll_wait`], for a caller that has looked whether a connection is ready.
    ///
    /// # Errors
    /// The poller's error.
    #[inline(always)]
    pub fn poll_event(&mut self, until: Option<Instant>) -> Poll<Result<Wait, ReturnCode>> {
        self.poll_outcome(until)
    }

    /// Whether one connection is ready or `until` has passed. The readiness of others is
    /// noted for later.
    ///
    /// # Errors
    /// The poller's error.
    #[inline(always)]
    pub fn poll_wait_on(
        &mut self,
        key: usize,
        until: Option<Instant>,
    ) -> Poll<Result<Wait, ReturnCode>> {
        let conn = &self.conns[key];
        if conn.readable || conn.writable {
            return Poll::Ready(Ok(Wait::Ready));
        }
        self.poll_outcome(until)
    }

    /// The result of the last wait, unless it only reported ready connections. Without one,
    /// requests a wait and returns `Pending`; so does a signal, unless `stop_on_signal` is
    /// set.
    #[inline(always)]
    fn poll_outcome(&mut self, until: Option<Instant>) -> Poll<Result<Wait, ReturnCode>> {
        if (self.woken || self.outcome.is_some())
            && let Some(wait) = self.wait_outcome(until)?
        {
            return Poll::Ready(Ok(wait));
        }
        self.request_wait(until);
        Poll::Pending
    }

    /// Requests a wait that ends at `until`.
    #[inline(always)]
    pub fn request_wait(&mut self, until: Option<Instant>) {
        self.waits_until = until;
    }

    #[cold]
    #[inline(never)]
    fn wait_outcome(&mut self, until: Option<Instant>) -> Result<Option<Wait>, ReturnCode> {
        let outcome = self.outcome.take();
        if std::mem::take(&mut self.woken) {
            return Ok(Some(Wait::Woken));
        }
        match outcome {
            Some(Ok(Waited::Interrupted)) if self.settings.stop_on_signal => {
                Ok(Some(Wait::Interrupted))
            }
            Some(Ok(_)) => {
                let over = until.is_some_and(|t| t <= self.net.now());
                Ok(over.then_some(Wait::TimedOut))
            }
            Some(Err(e)) => Err(self.error.set_io(&e, at!("gearman_wait"), "poll")),
            None => Ok(None),
        }
    }

    /// Stores the result of the requested wait.
    #[inline(always)]
    pub fn waited(&mut self, outcome: io::Result<Waited>) {
        match outcome {
            Ok(Waited::Ready) => self.note_ready(),
            other => self.ended_unready(other),
        }
    }

    #[cold]
    #[inline(never)]
    fn ended_unready(&mut self, outcome: io::Result<Waited>) {
        self.outcome = Some(outcome);
    }

    /// Whether the wake-up pipe was reported and no wait has returned `Woken` since.
    #[inline]
    pub fn is_woken(&self) -> bool {
        self.woken
    }

    /// Drops the result of a wait whose call will not be repeated.
    pub fn forget_wait(&mut self) {
        self.outcome = None;
    }

    /// The deadline of the requested wait.
    pub fn wait_deadline(&self) -> Option<Instant> {
        self.waits_until
    }

    /// Sleeps for the wait that a pending call requested.
    pub fn sleep(&mut self) {
        self.sleep_until(self.waits_until);
    }

    /// Sleeps until something happens or `until` has passed.
    #[inline(always)]
    pub fn sleep_until(&mut self, until: Option<Instant>) {
        let outcome = self.net.wait(until);
        self.waited(outcome);
    }

    /// Sleeps until a connection is ready or `until` has passed.
    ///
    /// # Errors
    /// As [`Link::poll_wait`].
    pub fn wait(&mut self, until: Option<Instant>) -> Result<Wait, ReturnCode> {
        loop {
            match self.poll_wait(until) {
                Poll::Ready(wait) => return wait,
                Poll::Pending => self.sleep(),
            }
        }
    }

    /// Sleeps until one connection is ready or `until` has passed.
    ///
    /// # Errors
    /// As [`Link::poll_wait_on`].
    pub fn wait_on(&mut self, key: usize, until: Option<Instant>) -> Result<Wait, ReturnCode> {
        loop {
            match self.poll_wait_on(key, until) {
                Poll::Ready(wait) => return wait,
                Poll::Pending => self.sleep(),
            }
        }
    }

    #[inline(always)]
    fn note_ready(&mut self) {
        for ready in self.net.ready() {
            if ready.key == WAKE_KEY {
                self.woken = true;
            } else if let Some(conn) = self.conns.get_mut(ready.key) {
                conn.readable |= ready.readable && conn.state == ConnState::Up;
                conn.closed |= ready.closed && conn.state == ConnState::Up;
                // A failed attempt to connect may be reported as readable only.
                conn.writable |= ready.writable || conn.state == ConnState::Connecting;
            }
        }
    }

    /// Records that the timeout has expired.
    #[cold]
    pub fn timed_out(&mut self) -> ReturnCode {
        let polled = self.conns.iter().filter(|c| c.state != ConnState::Down).count();
        let text = format!(
            "timeout reached, {polled} servers were poll(), no servers were available, pipe:{}",
            self.has_wake_pipe
        );
        self.error.set(ReturnCode::TIMEOUT, at!("gearman_wait"), &text)
    }

    /// The earliest connect deadline.
    pub fn connect_deadline(&self) -> Option<Instant> {
        self.conns.iter().filter_map(|c| c.deadline).min()
    }

    /// Marks connections whose connect deadline has passed, so that the next step handles
    /// them.
    pub fn expire_connects(&mut self) {
        let now = self.net.now();
        for conn in &mut self.conns {
            conn.writable |= conn.deadline.is_some_and(|d| d <= now);
        }
    }

    /// Whether `poll_any` has to wait: something is due on a connection, and every reported
    /// connection was served.
    pub fn expects_any(&self) -> bool {
        let conns = &self.conns;
        conns.iter().any(|conn| conn.expected) && !conns.iter().any(|conn| conn.reported)
    }

    /// Whether a connection on which something is due is ready: the wait between two calls
    /// in non-blocking mode. The readiness of other connections is noted, and the wait
    /// continues. `TimedOut` when `grace` has passed.
    ///
    /// A ready connection is reported once; another call then has to serve it.
    ///
    /// # Errors
    /// `NO_ACTIVE_FDS` if nothing is due, `TIMEOUT`, or the poller's error.
    pub fn poll_any(
        &mut self,
        limit: &mut Limit,
        grace: Option<Instant>,
    ) -> Poll<Result<Wait, ReturnCode>> {
        if !self.expects_any() {
            return Poll::Ready(Err(self.error.set(
                ReturnCode::NO_ACTIVE_FDS,
                at!("gearman_wait"),
                "no active file descriptors",
            )));
        }
        let mut any = false;
        for conn in self.conns.iter_mut().filter(|conn| conn.expected && conn.is_ready()) {
            conn.reported = true;
            any = true;
        }
        if any {
            return Poll::Ready(Ok(Wait::Ready));
        }
        let (net, settings) = (&self.net, &self.settings);
        let limit = limit.or_begin(|| settings.deadline(net.now()));
        let connect = self.connect_deadline();
        let wait = ready!(self.poll_outcome(earlier(limit, earlier(connect, grace))))?;
        let is_over = |end: Option<Instant>| end.is_some_and(|e| limit.is_none_or(|l| e < l));
        Poll::Ready(match wait {
            // An expired attempt to connect counts as ready: the next run tries the next
            // server.
            Wait::TimedOut if is_over(connect) && grace.is_none_or(|g| connect < Some(g)) => {
                self.expire_connects();
                Ok(Wait::Ready)
            }
            Wait::TimedOut if !is_over(grace) => Err(self.timed_out()),
            wait => Ok(wait),
        })
    }

    /// Polls once, without waiting.
    ///
    /// # Errors
    /// As [`Link::poll_wait`].
    pub fn poll_now(&mut self) -> Result<Wait, ReturnCode> {
        let now = self.net.now();
        let outcome = self.net.wait(Some(now));
        let ready = matches!(outcome, Ok(Waited::Ready));
        self.waited(outcome);
        match self.poll_outcome(Some(now)) {
            Poll::Ready(wait) => wait,
            Poll::Pending if ready => Ok(Wait::Ready),
            Poll::Pending => Ok(Wait::TimedOut),
        }
    }
}

impl Link<MioNet> {
    /// Prepares the system call of the requested wait. It is made with nothing of the link
    /// borrowed, and its result goes to [`Link::end_wait`]. None if it cannot be prepared;
    /// the repeated call returns the error.
    #[inline]
    pub fn begin_wait(&mut self) -> Option<WaitCall> {
        match self.net.begin_wait(self.waits_until) {
            Ok(call) => Some(call),
            Err(e) => {
                self.outcome = Some(Err(e));
                None
            }
        }
    }

    /// Stores the result of the system call.
    #[inline]
    pub fn end_wait(&mut self, result: i32) {
        match self.net.end_wait(result) {
            Ok(Waited::Ready) => self.note_ready(),
            other => self.ended_unready(other),
        }
    }
}

/// The deadline of one wait, set when the wait begins and kept while other events interrupt
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit(Option<Option<Instant>>);

impl Limit {
    /// The deadline of the current wait, or of one that begins now.
    pub fn or_begin(&mut self, begin: impl FnOnce() -> Option<Instant>) -> Option<Instant> {
        *self.0.get_or_insert_with(begin)
    }

    /// Whether a wait has begun and not ended.
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the wait.
    pub fn end(&mut self) {
        self.0 = None;
    }
}

/// The earlier of two deadlines; None means no deadline.
pub fn earlier<L: Ord>(one: Option<L>, other: Option<L>) -> Option<L> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
