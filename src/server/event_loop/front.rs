//! What comes from the thread that speaks HTTP. A call is to the broker a
//! connection like any other, but has no socket here.
//!
//! Must not: know HTTP.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::Receiver;

use mio::Waker;
use rustix::net::sockopt;
use tokio::sync::oneshot;

use super::{FRONT, Server};
use crate::http::{Caller, Figures, Front, Limits, Link, Listeners, Phase, Request};
use crate::log::Level;
use gearman_broker::{Broker, ConnectionKey, CursorStep, FunctionCursor, FunctionView};
use gearman_session::Bridge;

/// Requests that are handled in one turn.
const REQUESTS: usize = 256;
/// Functions that are counted in one turn.
const FUNCTIONS: usize = 500;

/// The calls.
#[derive(Default)]
pub(crate) struct Callers {
    /// By the place of their key in the broker.
    by_place: HashMap<usize, (ConnectionKey, Caller)>,
    keys: HashMap<u64, ConnectionKey>,
}

impl Callers {
    fn insert(&mut self, key: ConnectionKey, caller: Caller) {
        self.keys.insert(caller.number, key);
        self.by_place.insert(key.index(), (key, caller));
    }

    fn remove(&mut self, number: u64) -> Option<ConnectionKey> {
        let key = self.keys.remove(&number)?;
        self.by_place.remove(&key.index());
        Some(key)
    }

    /// Forgets all calls: their other ends notice.
    pub(super) fn close(&mut self) {
        *self = Callers::default();
    }
}

impl Bridge for Callers {
    fn send(&mut self, to: ConnectionKey, packet: Vec<u8>, limit: usize) {
        if let Some((key, caller)) = self.by_place.get(&to.index())
            && *key == to
            && !caller.send(packet, limit)
        {
            // Its other end notices, and closes the call.
            self.by_place.remove(&to.index());
        }
    }
}

/// Figures that are being put together.
struct Count {
    cursor: FunctionCursor,
    functions: Vec<FunctionView<Vec<u8>>>,
    to: oneshot::Sender<Figures>,
}

impl Count {
    fn new(to: oneshot::Sender<Figures>) -> Count {
        Count { cursor: FunctionCursor::default(), functions: Vec::new(), to }
    }

    /// Counts a turn's share. Returns whether that was the last.
    fn go_on(&mut self, broker: &Broker) -> bool {
        for _ in 0..FUNCTIONS {
            match self.cursor.next(broker) {
                CursorStep::Item(function) => self.functions.push(function.into_owned()),
                CursorStep::Skip => {}
                CursorStep::End => return true,
            }
        }
        false
    }
}

/// The event loop's side of the front end.
pub(super) struct Desk {
    requests: Receiver<Request>,
    front: Front,
    counts: VecDeque<Count>,
    /// Whether there are requests, as far as is known.
    pub(super) is_called: bool,
}

impl Desk {
    /// A desk at which nobody has called yet.
    pub(super) fn new(front: Front, requests: Receiver<Request>) -> Desk {
        Desk { requests, front, counts: VecDeque::new(), is_called: false }
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        self.is_called || !self.counts.is_empty()
    }

    /// Lets go of everybody who called, and waits until they have heard of it.
    pub(super) fn close(self) {
        let Desk { requests, front, counts, .. } = self;
        drop((requests, counts));
        front.end();
    }
}

impl Server {
    /// Speaks HTTP too, in a thread that starts now.
    ///
    /// # Errors
    /// When the system refuses what that needs.
    pub(crate) fn speak_http(&mut self, listeners: Listeners, limits: Limits) -> io::Result<()> {
        for (name, listeners) in [("HTTP", &listeners.jobs), ("Metrics", &listeners.metrics)] {
            for listener in listeners {
                // What is accepted there inherits both.
                self.keepalive.set(listener);
                let _ = sockopt::set_tcp_nodelay(listener, true);
                let address = listener.local_addr()?;
                self.jobs.journal.write(Level::Info, format_args!("{name} at {address}"));
            }
        }
        let (link, requests) = Link::new(Waker::new(self.poll.registry(), FRONT)?);
        self.desk = Some(Desk::new(Front::start(listeners, limits, link)?, requests));
        Ok(())
    }

    /// Tells the front end which part of its life the server is in.
    pub(super) fn enter(&self, phase: Phase) {
        self.desk.iter().for_each(|desk| desk.front.enter(phase));
    }

    /// Does a turn's share of what was asked for.
    pub(super) fn serve_front(&mut self) {
        let Some(mut desk) = self.desk.take() else { return };
        if std::mem::take(&mut desk.is_called) {
            // Those who wait behind the last of these are not announced again.
            desk.is_called = (0..REQUESTS).all(|_| match desk.requests.try_recv() {
                Ok(request) => {
                    self.take_request(request, &mut desk.counts);
                    true
                }
                Err(_) => false,
            });
        }
        if let Some(count) = desk.counts.front_mut()
            && count.go_on(&self.jobs.broker)
            && let Some(Count { functions, to, .. }) = desk.counts.pop_front()
        {
            let counts = self.jobs.broker.counts();
            let uptime = self.jobs.uptime_seconds();
            let delayed_replies = self.jobs.delayed_reply_counts();
            // Who asked may have gone.
            let _ = to.send(Figures { functions, counts, delayed_replies, uptime });
        }
        self.desk = Some(desk);
    }

    fn take_request(&mut self, request: Request, counts: &mut VecDeque<Count>) {
        match request {
            Request::Open(caller, packets) => self.open_call(caller, &packets),
            Request::Close(number) => {
                if let Some(key) = self.jobs.bridge().remove(number) {
                    self.jobs.disconnect(key);
                }
            }
            Request::Figures(to) => counts.push_back(Count::new(to)),
            Request::Ping(to) => {
                let _ = to.send(());
            }
            Request::Log(level, line) => self.jobs.journal.write(level, format_args!("{line}")),
        }
    }

    fn open_call(&mut self, caller: Caller, packets: &[u8]) {
        let key = self.jobs.connect_bridged(caller.descriptor, &caller.address.to_string());
        self.jobs.bridge().insert(key, caller);
        self.jobs.bridged_packets(key, packets);
    }
}
