//! The HTTP bridge: jobs over HTTP, metrics and health checks.
//!
//! hyper serves HTTP in a thread and a tokio runtime apart from the event loop. `channel`
//! connects the two; `accepting` serves connections, `jobs` turns requests into packets,
//! `answer` turns packets into responses, and `metrics`, `scrape` and `probes` report on the server.
//!
//! Must not: touch the broker; the event loop does that.

mod accepting;
mod answer;
mod channel;
mod jobs;
mod metrics;
mod probes;
mod reply;
mod scrape;
mod tls_accepting;
mod write_timeout;

pub(crate) use channel::{
    AccessFigures, BridgeRequest, BridgedCall, EventLoopHandle, Figures, HttpPacket, HttpPeer,
    QueueFigures, QueueReadiness, TlsFigures,
};

pub(crate) use tls_accepting::HttpTls;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::address_gate::AddressGate;

/// Longest time that responses may take at shutdown.
const HTTP_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The phase of the server, from start to shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Stored jobs are being loaded.
    Loading,
    /// Jobs and connections are accepted.
    Serving,
    /// The last jobs are finished; no new ones are accepted.
    Draining,
    /// The server shuts down.
    Ending,
}

/// The listeners of the HTTP bridge, by purpose.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) jobs: Vec<TcpListener>,
    pub(crate) metrics: Vec<TcpListener>,
}

/// Limits on requests, results and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest packet.
    pub(crate) packet_bytes: u32,
    /// Largest result that is buffered until it is complete.
    pub(crate) result_bytes: usize,
    /// Functions with metrics of their own.
    pub(crate) metrics_functions: usize,
}

/// The running HTTP thread, as the event loop holds it.
pub(crate) struct HttpThread {
    phase: watch::Sender<Phase>,
    /// Receives a value when the thread ends.
    ended: mpsc::Receiver<()>,
}

impl HttpThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses a thread, or what its runtime needs.
    pub(crate) fn start(
        listeners: Listeners,
        limits: Limits,
        gate: Option<AddressGate>,
        tls: Option<HttpTls>,
        event_loop: Arc<EventLoopHandle>,
    ) -> io::Result<HttpThread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (phase, phases) = watch::channel(Phase::Loading);
        let (end, ended) = mpsc::channel();
        let serve = move || {
            runtime.block_on(accepting::serve(listeners, limits, gate, tls, event_loop, phases));
            // The event loop may have stopped waiting.
            let _ = end.send(());
        };
        thread::Builder::new().name("http".into()).spawn(serve)?;
        Ok(HttpThread { phase, ended })
    }

    /// Sets the phase of the server.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until open responses are sent, for at most [`HTTP_SHUTDOWN_TIMEOUT`]. The
    /// event loop's end of the channel must be closed before.
    pub(crate) fn shut_down(self) {
        self.enter(Phase::Ending);
        let _ = self.ended.recv_timeout(HTTP_SHUTDOWN_TIMEOUT);
    }
}
