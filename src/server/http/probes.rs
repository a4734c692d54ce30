//! Metrics and health checks: `/metrics`, `/healthz`, `/readyz`.
//!
//! Must not: know what is counted.

use std::time::Duration;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::accepting::Shared;
use super::metrics::MetricsParts;
use super::reply::{self, Response, explain, method_not_allowed};
use super::{HttpPeer, Phase, QueueReadiness};

/// Longest time that the event loop may take to respond.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The response when it takes longer.
const NO_RESPONSE: &str = "the event loop does not respond";

/// Answers a request.
pub(super) async fn answer<B>(request: &Request<B>, peer: HttpPeer, shared: &Shared) -> Response {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        let why = "The paths are /metrics, /healthz and /readyz.";
        return explain(StatusCode::NOT_FOUND, why);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD");
    }
    match path {
        "/metrics" => metrics(peer, shared).await,
        "/healthz" => healthy(shared).await.map_or_else(|response| response, |_| ok()),
        _ => ready(shared).await,
    }
}

fn ok() -> Response {
    explain(StatusCode::OK, "ok")
}

fn unavailable(why: &str) -> Response {
    explain(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn temporarily(why: &str) -> Response {
    let mut response = unavailable(why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

async fn healthy(shared: &Shared) -> Result<QueueReadiness, Response> {
    match timeout(PROBE_TIMEOUT, shared.event_loop.ping()).await {
        Ok(Ok(queue)) => Ok(queue),
        Ok(Err(_)) => Err(unavailable("ending")),
        Err(_) => Err(unavailable(NO_RESPONSE)),
    }
}

async fn ready(shared: &Shared) -> Response {
    let phase = *shared.phase.borrow();
    match phase {
        Phase::Loading => match healthy(shared).await {
            Ok(QueueReadiness::Loading(found)) => {
                unavailable(&format!("loading, {found} jobs found"))
            }
            _ => unavailable("loading"),
        },
        Phase::Serving => match healthy(shared).await {
            Ok(QueueReadiness::Suspended(reason)) => {
                unavailable(&format!("the queue takes no jobs: {reason}"))
            }
            Ok(QueueReadiness::Ready | QueueReadiness::Loading(_)) => ok(),
            Err(response) => response,
        },
        Phase::Draining => unavailable("draining"),
        Phase::Ending => unavailable("ending"),
    }
}

async fn metrics(peer: HttpPeer, shared: &Shared) -> Response {
    let Some(scrape) = shared.scrapes.begin() else {
        return temporarily("too many read the metrics at once");
    };
    let figures = match timeout(PROBE_TIMEOUT, shared.event_loop.figures(peer)).await {
        Ok(Ok(Ok(figures))) => figures,
        Ok(Ok(Err(denial))) => {
            return explain(StatusCode::FORBIDDEN, &format!("{denial}: view"));
        }
        Ok(Err(_)) => return unavailable("ending"),
        Err(_) => return unavailable(NO_RESPONSE),
    };
    reply::metrics(scrape.stream(MetricsParts::new(figures)))
}

#[cfg(test)]
mod tests {
    use super::super::scrape::Scrapes;
    use super::super::{BridgeRequest, EventLoopHandle, Limits};
    use super::*;
    use http_body_util::BodyExt;
    use mio::{Poll, Token, Waker};
    use std::sync::Arc;
    use tokio::sync::watch;

    /// The response in a phase, from a server whose event loop has ended.
    fn answer_to(path: &str, phase: Phase) -> (u16, String) {
        answer_with(path, phase, None)
    }

    /// The response in a phase. The event loop answers one question with `queue`, or has ended.
    fn answer_with(path: &str, phase: Phase, queue: Option<QueueReadiness>) -> (u16, String) {
        let poll = Poll::new().expect("a poller");
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).expect("a waker"));
        let (event_loop, requests) = EventLoopHandle::new(waker);
        std::thread::spawn(move || {
            if let Some(queue) = queue
                && let Ok(BridgeRequest::Ping(to)) = requests.recv()
            {
                to.send(queue).expect("it is waited for");
            }
        });
        let (_sender, phase) = watch::channel(phase);
        let shared = Shared {
            event_loop,
            limits: Limits { packet_bytes: 0, result_bytes: 0, metrics_functions: 0 },
            scrapes: Scrapes::new(),
            phase,
            gate: None,
            tls: None,
        };
        let peer = HttpPeer { descriptor: 0, address: [127, 0, 0, 1].into(), identity: None };
        let request = Request::builder().uri(path).body(()).expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let response = answer(&request, peer, &shared).await;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            (status, String::from_utf8(body.into()).expect("text"))
        })
    }

    #[test]
    fn a_server_is_ready_only_while_it_serves() {
        for (phase, text) in [
            (Phase::Loading, "loading\n"),
            (Phase::Draining, "draining\n"),
            (Phase::Ending, "ending\n"),
        ] {
            assert_eq!(answer_to("/readyz", phase), (503, text.into()), "{phase:?}");
        }
    }

    #[test]
    fn readiness_says_why_the_queue_takes_no_jobs() {
        let suspended = || Some(QueueReadiness::Suspended("disk full".into()));
        for (phase, queue, expected) in [
            (Phase::Loading, Some(QueueReadiness::Loading(7)), (503, "loading, 7 jobs found\n")),
            (Phase::Serving, suspended(), (503, "the queue takes no jobs: disk full\n")),
            (Phase::Serving, Some(QueueReadiness::Ready), (200, "ok\n")),
        ] {
            let (status, text) = answer_with("/readyz", phase, queue);
            assert_eq!((status, text.as_str()), expected, "{phase:?}");
        }
        assert_eq!(answer_with("/healthz", Phase::Serving, suspended()), (200, "ok\n".into()));
    }

    #[test]
    fn a_server_without_an_event_loop_is_neither_healthy_nor_ready() {
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(answer_to(path, Phase::Serving), (503, "ending\n".into()), "{path}");
        }
    }
}
