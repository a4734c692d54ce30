//! HTTP connections, from accepting to closing.
//!
//! Must not: interpret requests; `jobs` and `probes` do.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::reply::Response;
use super::scrape::Scrapes;
use super::tls_accepting::{HttpStream, HttpTls};
use super::write_timeout::WriteTimeoutStream;
use super::{EventLoopHandle, HttpPeer, Limits, Listeners, Phase, jobs, probes};
use crate::address_gate::AddressGate;
use crate::log::Level;

/// Longest time until the head of a request is received.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request, and largest read.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Pause after a failure to accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about such failures.
const ACCEPT_ERROR_LOG_PERIOD: Duration = Duration::from_secs(10);

/// What a listener serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListenerPurpose {
    Jobs,
    Metrics,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) event_loop: Arc<EventLoopHandle>,
    pub(super) limits: Limits,
    pub(super) scrapes: Scrapes,
    pub(super) phase: watch::Receiver<Phase>,
    /// Limits of connections for jobs per address, if there are any.
    pub(super) gate: Option<AddressGate>,
    /// None without TLS.
    pub(super) tls: Option<HttpTls>,
}

/// Serves all listeners until the server shuts down and the last response is sent.
pub(super) async fn serve(
    listeners: Listeners,
    limits: Limits,
    gate: Option<AddressGate>,
    tls: Option<HttpTls>,
    event_loop: Arc<EventLoopHandle>,
    phase: watch::Receiver<Phase>,
) {
    let shared = Arc::new(Shared { event_loop, limits, scrapes: Scrapes::new(), phase, gate, tls });
    // Every task holds a sender. The channel closes when the last task ends.
    let (task_guard, mut done) = mpsc::channel::<Infallible>(1);
    let jobs = listeners.jobs.into_iter().map(|listener| (listener, ListenerPurpose::Jobs));
    let metrics =
        listeners.metrics.into_iter().map(|listener| (listener, ListenerPurpose::Metrics));
    for (listener, purpose) in jobs.chain(metrics) {
        let (shared, task_guard) = (Arc::clone(&shared), task_guard.clone());
        tokio::spawn(async move {
            let event_loop = Arc::clone(&shared.event_loop);
            if let Err(error) = accept_all(listener, purpose, shared, task_guard).await {
                event_loop.log(Level::Error, format!("HTTP: cannot serve a listener: {error}"));
            }
        });
    }
    drop(task_guard);
    done.recv().await;
}

/// The last phase in which listeners and connections of this purpose are open.
fn last_phase(purpose: ListenerPurpose) -> Phase {
    match purpose {
        ListenerPurpose::Jobs => Phase::Serving,
        // Metrics stay available during a drain.
        ListenerPurpose::Metrics => Phase::Draining,
    }
}

async fn accept_all(
    listener: std::net::TcpListener,
    purpose: ListenerPurpose,
    shared: Arc<Shared>,
    task_guard: mpsc::Sender<Infallible>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut phase = shared.phase.clone();
    let mut over = pin!(phase.wait_for(move |&phase| phase > last_phase(purpose)));
    let mut last_line: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            _ = &mut over => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let gate = shared.gate.as_ref().filter(|_| purpose == ListenerPurpose::Jobs);
                let slot = match gate.map(|gate| gate.open(address.ip())).transpose() {
                    Ok(slot) => slot,
                    Err(why) => {
                        let line = format!("Refused an HTTP connection from {address}: {why}");
                        shared.event_loop.log_about_peer(Level::Warning, line);
                        continue;
                    }
                };
                let (shared, task_guard) = (Arc::clone(&shared), task_guard.clone());
                tokio::spawn(async move {
                    serve_connection(stream, address.ip(), purpose, shared).await;
                    drop((slot, task_guard));
                });
            }
            // No descriptor is left, or the connection is gone.
            Err(error) => {
                if last_line.is_none_or(|at| at.elapsed() >= ACCEPT_ERROR_LOG_PERIOD) {
                    last_line = Some(Instant::now());
                    shared
                        .event_loop
                        .log(Level::Error, format!("HTTP: cannot accept a connection: {error}"));
                }
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    address: IpAddr,
    purpose: ListenerPurpose,
    shared: Arc<Shared>,
) {
    let descriptor = stream.as_raw_fd();
    let stream = match HttpStream::accept(stream, shared.tls.as_ref()).await {
        Ok(stream) => stream,
        Err(error) => {
            let line = format!("Disconnected {address} in its TLS hand-shake for HTTP: {error}");
            shared.event_loop.log_about_peer(Level::Warning, line);
            return;
        }
    };
    let peer = HttpPeer { descriptor, address, identity: stream.identity() };
    if let Some(identity) = &peer.identity {
        let line = format!("HTTP: {address} has TLS and is {identity}");
        shared.event_loop.log_about_peer(Level::Info, line);
    }
    let mut phase = shared.phase.clone();
    let service = service_fn(|request| {
        let (shared, peer) = (Arc::clone(&shared), peer.clone());
        async move { Ok::<_, Infallible>(answer(request, peer, purpose, &shared).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(WriteTimeoutStream::new(stream)), service);
    let mut connection = pin!(connection);
    let over = pin!(phase.wait_for(move |&phase| phase > last_phase(purpose)));
    // Errors of a single connection are not logged.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = over => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    peer: HttpPeer,
    purpose: ListenerPurpose,
    shared: &Shared,
) -> Response {
    match purpose {
        ListenerPurpose::Jobs => jobs::answer(request, peer, shared).await,
        ListenerPurpose::Metrics => probes::answer(&request, peer, shared).await,
    }
}
