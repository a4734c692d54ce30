//! Turns a request into an HTTP call: the path names the function, the body is the
//! payload, headers set unique, priority and delivery.
//!
//! Must not: know how a job ends.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode, Version};
use tokio::time::timeout;

use super::accepting::Shared;
use super::answer::{self, Delivery};
use super::channel::{HttpCall, HttpPeer};
use super::reply::{Response, explain, method_not_allowed};
use gearman_protocol::limits::MAX_ARGS_SIZE;
use gearman_protocol::percent::unescape;
use gearman_protocol::{Command, Header, Magic, encode, encode_head};
use gearman_session::buffer_capacity;

/// Longest silence of a peer inside a body.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Smallest buffer for a request whose size is known, unless that is smaller.
const REQUEST_BUFFER_BYTES_MIN: usize = 64 << 10;
/// The unique of a request without one. Equal requests share a job, as in the original.
const DEFAULT_UNIQUE: &[u8] = b"-";

/// Answers a request.
pub(super) async fn answer(
    request: Request<Incoming>,
    peer: HttpPeer,
    shared: &Shared,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST | Method::PUT) {
        return method_not_allowed("GET, HEAD, POST, PUT");
    }
    match submit(request, peer, shared).await {
        Ok((call, delivery)) => answer::wait(call, delivery).await,
        Err(RequestError(status, why)) => explain(status, &why),
    }
}

/// Status and text of a request that is refused.
struct RequestError(StatusCode, String);

impl RequestError {
    fn new(status: StatusCode, why: &str) -> RequestError {
        RequestError(status, why.into())
    }
}

async fn submit(
    request: Request<Incoming>,
    peer: HttpPeer,
    shared: &Shared,
) -> Result<(HttpCall, Delivery), RequestError> {
    let (head, body) = request.into_parts();
    let function = function(head.uri.path(), head.uri.query())?;
    let unique = match head.headers.get("x-gearman-unique") {
        Some(value) => value.as_bytes(),
        None => DEFAULT_UNIQUE,
    };
    let background = flag(&head.headers, "x-gearman-background")?;
    let stream_at_once = flag(&head.headers, "x-gearman-stream")?;
    let command = command(&head.headers, background)?;
    // Each argument is followed by a NUL.
    let arguments = function.len() + unique.len() + 2;
    if arguments > MAX_ARGS_SIZE {
        return Err(RequestError::new(
            StatusCode::URI_TOO_LONG,
            "The names of function and unique are too long.",
        ));
    }
    let mut packets = Vec::new();
    encode(&mut packets, Magic::Request, Command::OptionReq, &[b"exceptions"], b"");
    let submission = packets.len();
    // The payload is received to its place, and its size is known at the end.
    encode_head(&mut packets, Magic::Request, command, &[&function, unique], 0);
    let payload = packets.len();
    let room = (shared.limits.packet_bytes as usize).saturating_sub(arguments);
    receive(body, room, &mut packets).await?;
    let length = u32::try_from(arguments + packets.len() - payload).expect("a limited packet");
    let header = Header { magic: Magic::Request, command, length }.bytes();
    packets[submission..][..header.len()].copy_from_slice(&header);
    let Ok(call) = shared.event_loop.call(peer, packets) else {
        return Err(RequestError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is shutting down.",
        ));
    };
    let delivery = Delivery {
        background,
        // Only in HTTP/1.1 a client can tell a body that is cut off from a whole one.
        can_stream: head.version >= Version::HTTP_11 && head.method != Method::HEAD,
        stream_at_once,
        buffered_bytes_max: shared.limits.result_bytes,
    };
    Ok((call, delivery))
}

fn bad(why: &str) -> RequestError {
    RequestError::new(StatusCode::BAD_REQUEST, why)
}

/// The function that a path names.
fn function(path: &str, query: Option<&str>) -> Result<Vec<u8>, RequestError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let name = unescape(path.as_bytes()).map_err(|_| {
        bad("A percent sign in the path must be followed by two hexadecimal digits.")
    })?;
    if name.is_empty() {
        return Err(RequestError::new(
            StatusCode::NOT_FOUND,
            "The path must name a function, as in /reverse.",
        ));
    }
    if name.contains(&0) {
        return Err(bad("The name of a function cannot contain a NUL."));
    }
    match query {
        None => Ok(name),
        Some(_) => Err(bad("A query is not supported: send the payload as the body.")),
    }
}

/// The value of a header that is `true` or `false`; false if it is missing.
fn flag(headers: &HeaderMap, name: &str) -> Result<bool, RequestError> {
    match headers.get(name).map(|value| value.as_bytes()) {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"false") => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"true") => Ok(true),
        Some(_) => Err(bad(&format!("{name} must be true or false."))),
    }
}

fn command(headers: &HeaderMap, background: bool) -> Result<Command, RequestError> {
    let priority = headers.get("x-gearman-priority").map_or(&b"normal"[..], |v| v.as_bytes());
    Ok(match (&priority.to_ascii_lowercase()[..], background) {
        (b"high", false) => Command::SubmitJobHigh,
        (b"high", true) => Command::SubmitJobHighBg,
        (b"normal", false) => Command::SubmitJob,
        (b"normal", true) => Command::SubmitJobBg,
        (b"low", false) => Command::SubmitJobLow,
        (b"low", true) => Command::SubmitJobLowBg,
        _ => return Err(bad("x-gearman-priority must be high, normal or low.")),
    })
}

/// Makes room for so many bytes in a buffer that will have `expected` bytes, if its peer has said the
/// truth. Memory grows with the bytes received, and few of them are moved.
fn make_room(buffer: &mut Vec<u8>, bytes: usize, expected: usize) {
    let have = buffer.len();
    if bytes > buffer.capacity() - have {
        let arrived = (have + bytes).max(REQUEST_BUFFER_BYTES_MIN);
        let capacity = buffer_capacity(expected, have, arrived);
        buffer.reserve_exact(capacity.saturating_sub(have));
    }
    // More than its peer has said, or nothing was said.
    buffer.reserve(bytes);
}

/// Receives a body of at most `limit` bytes, and appends it.
async fn receive(mut body: Incoming, limit: usize, to: &mut Vec<u8>) -> Result<(), RequestError> {
    let too_large = || {
        let why = format!("The payload is larger than {limit} bytes.");
        RequestError(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    // Content-Length is only a hint: memory grows with the bytes received.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let before = to.len();
    let expected =
        usize::try_from(body.size_hint().lower()).map_or(usize::MAX, |size| before + size);
    loop {
        let frame = match timeout(BODY_READ_TIMEOUT, body.frame()).await {
            Err(_) => {
                return Err(RequestError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "The body was not received in time.",
                ));
            }
            Ok(None) => {
                // The job will keep it.
                if to.capacity() - to.len() > to.len() / 8 {
                    to.shrink_to_fit();
                }
                return Ok(());
            }
            Ok(Some(Err(error))) => return Err(bad(&format!("The body is broken: {error}."))),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Some(bytes) = frame.data_ref() {
            if bytes.len() > limit - (to.len() - before) {
                return Err(too_large());
            }
            make_room(to, bytes.len(), expected);
            to.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<T>(result: Result<T, RequestError>) -> Option<u16> {
        result.err().map(|RequestError(status, _)| status.as_u16())
    }

    #[test]
    fn the_buffer_of_a_request_grows_sixteenfold_and_ends_with_what_its_peer_has_announced() {
        let mut buffer = vec![b'x'; 50];
        let mut capacities = Vec::new();
        while buffer.len() < 5_000_000 {
            make_room(&mut buffer, 10_000, 5_000_050);
            capacities.push(buffer.capacity());
            buffer.extend_from_slice(&[b'x'; 10_000]);
        }
        capacities.dedup();
        assert_eq!(capacities, [312_504, 5_000_050]);
        // One that sends more, or has announced nothing.
        for expected in [0, 5_000_050] {
            make_room(&mut buffer, 10_000, expected);
            assert!(buffer.capacity() >= buffer.len() + 10_000);
        }
    }

    #[test]
    fn the_path_names_the_function() {
        for (path, name) in
            [("/f", &b"f"[..]), ("/a/b/", b"a/b/"), ("//", b"/"), ("/%E9%20%25", b"\xE9 %")]
        {
            assert_eq!(function(path, None).ok().as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn a_path_without_a_valid_function_is_refused() {
        assert_eq!(status(function("/", None)), Some(404));
        assert_eq!(status(function("/%", None)), Some(400));
        assert_eq!(status(function("/a%00b", None)), Some(400));
        assert_eq!(status(function("/a", Some("x=1"))), Some(400));
    }

    #[test]
    fn headers_choose_the_command() {
        let headers = |priority: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-gearman-priority", priority.parse().expect("a value"));
            headers
        };
        assert_eq!(command(&HeaderMap::new(), true).ok(), Some(Command::SubmitJobBg));
        assert_eq!(command(&headers("HIGH"), false).ok(), Some(Command::SubmitJobHigh));
        assert_eq!(command(&headers("low"), true).ok(), Some(Command::SubmitJobLowBg));
        assert_eq!(status(command(&headers("urgent"), true)), Some(400));
    }
}
