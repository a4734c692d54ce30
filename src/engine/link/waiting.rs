//! How calls wait for connections without sleeping themselves.
//!
//! A `poll_*` function that returns `Pending` has left the deadline of the wait
//! that it needs in the link. Its caller returns `Pending` in turn, the outermost
//! layer waits (`capi` by [`Link::begin_wait`], everything else by
//! [`Link::sleep`]), and the call is made again, with the same arguments.
//!
//! Must not: sleep, but in the three functions that say so.

use super::{ConnState, Link};
use crate::ReturnCode;
use crate::at;
use gearman_net::{MioNet, Transport, WAKE_KEY, WaitCall, Waited};
use std::io;
use std::task::{Poll, ready};
use std::time::Instant;

/// How waiting went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Something can be done.
    Ready,
    /// The deadline has passed.
    TimedOut,
    /// A signal came, and signals are to end waits.
    Interrupted,
    /// The wake-up pipe was written to.
    Woken,
}

impl<T: Transport> Link<T> {
    /// Whether something can be done, or `until` has come. Notices remembered
    /// readiness first.
    ///
    /// # Errors
    /// The poller's.
    #[inline(always)]
    pub fn poll_wait(&mut self, until: Option<Instant>) -> Poll<Result<Wait, ReturnCode>> {
        if self.conns.iter().any(|c| c.readable || c.writable) {
            return Poll::Ready(Ok(Wait::Ready));
        }
        self.poll_outcome(until)
    }

    /// Whether one connection is ready, or `until` has come. What others have become
    /// ready for is remembered.
    ///
    /// # Errors
    /// The poller's.
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

    /// What the wait brought beside ready connections. `Pending` asks for a wait. A
    /// signal asks for another one, unless signals end waits.
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

    /// Asks for a wait that ends at `until`.
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

    /// Notes how the wait ended that a call has asked for.
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

    /// Whether the wake-up pipe was reported and no wait has said so yet.
    #[inline]
    pub fn is_woken(&self) -> bool {
        self.woken
    }

    /// Forgets a wait whose call will not be made again.
    pub fn forget_wait(&mut self) {
        self.outcome = None;
    }

    /// When the wait has to end that the call which returned `Pending` has asked for.
    pub fn wait_deadline(&self) -> Option<Instant> {
        self.waits_until
    }

    /// Sleeps as the call that returned `Pending` has asked for.
    pub fn sleep(&mut self) {
        self.sleep_until(self.waits_until);
    }

    /// Sleeps until something has come, or `until`.
    #[inline(always)]
    pub fn sleep_until(&mut self, until: Option<Instant>) {
        let outcome = self.net.wait(until);
        self.waited(outcome);
    }

    /// Sleeps until something can be done or `until` has come.
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

    /// Sleeps until one connection is ready or `until` has come.
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
                // An attempt to connect that failed may only be readable.
                conn.writable |= ready.writable || conn.state == ConnState::Connecting;
            }
        }
    }

    /// Has attempts to connect that take too long looked at by the next step.
    pub fn end_attempts(&mut self) {
        let now = self.net.now();
        for conn in &mut self.conns {
            conn.writable |= conn.deadline.is_some_and(|d| d <= now);
        }
    }

    /// Whether a wait makes sense: a connection is marked as expected to bring something,
    /// and none has brought what no call has looked at yet.
    pub fn expects_any(&self) -> bool {
        let conns = &self.conns;
        conns.iter().any(|conn| conn.expected) && !conns.iter().any(|conn| conn.reported)
    }

    /// Whether something has come on a connection that is marked as expected to bring it:
    /// the helper of non-blocking mode. What comes on others is remembered, and the wait
    /// goes on. `TimedOut` when `grace` has come.
    ///
    /// What has come is reported once, and then has to be looked at by another call.
    ///
    /// # Errors
    /// `NO_ACTIVE_FDS` when there is nothing to wait for, `TIMEOUT`, and the poller's.
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
            // An attempt to connect that takes too long is news: the next run tries the
            // next server.
            Wait::TimedOut if is_over(connect) && grace.is_none_or(|g| connect < Some(g)) => {
                self.end_attempts();
                Ok(Wait::Ready)
            }
            Wait::TimedOut if !is_over(grace) => Err(self.timed_out()),
            wait => Ok(wait),
        })
    }

    /// What a wait would bring that takes no time.
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
    /// The system call of the wait that a call has asked for, to be made with nothing
    /// of the link borrowed; its result goes to [`Link::end_wait`]. None when it
    /// cannot be made: the call will say why.
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

    /// Notes what the system call returned.
    #[inline]
    pub fn end_wait(&mut self, result: i32) {
        match self.net.end_wait(result) {
            Ok(Waited::Ready) => self.note_ready(),
            other => self.ended_unready(other),
        }
    }
}

/// The deadline of one wait: set when it begins, and kept while other events
/// interrupt it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit(Option<Option<Instant>>);

impl Limit {
    /// The deadline of the wait that goes on, or of one that begins now.
    pub fn or_begin(&mut self, begin: impl FnOnce() -> Option<Instant>) -> Option<Instant> {
        *self.0.get_or_insert_with(begin)
    }

    /// Whether a wait goes on.
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// The wait is over.
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
