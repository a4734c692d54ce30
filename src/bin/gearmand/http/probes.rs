//! What those ask who watch over the server: `/metrics`, `/healthz`, `/readyz`.
//!
//! Must not: know what is counted.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::accepting::Shared;
use super::reply::{Response, explain, method_not_allowed, with_body};
use super::{Phase, metrics};

/// How long the event loop may take for a sign of life.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is wrong if it takes longer.
const SILENT: &str = "the event loop does not answer";

/// Answers a request.
pub(super) async fn answer<B>(request: &Request<B>, shared: &Shared) -> Response {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        let why = "There are /metrics, /healthz and /readyz.";
        return explain(StatusCode::NOT_FOUND, why);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD");
    }
    match path {
        "/metrics" => metrics(shared).await,
        "/healthz" => healthy(shared).await.map_or_else(|unwell| unwell, |()| ok()),
        _ => ready(shared).await,
    }
}

fn ok() -> Response {
    explain(StatusCode::OK, "ok")
}

fn unwell(why: &str) -> Response {
    explain(StatusCode::SERVICE_UNAVAILABLE, why)
}

async fn healthy(shared: &Shared) -> Result<(), Response> {
    match timeout(PATIENCE, shared.link.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(unwell("ending")),
        Err(_) => Err(unwell(SILENT)),
    }
}

async fn ready(shared: &Shared) -> Response {
    let phase = *shared.phase.borrow();
    match phase {
        Phase::Loading => unwell("loading"),
        Phase::Serving => healthy(shared).await.map_or_else(|unwell| unwell, |()| ok()),
        Phase::Draining => unwell("draining"),
        Phase::Ending => unwell("ending"),
    }
}

async fn metrics(shared: &Shared) -> Response {
    let figures = match timeout(PATIENCE, shared.link.figures()).await {
        Ok(Ok(figures)) => figures,
        Ok(Err(_)) => return unwell("ending"),
        Err(_) => return unwell(SILENT),
    };
    // With thousands of functions it takes a while, and others wait here too.
    let text = spawn_blocking(move || metrics::text(&figures).map_err(|error| error.to_string()));
    match text.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(text) => {
            let mut response = with_body(StatusCode::OK, text);
            let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => explain(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}
