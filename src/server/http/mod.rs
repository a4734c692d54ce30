//! What speaks HTTP: the front end for jobs, and the metrics with their probes.
//!
//! hyper does the HTTP, in a thread of its own with a runtime of its own, so
//! that nothing of it takes part in the event loop. `link` is the way between
//! the two; `accepting` serves connections, `jobs` turns requests into packets
//! and packets into responses, `metrics` and `probes` show the server.
//!
//! Must not: touch the broker; the event loop does that.

mod accepting;
mod answer;
mod channel;
mod jobs;
mod metrics;
mod probes;
mod reply;
mod write_timeout;

pub(crate) use channel::{BridgeRequest, BridgedCall, EventLoopHandle, Figures};

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

/// How long what is being answered may take when the server ends.
const HTTP_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Which part of its life the server is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Jobs of an earlier life are being fetched.
    Loading,
    /// All is well.
    Serving,
    /// The last jobs are being done.
    Draining,
    /// Nothing is done any more.
    Ending,
}

/// What HTTP is spoken for, and where.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) jobs: Vec<TcpListener>,
    pub(crate) metrics: Vec<TcpListener>,
}

/// What requests may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a packet.
    pub(crate) packet: u32,
    /// Bytes of a result that is kept until it is whole.
    pub(crate) result: usize,
}

/// The running front end, as the event loop holds it.
pub(crate) struct HttpThread {
    phase: watch::Sender<Phase>,
    /// Says that the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl HttpThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there can be no thread, or no runtime in it.
    pub(crate) fn start(
        listeners: Listeners,
        limits: Limits,
        link: Arc<EventLoopHandle>,
    ) -> io::Result<HttpThread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (phase, phases) = watch::channel(Phase::Loading);
        let (end, ended) = mpsc::channel();
        let serve = move || {
            runtime.block_on(accepting::serve(listeners, limits, link, phases));
            // Without anybody who waits there is nobody to tell.
            let _ = end.send(());
        };
        thread::Builder::new().name("http".into()).spawn(serve)?;
        Ok(HttpThread { phase, ended })
    }

    /// Tells which part of its life the server is in.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until what is being answered is sent, but not for long. The other
    /// end of the link must be gone.
    pub(crate) fn end(self) {
        self.enter(Phase::Ending);
        let _ = self.ended.recv_timeout(HTTP_SHUTDOWN_TIMEOUT);
    }
}
