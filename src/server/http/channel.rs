//! The way between the thread that speaks HTTP and the event loop: requests in a
//! queue that wakes the loop, answers in a queue per call.
//!
//! A call is to the broker what a connection is: packets go in, packets come
//! out, and when it ends, what waits for it is dropped.
//!
//! Must not: know HTTP, or what packets mean.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use mio::Waker;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::log::Level;
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Counts, FunctionView};

/// What the event loop is asked for.
pub(crate) enum BridgeRequest {
    /// A call begins, with these packets.
    Open(BridgedCall, Vec<u8>),
    /// The call with this number is over.
    Close(u64),
    /// Everything that can be counted.
    Figures(oneshot::Sender<Figures>),
    /// A sign of life.
    Ping(oneshot::Sender<()>),
    /// A line for the log.
    Log(Level, String),
}

/// Who called, and where its packets go.
pub(crate) struct BridgedCall {
    pub(crate) number: u64,
    /// What the `workers` list shows of it.
    pub(crate) descriptor: i32,
    pub(crate) address: IpAddr,
    answers: UnboundedSender<Vec<u8>>,
    /// Bytes of packets on their way.
    waiting: Arc<AtomicUsize>,
}

impl BridgedCall {
    /// Sends a packet, unless more than `limit` bytes wait already or nobody
    /// listens. Returns whether it was sent.
    pub(crate) fn send(&self, packet: Vec<u8>, limit: usize) -> bool {
        let waiting = self.waiting.fetch_add(packet.len(), Ordering::Relaxed);
        waiting <= limit && self.answers.send(packet).is_ok()
    }
}

/// What is known of the server at one moment, more or less.
pub(crate) struct Figures {
    pub(crate) functions: Vec<FunctionView<Vec<u8>>>,
    pub(crate) counts: Counts,
    /// What became of all replies that were held.
    pub(crate) delayed_replies: DelayedReplyCounts,
    /// Seconds since the server started.
    pub(crate) uptime: u64,
}

/// The event loop has ended.
#[derive(Debug)]
pub(super) struct EventLoopEnded;

/// The end of the way at which HTTP is spoken.
pub(crate) struct EventLoopHandle {
    requests: mpsc::Sender<BridgeRequest>,
    waker: Waker,
    calls: AtomicU64,
}

impl EventLoopHandle {
    /// A way, and its other end.
    pub(crate) fn new(waker: Waker) -> (Arc<EventLoopHandle>, mpsc::Receiver<BridgeRequest>) {
        let (requests, receiver) = mpsc::channel();
        (Arc::new(EventLoopHandle { requests, waker, calls: AtomicU64::new(0) }), receiver)
    }

    fn send(&self, request: BridgeRequest) -> Result<(), EventLoopEnded> {
        self.requests.send(request).map_err(|_| EventLoopEnded)?;
        // A poller that cannot be woken is one that is gone.
        self.waker.wake().map_err(|_| EventLoopEnded)
    }

    /// Begins a call with these packets.
    pub(super) fn call(
        self: &Arc<EventLoopHandle>,
        descriptor: i32,
        address: IpAddr,
        packets: Vec<u8>,
    ) -> Result<HttpCall, EventLoopEnded> {
        let (answers, receiver) = unbounded_channel();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let waiting = Arc::new(AtomicUsize::new(0));
        let caller =
            BridgedCall { number, descriptor, address, answers, waiting: Arc::clone(&waiting) };
        self.send(BridgeRequest::Open(caller, packets))?;
        Ok(HttpCall { number, answers: receiver, waiting, link: Arc::clone(self) })
    }

    /// Everything that can be counted.
    pub(super) async fn figures(&self) -> Result<Figures, EventLoopEnded> {
        let (sender, receiver) = oneshot::channel();
        self.send(BridgeRequest::Figures(sender))?;
        receiver.await.map_err(|_| EventLoopEnded)
    }

    /// Comes back once the event loop has seen it.
    pub(super) async fn ping(&self) -> Result<(), EventLoopEnded> {
        let (sender, receiver) = oneshot::channel();
        self.send(BridgeRequest::Ping(sender))?;
        receiver.await.map_err(|_| EventLoopEnded)
    }

    /// Writes a line to the log.
    pub(super) fn log(&self, level: Level, line: String) {
        // Without an event loop there is no log.
        let _ = self.send(BridgeRequest::Log(level, line));
    }
}

/// A call, which ends when it is dropped.
pub(super) struct HttpCall {
    number: u64,
    pub(super) answers: UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    link: Arc<EventLoopHandle>,
}

impl HttpCall {
    /// Notes that a packet has arrived.
    pub(super) fn arrived(&self, packet: &[u8]) {
        self.waiting.fetch_sub(packet.len(), Ordering::Relaxed);
    }

    /// The next packet; `None` if the event loop has given the call up.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        let packet = self.answers.recv().await?;
        self.arrived(&packet);
        Some(packet)
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        // An event loop that is gone has forgotten the call already.
        let _ = self.link.send(BridgeRequest::Close(self.number));
    }
}
