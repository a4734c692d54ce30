//! Connections that speak HTTP, from accepting to closing.
//!
//! Must not: know what is asked for; that is the services'.

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
use super::write_timeout::WriteTimeoutStream;
use super::{EventLoopHandle, Limits, Listeners, Phase, jobs, probes};
use crate::log::Level;

/// How long a connection may be silent before and inside the head of a request.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How large the head of a request may be, and how much is received at once.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// How long accepting rests when there is no room for another connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// How often that is worth a line in the log.
const ACCEPT_ERROR_LOG_PERIOD: Duration = Duration::from_secs(10);

/// What a listener is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListenerPurpose {
    Jobs,
    Metrics,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) link: Arc<EventLoopHandle>,
    pub(super) limits: Limits,
    pub(super) phase: watch::Receiver<Phase>,
}

/// Who a connection is.
#[derive(Clone, Copy)]
pub(super) struct HttpPeer {
    pub(super) descriptor: i32,
    pub(super) address: IpAddr,
}

/// Serves all listeners until the server ends and the last answer is sent.
pub(super) async fn serve(
    listeners: Listeners,
    limits: Limits,
    link: Arc<EventLoopHandle>,
    phase: watch::Receiver<Phase>,
) {
    let shared = Arc::new(Shared { link, limits, phase });
    // Whoever is at work holds a sender: when there is none left, all are done.
    let (at_work, mut done) = mpsc::channel::<Infallible>(1);
    let jobs = listeners.jobs.into_iter().map(|listener| (listener, ListenerPurpose::Jobs));
    let metrics =
        listeners.metrics.into_iter().map(|listener| (listener, ListenerPurpose::Metrics));
    for (listener, purpose) in jobs.chain(metrics) {
        let (shared, at_work) = (Arc::clone(&shared), at_work.clone());
        tokio::spawn(async move {
            let link = Arc::clone(&shared.link);
            if let Err(error) = accept_all(listener, purpose, shared, at_work).await {
                link.log(Level::Error, format!("HTTP: {error}"));
            }
        });
    }
    drop(at_work);
    done.recv().await;
}

/// Until when listeners and connections of this purpose are of use.
fn last_phase(purpose: ListenerPurpose) -> Phase {
    match purpose {
        ListenerPurpose::Jobs => Phase::Serving,
        // It is worth watching how the last jobs are done.
        ListenerPurpose::Metrics => Phase::Draining,
    }
}

async fn accept_all(
    listener: std::net::TcpListener,
    purpose: ListenerPurpose,
    shared: Arc<Shared>,
    at_work: mpsc::Sender<Infallible>,
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
                let (shared, at_work) = (Arc::clone(&shared), at_work.clone());
                tokio::spawn(async move {
                    serve_connection(stream, address.ip(), purpose, shared).await;
                    drop(at_work);
                });
            }
            // Either there is no room now, or that one is gone.
            Err(error) => {
                if last_line.is_none_or(|at| at.elapsed() >= ACCEPT_ERROR_LOG_PERIOD) {
                    last_line = Some(Instant::now());
                    shared.link.log(Level::Error, format!("HTTP: accept: {error}"));
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
    let peer = HttpPeer { descriptor: stream.as_raw_fd(), address };
    let mut phase = shared.phase.clone();
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
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
    // How a connection breaks concerns nobody but its peer.
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
        ListenerPurpose::Metrics => probes::answer(&request, shared).await,
    }
}
