//! The channel between the HTTP thread and the event loop: requests go through a queue
//! that wakes the event loop, packets come back through one queue per HTTP call.
//!
//! To the broker an HTTP call is a connection: packets go in and out, and when it ends,
//! jobs that only it waits for are dropped.
//!
//! Must not: know HTTP, or what packets mean.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use mio::Waker;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::address_gate::RefusedConnections;
use crate::event_loop::{HandshakeCounts, ScannedFunctions};
use crate::log::Level;
use gearman_access::{Denial, PeerIdentity, RefusalCounts};
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Counts, DurableCounts, LimitCounts};
use gearman_queue::QueueStats;

/// A request to the event loop.
pub(crate) enum BridgeRequest {
    /// Opens an HTTP call with these packets.
    Open(BridgedCall, Vec<u8>),
    /// Closes the HTTP call with this number.
    Close(u64),
    /// Asks for the figures of the metrics.
    Figures(HttpPeer, oneshot::Sender<Result<Figures, Denial>>),
    /// Asks for a sign of life.
    Ping(oneshot::Sender<QueueReadiness>),
    /// Writes a log line.
    Log(Level, String),
    /// Writes a log line about a peer, unless there were too many.
    LogAboutPeer(Level, String),
}

/// The peer of a connection.
#[derive(Clone)]
pub(crate) struct HttpPeer {
    /// The descriptor that the `workers` list shows.
    pub(crate) descriptor: i32,
    pub(crate) address: IpAddr,
    /// The names of its certificate, if it has shown one.
    pub(crate) identity: Option<Arc<PeerIdentity>>,
}

/// A packet for an HTTP call.
pub(crate) struct HttpPacket {
    /// All of it, or all but the body.
    pub(crate) head: Vec<u8>,
    /// The body, which other connections may share; empty if `head` has it.
    pub(crate) body: Bytes,
}

impl HttpPacket {
    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// An open HTTP call, as the event loop holds it.
pub(crate) struct BridgedCall {
    pub(crate) number: u64,
    pub(crate) peer: HttpPeer,
    answers: UnboundedSender<HttpPacket>,
    /// Bytes of packets that the HTTP thread has not received yet, or keeps until a result is
    /// complete.
    waiting: Arc<AtomicUsize>,
}

impl BridgedCall {
    /// Sends a packet, unless more than `limit` bytes are waiting or the call is closed.
    /// Returns whether it was sent.
    pub(crate) fn send(&self, packet: HttpPacket, limit: usize) -> bool {
        let waiting = self.waiting.fetch_add(packet.len(), Ordering::Relaxed);
        waiting <= limit && self.answers.send(packet).is_ok()
    }

    /// Bytes of packets that wait for the peer.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// The figures of the metrics, collected over some turns of the event loop.
pub(crate) struct Figures {
    pub(crate) functions: ScannedFunctions,
    pub(crate) counts: Counts,
    /// Outcomes of all delayed replies.
    pub(crate) delayed_replies: DelayedReplyCounts,
    /// Time since the server started.
    pub(crate) uptime_seconds: u64,
    /// The durable queue, if there is one.
    pub(crate) queue: Option<QueueFigures>,
    /// TLS, if anything has it.
    pub(crate) tls: Option<TlsFigures>,
    /// What was refused.
    pub(crate) access: AccessFigures,
}

/// What was refused, and whether there are rules.
#[derive(Clone, Copy, Default)]
pub(crate) struct AccessFigures {
    /// By the access rules and the roles of listeners, if anything is.
    pub(crate) refusals: Option<RefusalCounts>,
    /// The number of rules, and whether their file could not be used when it was last read.
    pub(crate) rules: Option<(usize, bool)>,
    /// By the limits per address, if there are any.
    pub(crate) connections: Option<RefusedConnections>,
    /// By the limits of connections.
    pub(crate) limits: LimitCounts,
}

/// The figures of TLS.
#[derive(Clone, Copy, Default)]
pub(crate) struct TlsFigures {
    pub(crate) expires_unix_seconds: i64,
    pub(crate) handshakes: HandshakeCounts,
}

/// The figures of the durable queue.
#[derive(Clone, Copy, Default)]
pub(crate) struct QueueFigures {
    pub(crate) counts: DurableCounts,
    pub(crate) stats: QueueStats,
}

/// Whether durable jobs can be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueReadiness {
    /// They can, or there is no durable queue.
    Ready,
    /// The survey has found so many jobs, and has not ended.
    Loading(u64),
    /// The store takes none, for this reason.
    Suspended(String),
}

/// The event loop has ended.
#[derive(Debug)]
pub(super) struct EventLoopEnded;

/// The HTTP thread's end of the channel.
pub(crate) struct EventLoopHandle {
    requests: mpsc::Sender<BridgeRequest>,
    waker: Arc<Waker>,
    calls: AtomicU64,
}

impl EventLoopHandle {
    /// Makes a channel. Returns its two ends.
    pub(crate) fn new(waker: Arc<Waker>) -> (Arc<EventLoopHandle>, mpsc::Receiver<BridgeRequest>) {
        let (requests, receiver) = mpsc::channel();
        (Arc::new(EventLoopHandle { requests, waker, calls: AtomicU64::new(0) }), receiver)
    }

    fn send(&self, request: BridgeRequest) -> Result<(), EventLoopEnded> {
        self.requests.send(request).map_err(|_| EventLoopEnded)?;
        // A poller that cannot be woken no longer exists.
        self.waker.wake().map_err(|_| EventLoopEnded)
    }

    /// Opens an HTTP call with these packets.
    pub(super) fn call(
        self: &Arc<EventLoopHandle>,
        peer: HttpPeer,
        packets: Vec<u8>,
    ) -> Result<HttpCall, EventLoopEnded> {
        let (answers, receiver) = unbounded_channel();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let waiting = Arc::new(AtomicUsize::new(0));
        let call = BridgedCall { number, peer, answers, waiting: Arc::clone(&waiting) };
        self.send(BridgeRequest::Open(call, packets))?;
        Ok(HttpCall { number, packets: receiver, waiting, event_loop: Arc::clone(self) })
    }

    /// Asks for the figures of the metrics.
    pub(super) async fn figures(
        &self,
        reader: HttpPeer,
    ) -> Result<Result<Figures, Denial>, EventLoopEnded> {
        let (sender, receiver) = oneshot::channel();
        self.send(BridgeRequest::Figures(reader, sender))?;
        receiver.await.map_err(|_| EventLoopEnded)
    }

    /// Waits for a sign of life from the event loop, which says how its queue does.
    pub(super) async fn ping(&self) -> Result<QueueReadiness, EventLoopEnded> {
        let (sender, receiver) = oneshot::channel();
        self.send(BridgeRequest::Ping(sender))?;
        receiver.await.map_err(|_| EventLoopEnded)
    }

    /// Writes a log line.
    pub(super) fn log(&self, level: Level, line: String) {
        // The log ends with the event loop.
        let _ = self.send(BridgeRequest::Log(level, line));
    }

    /// Writes a log line about a peer, unless there were too many.
    pub(super) fn log_about_peer(&self, level: Level, line: String) {
        // The log ends with the event loop.
        let _ = self.send(BridgeRequest::LogAboutPeer(level, line));
    }
}

/// An HTTP call, as the HTTP thread holds it. It is closed on drop.
pub(super) struct HttpCall {
    number: u64,
    pub(super) packets: UnboundedReceiver<HttpPacket>,
    waiting: Arc<AtomicUsize>,
    event_loop: Arc<EventLoopHandle>,
}

impl HttpCall {
    /// Notes that so many bytes of packets were received, and are not kept any more.
    pub(super) fn note_taken(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        // If the event loop has ended, the call is closed already.
        let _ = self.event_loop.send(BridgeRequest::Close(self.number));
    }
}
