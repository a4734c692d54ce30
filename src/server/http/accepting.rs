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

use super::patience::Patient;
use super::reply::Response;
use super::{Limits, Link, Listeners, Phase, jobs, probes};
use crate::log::Level;

/// How long a connection may be silent before and inside the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How large the head of a request may be, and how much is received at once.
const HEAD_SIZE: usize = 128 << 10;
/// How long accepting rests when there is no room for another connection.
const REST: Duration = Duration::from_millis(100);
/// How often that is worth a line in the log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What a listener is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Jobs,
    Metrics,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) link: Arc<Link>,
    pub(super) limits: Limits,
    pub(super) phase: watch::Receiver<Phase>,
}

/// Who a connection is.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    pub(super) descriptor: i32,
    pub(super) address: IpAddr,
}

/// Serves all listeners until the server ends and the last answer is sent.
pub(super) async fn serve(
    listeners: Listeners,
    limits: Limits,
    link: Arc<Link>,
    phase: watch::Receiver<Phase>,
) {
    let shared = Arc::new(Shared { link, limits, phase });
    // Whoever is at work holds a sender: when there is none left, all are done.
    let (at_work, mut done) = mpsc::channel::<Infallible>(1);
    let jobs = listeners.jobs.into_iter().map(|listener| (listener, Purpose::Jobs));
    let metrics = listeners.metrics.into_iter().map(|listener| (listener, Purpose::Metrics));
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
fn last_phase(purpose: Purpose) -> Phase {
    match purpose {
        Purpose::Jobs => Phase::Serving,
        // It is worth watching how the last jobs are done.
        Purpose::Metrics => Phase::Draining,
    }
}

async fn accept_all(
    listener: std::net::TcpListener,
    purpose: Purpose,
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
                    converse(stream, address.ip(), purpose, shared).await;
                    drop(at_work);
                });
            }
            // Either there is no room now, or that one is gone.
            Err(error) => {
                if last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
                    last_line = Some(Instant::now());
                    shared.link.log(Level::Error, format!("HTTP: accept: {error}"));
                }
                sleep(REST).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, address: IpAddr, purpose: Purpose, shared: Arc<Shared>) {
    let peer = Peer { descriptor: stream.as_raw_fd(), address };
    let mut phase = shared.phase.clone();
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, peer, purpose, &shared).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_SIZE)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
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
    peer: Peer,
    purpose: Purpose,
    shared: &Shared,
) -> Response {
    match purpose {
        Purpose::Jobs => jobs::answer(request, peer, shared).await,
        Purpose::Metrics => probes::answer(&request, shared).await,
    }
}
