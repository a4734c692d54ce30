//! From the packets of a call to its response: one status per outcome.
//!
//! A result that comes in pieces is kept until it is whole, because only then
//! its status is known. From a megabyte on, or if the client asked for it, it is
//! passed on as it comes; if such a job fails, its response breaks off.
//!
//! Must not: know how a request was made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::channel::HttpCall;
use super::reply::{Response, explain, in_pieces, with_body};
use gearman_protocol::{Command, Decoded, decode};

/// How large a result is kept until it is whole.
const STREAM_THRESHOLD_BYTES: usize = 1 << 20;

/// What a client asks for beside its job.
pub(super) struct Delivery {
    /// To hear only that the job was accepted.
    pub(super) background: bool,
    /// Whether its result can be passed on as it comes.
    pub(super) stream: bool,
    /// Whether it is to be, from the first piece on.
    pub(super) at_once: bool,
    /// Bytes of a result that is kept until it is whole.
    pub(super) limit: usize,
}

/// What a packet means to somebody who waits for a job.
enum JobEvent {
    /// The job has this handle.
    Created(Vec<u8>),
    /// A piece of its result.
    Piece(Bytes),
    /// The end, and what the packet was.
    End(Command, Bytes),
    /// There will be no job: a code and a text.
    Refused(Vec<u8>, Vec<u8>),
    /// Nothing.
    Other,
}

fn read(bytes: Vec<u8>) -> JobEvent {
    let bytes = Bytes::from(bytes);
    let Ok(Decoded::Whole { packet, .. }) = decode(&bytes) else { return JobEvent::Other };
    // The body is the end of the packet; it is not copied.
    let body = || bytes.slice(bytes.len() - packet.body().len()..);
    let command = packet.command();
    match command {
        Command::JobCreated => JobEvent::Created(packet.arg(0).to_vec()),
        Command::WorkData => JobEvent::Piece(body()),
        Command::WorkComplete | Command::WorkException => JobEvent::End(command, body()),
        Command::WorkFail => JobEvent::End(command, Bytes::new()),
        Command::Error => JobEvent::Refused(packet.arg(0).to_vec(), packet.arg(1).to_vec()),
        // Progress and warnings are not part of the result.
        _ => JobEvent::Other,
    }
}

/// Waits for the outcome of a call.
pub(super) async fn wait(mut call: HttpCall, delivery: Delivery) -> Response {
    let mut handle = Vec::new();
    let mut result = Vec::new();
    while let Some(packet) = call.next().await {
        match read(packet) {
            JobEvent::Created(created) => {
                handle = created;
                if delivery.background {
                    let accepted = with_body(StatusCode::ACCEPTED, Bytes::new());
                    return about(accepted, &handle, Command::JobCreated);
                }
            }
            JobEvent::Piece(piece) => {
                result.extend_from_slice(&piece);
                if delivery.stream && (delivery.at_once || result.len() > STREAM_THRESHOLD_BYTES) {
                    let pieces = StreamedResult { call, next: Some(result.into()), is_over: false };
                    return about(in_pieces(StatusCode::OK, pieces), &handle, Command::WorkData);
                }
                if result.len() > delivery.limit {
                    let why = "The result is too large to be kept.";
                    return explain(StatusCode::INTERNAL_SERVER_ERROR, why);
                }
            }
            JobEvent::End(command, rest) => {
                let whole = if result.is_empty() {
                    rest
                } else {
                    result.extend_from_slice(&rest);
                    result.into()
                };
                let status = match command {
                    Command::WorkComplete => StatusCode::OK,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                return about(with_body(status, whole), &handle, command);
            }
            JobEvent::Refused(code, text) => return refused(&code, &text),
            JobEvent::Other => {}
        }
    }
    explain(StatusCode::SERVICE_UNAVAILABLE, "The server is shutting down.")
}

/// Adds what the original's responses say about a job, if there is one.
fn about(mut response: Response, handle: &[u8], command: Command) -> Response {
    let headers = response.headers_mut();
    if !handle.is_empty()
        && let Ok(handle) = HeaderValue::from_bytes(handle)
    {
        headers.insert("x-gearman-job-handle", handle);
    }
    headers.insert("x-gearman-command", HeaderValue::from_static(command.name()));
    response
}

fn refused(code: &[u8], text: &[u8]) -> Response {
    let is_for_now = matches!(code, b"QUEUE_ERROR" | b"SHUTDOWN_GRACEFUL");
    let status = if is_for_now { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
    let mut response = explain(status, &String::from_utf8_lossy(text));
    if is_for_now {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    about(response, b"", Command::Error)
}

/// A result that is passed on as it comes.
pub(super) struct StreamedResult {
    call: HttpCall,
    /// What has come before.
    next: Option<Bytes>,
    is_over: bool,
}

impl Body for StreamedResult {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(bytes) = self.next.take()
                && !bytes.is_empty()
            {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            let packet = ready!(self.call.answers.poll_recv(context));
            let Some(packet) = packet else { return Poll::Ready(Some(Err(broken()))) };
            self.call.arrived(&packet);
            match read(packet) {
                JobEvent::Piece(piece) => self.next = Some(piece),
                JobEvent::End(Command::WorkComplete, rest) => {
                    self.next = Some(rest);
                    self.is_over = true;
                }
                JobEvent::End(..) => return Poll::Ready(Some(Err(broken()))),
                JobEvent::Created(_) | JobEvent::Refused(..) | JobEvent::Other => {}
            }
        }
    }
}

fn broken() -> io::Error {
    io::Error::other("the job failed")
}
