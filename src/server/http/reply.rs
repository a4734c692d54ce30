//! Responses: common headers, and texts that explain a status.
//!
//! Must not: know where a result comes from.

use http_body_util::{Either, Full};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, SERVER};

use super::answer::StreamedResult;
use super::scrape::MetricsBody;

/// A complete body, or a streamed one.
pub(super) type ResponseBody = Either<Full<Bytes>, Either<StreamedResult, MetricsBody>>;
/// A response to an HTTP request.
pub(super) type Response = hyper::Response<ResponseBody>;

/// A response with this body.
pub(super) fn with_body(status: StatusCode, body: impl Into<Bytes>) -> Response {
    build(status, Either::Left(Full::new(body.into())))
}

/// A response with a streamed body.
pub(super) fn streamed(status: StatusCode, pieces: StreamedResult) -> Response {
    build(status, Either::Right(Either::Left(pieces)))
}

/// A response with metrics.
pub(super) fn metrics(parts: MetricsBody) -> Response {
    let mut response = build(StatusCode::OK, Either::Right(Either::Right(parts)));
    let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn build(status: StatusCode, body: ResponseBody) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let server = HeaderValue::from_static(concat!("Gearman/", env!("CARGO_PKG_VERSION")));
    response.headers_mut().insert(SERVER, server);
    response
}

/// A response whose body is a line of text.
pub(super) fn explain(status: StatusCode, why: &str) -> Response {
    let mut response = with_body(status, format!("{why}\n"));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// The response to a method that is not supported.
pub(super) fn method_not_allowed(methods: &'static str) -> Response {
    let mut response =
        explain(StatusCode::METHOD_NOT_ALLOWED, &format!("The supported methods are {methods}."));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}
