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

use super::{EventLoop, HTTP_BRIDGE_TOKEN};
use crate::http::{
    BridgeRequest, BridgedCall, EventLoopHandle, Figures, HttpThread, Limits, Listeners, Phase,
};
use crate::log::Level;
use gearman_broker::{Broker, ConnectionKey, FunctionView, FunctionWalk, Step};
use gearman_session::Bridge;

/// Requests that are handled in one turn.
const REQUESTS_PER_TURN: usize = 256;
/// Functions that are counted in one turn.
const FUNCTIONS_PER_TURN: usize = 500;

/// The calls.
#[derive(Default)]
pub(crate) struct BridgedCalls {
    /// By the place of their key in the broker.
    by_place: HashMap<usize, (ConnectionKey, BridgedCall)>,
    keys: HashMap<u64, ConnectionKey>,
}

impl BridgedCalls {
    fn insert(&mut self, key: ConnectionKey, caller: BridgedCall) {
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
        *self = BridgedCalls::default();
    }
}

impl Bridge for BridgedCalls {
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
struct FiguresScan {
    walk: FunctionWalk,
    functions: Vec<FunctionView<Vec<u8>>>,
    to: oneshot::Sender<Figures>,
}

impl FiguresScan {
    fn new(to: oneshot::Sender<Figures>) -> FiguresScan {
        FiguresScan { walk: FunctionWalk::default(), functions: Vec::new(), to }
    }

    /// Counts a turn's share. Returns whether that was the last.
    fn scan(&mut self, broker: &Broker) -> bool {
        for _ in 0..FUNCTIONS_PER_TURN {
            match self.walk.step(broker) {
                Step::One(function) => self.functions.push(function.into_owned()),
                Step::None => {}
                Step::End => return true,
            }
        }
        false
    }
}

/// The event loop's side of the front end.
pub(super) struct HttpBridge {
    requests: Receiver<BridgeRequest>,
    front: HttpThread,
    counts: VecDeque<FiguresScan>,
    /// Whether there are requests, as far as is known.
    pub(super) is_called: bool,
}

impl HttpBridge {
    /// A bridge at which nobody has called yet.
    pub(super) fn new(front: HttpThread, requests: Receiver<BridgeRequest>) -> HttpBridge {
        HttpBridge { requests, front, counts: VecDeque::new(), is_called: false }
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        self.is_called || !self.counts.is_empty()
    }

    /// Lets go of everybody who called, and waits until they have heard of it.
    pub(super) fn close(self) {
        let HttpBridge { requests, front, counts, .. } = self;
        drop((requests, counts));
        front.end();
    }
}

impl EventLoop {
    /// Speaks HTTP too, in a thread that starts now.
    ///
    /// # Errors
    /// When the system refuses what that needs.
    pub(crate) fn start_http_bridge(
        &mut self,
        listeners: Listeners,
        limits: Limits,
    ) -> io::Result<()> {
        for (name, listeners) in [("HTTP", &listeners.jobs), ("Metrics", &listeners.metrics)] {
            for listener in listeners {
                // What is accepted there inherits both.
                self.keepalive.set(listener);
                let _ = sockopt::set_tcp_nodelay(listener, true);
                let address = listener.local_addr()?;
                self.jobs.journal.write(Level::Info, format_args!("{name} at {address}"));
            }
        }
        let (link, requests) =
            EventLoopHandle::new(Waker::new(self.poll.registry(), HTTP_BRIDGE_TOKEN)?);
        self.bridge = Some(HttpBridge::new(HttpThread::start(listeners, limits, link)?, requests));
        Ok(())
    }

    /// Tells the front end which part of its life the server is in.
    pub(super) fn enter(&self, phase: Phase) {
        self.bridge.iter().for_each(|bridge| bridge.front.enter(phase));
    }

    /// Does a turn's share of what was asked for.
    pub(super) fn serve_http_bridge(&mut self) {
        let Some(mut bridge) = self.bridge.take() else { return };
        if std::mem::take(&mut bridge.is_called) {
            // Those who wait behind the last of these are not announced again.
            bridge.is_called = (0..REQUESTS_PER_TURN).all(|_| match bridge.requests.try_recv() {
                Ok(request) => {
                    self.take_request(request, &mut bridge.counts);
                    true
                }
                Err(_) => false,
            });
        }
        if let Some(count) = bridge.counts.front_mut()
            && count.scan(&self.jobs.broker)
            && let Some(FiguresScan { functions, to, .. }) = bridge.counts.pop_front()
        {
            let counts = self.jobs.broker.counts();
            let uptime = self.jobs.uptime();
            let delayed_replies = self.jobs.delayed_reply_counts();
            // Who asked may have gone.
            let _ = to.send(Figures { functions, counts, delayed_replies, uptime });
        }
        self.bridge = Some(bridge);
    }

    fn take_request(&mut self, request: BridgeRequest, counts: &mut VecDeque<FiguresScan>) {
        match request {
            BridgeRequest::Open(caller, packets) => self.open_call(caller, &packets),
            BridgeRequest::Close(number) => {
                if let Some(key) = self.jobs.bridge().remove(number) {
                    self.jobs.disconnect(key);
                }
            }
            BridgeRequest::Figures(to) => counts.push_back(FiguresScan::new(to)),
            BridgeRequest::Ping(to) => {
                let _ = to.send(());
            }
            BridgeRequest::Log(level, line) => {
                self.jobs.journal.write(level, format_args!("{line}"))
            }
        }
    }

    fn open_call(&mut self, caller: BridgedCall, packets: &[u8]) {
        let key = self.jobs.connect_bridged(caller.descriptor, &caller.address.to_string());
        self.jobs.bridge().insert(key, caller);
        self.jobs.bridged_packets(key, packets);
    }
}
