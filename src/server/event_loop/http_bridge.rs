//! The event loop's side of the HTTP bridge: handles the requests of the HTTP thread.
//! To the broker an HTTP call is a connection without a socket.
//!
//! Must not: know HTTP.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use rustix::net::sockopt;
use tokio::sync::oneshot;

use super::EventLoop;
use super::figures_scan::FiguresScan;
use crate::address_gate::AddressGate;
use crate::http::{
    BridgeRequest, BridgedCall, EventLoopHandle, Figures, HttpPacket, HttpPeer, HttpThread,
    HttpTls, Limits, Listeners, Phase, QueueFigures, QueueReadiness, TlsFigures,
};
use crate::log::Level;
use gearman_access::{AdminScope, Denial, ListenerRole};
use gearman_broker::ConnectionKey;
use gearman_session::Bridge;

/// Most requests handled in one turn.
const REQUESTS_PER_TURN: usize = 256;

/// The open HTTP calls.
#[derive(Default)]
pub(crate) struct BridgedCalls {
    /// By the index of their key in the broker.
    by_index: HashMap<usize, (ConnectionKey, BridgedCall)>,
    keys: HashMap<u64, ConnectionKey>,
}

impl BridgedCalls {
    fn insert(&mut self, key: ConnectionKey, call: BridgedCall) {
        self.keys.insert(call.number, key);
        self.by_index.insert(key.index(), (key, call));
    }

    fn remove(&mut self, number: u64) -> Option<ConnectionKey> {
        let key = self.keys.remove(&number)?;
        self.by_index.remove(&key.index());
        Some(key)
    }

    /// Drops all calls. The HTTP thread sees their channels close.
    pub(super) fn close(&mut self) {
        *self = BridgedCalls::default();
    }
}

impl Bridge for BridgedCalls {
    fn send(&mut self, to: ConnectionKey, head: Vec<u8>, body: Bytes, limit: usize) {
        if let Some((key, call)) = self.by_index.get(&to.index())
            && *key == to
            && !call.send(HttpPacket { head, body }, limit)
        {
            // The HTTP thread sees the channel close, and closes the call.
            self.by_index.remove(&to.index());
        }
    }

    fn unread_by_connection(&self) -> Vec<(ConnectionKey, usize)> {
        let calls = self.by_index.values().map(|(key, call)| (*key, call.waiting_bytes()));
        calls.filter(|&(_, unread)| unread > 0).collect()
    }

    fn close(&mut self, key: ConnectionKey) {
        // As after a packet above the limit.
        self.by_index.remove(&key.index());
    }
}

/// A count of all functions for the metrics, and where it goes.
struct FiguresRequest {
    scan: FiguresScan,
    to: oneshot::Sender<Result<Figures, Denial>>,
}

/// The HTTP bridge, as the event loop holds it.
pub(super) struct HttpBridge {
    requests: Receiver<BridgeRequest>,
    thread: HttpThread,
    /// One at a time is counted.
    counts: VecDeque<FiguresRequest>,
    /// The number of functions with metrics of their own.
    metrics_functions_max: usize,
    /// Whether requests may be waiting: the waker was used, or a turn left some.
    pub(super) has_requests: bool,
}

impl HttpBridge {
    /// A bridge without requests.
    pub(super) fn new(
        thread: HttpThread,
        requests: Receiver<BridgeRequest>,
        metrics_functions_max: usize,
    ) -> HttpBridge {
        let counts = VecDeque::new();
        HttpBridge { requests, thread, counts, metrics_functions_max, has_requests: false }
    }

    /// Whether requests or counts are waiting.
    pub(super) fn is_busy(&self) -> bool {
        self.has_requests || !self.counts.is_empty()
    }

    /// Closes the channel, and waits until the HTTP thread has sent its responses.
    pub(super) fn close(self) {
        let HttpBridge { requests, thread, counts, .. } = self;
        drop((requests, counts));
        thread.shut_down();
    }
}

impl EventLoop {
    /// Starts the HTTP bridge and its thread.
    ///
    /// # Errors
    /// When the system refuses a waker, a thread or a runtime.
    pub(crate) fn start_http_bridge(
        &mut self,
        listeners: Listeners,
        limits: Limits,
        gate: Option<AddressGate>,
        tls: Option<HttpTls>,
    ) -> io::Result<()> {
        for (name, listeners) in [("HTTP", &listeners.jobs), ("metrics", &listeners.metrics)] {
            for listener in listeners {
                // Accepted sockets inherit both settings.
                self.keepalive.set(listener);
                let _ = sockopt::set_tcp_nodelay(listener, true);
                let address = listener.local_addr()?;
                self.jobs.journal.write(Level::Info, format_args!("Serving {name} at {address}"));
            }
        }
        let (handle, requests) = EventLoopHandle::new(self.waker()?);
        self.bridge = Some(HttpBridge::new(
            HttpThread::start(listeners, limits, gate, tls, handle)?,
            requests,
            limits.metrics_functions,
        ));
        Ok(())
    }

    /// Tells the HTTP thread the phase of the server.
    pub(super) fn enter(&self, phase: Phase) {
        self.bridge.iter().for_each(|bridge| bridge.thread.enter(phase));
    }

    /// Handles the requests of one turn.
    pub(super) fn serve_http_bridge(&mut self) {
        let Some(mut bridge) = self.bridge.take() else { return };
        if std::mem::take(&mut bridge.has_requests) {
            // The waker does not fire again for the requests that remain.
            bridge.has_requests =
                (0..REQUESTS_PER_TURN).all(|_| match bridge.requests.try_recv() {
                    Ok(request) => {
                        self.take_request(request, &mut bridge);
                        true
                    }
                    Err(_) => false,
                });
        }
        if let Some(count) = bridge.counts.front_mut()
            && count.scan.scan(&self.jobs.broker)
            && let Some(FiguresRequest { scan, to }) = bridge.counts.pop_front()
        {
            let functions = scan.into_functions();
            let counts = self.jobs.broker.counts();
            let uptime_seconds = self.jobs.uptime_seconds();
            let delayed_replies = self.jobs.delayed_reply_counts();
            let queue = self.jobs.broker.has_store().then(|| QueueFigures {
                counts: self.jobs.broker.durable_counts(),
                stats: self.jobs.store_state().stats,
            });
            let tls = self.handshakes.as_ref().map(|handshakes| TlsFigures {
                expires_unix_seconds: handshakes.certificate().expires_unix_seconds(),
                handshakes: handshakes.counts,
            });
            let access = self.access_figures();
            let figures =
                Figures { functions, counts, delayed_replies, uptime_seconds, queue, access, tls };
            // The HTTP thread may have given up on the answer.
            let _ = to.send(Ok(figures));
        }
        self.bridge = Some(bridge);
    }

    fn take_request(&mut self, request: BridgeRequest, bridge: &mut HttpBridge) {
        match request {
            BridgeRequest::Open(call, packets) => self.open_call(call, packets),
            BridgeRequest::Close(number) => {
                if let Some(key) = self.jobs.bridge().remove(number) {
                    self.jobs.disconnect(key);
                }
            }
            BridgeRequest::Figures(reader, to) => {
                let role = ListenerRole::Admin(AdminScope::ReadOnly);
                match self.jobs.viewer(role, reader.address, reader.identity.as_deref()) {
                    Ok(viewer) => {
                        let scan = FiguresScan::new(viewer, bridge.metrics_functions_max);
                        bridge.counts.push_back(FiguresRequest { scan, to });
                    }
                    // The HTTP thread may have given up on the answer.
                    Err(denial) => drop(to.send(Err(denial))),
                }
            }
            BridgeRequest::LogAboutPeer(level, line) => {
                self.jobs.journal.write_about_peer(level, format_args!("{line}"));
            }
            BridgeRequest::Ping(to) => {
                let _ = to.send(self.queue_readiness());
            }
            BridgeRequest::Log(level, line) => {
                self.jobs.journal.write(level, format_args!("{line}"))
            }
        }
    }

    fn queue_readiness(&self) -> QueueReadiness {
        let (found, is_loading) = self.jobs.broker.survey_progress();
        match &self.jobs.store_state().suspended {
            _ if is_loading => QueueReadiness::Loading(found),
            Some(reason) => QueueReadiness::Suspended(reason.clone()),
            None => QueueReadiness::Ready,
        }
    }

    fn open_call(&mut self, call: BridgedCall, packets: Vec<u8>) {
        let HttpPeer { descriptor, address, identity } = call.peer.clone();
        let key = self.jobs.connect_bridged_as(descriptor, address, identity);
        self.jobs.bridge().insert(key, call);
        self.jobs.bridged_packets(key, &packets.into());
    }
}
