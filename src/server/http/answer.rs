//! Turns the packets of an HTTP call into its response: one status per outcome.
//!
//! A result in pieces is buffered until it is complete, because only then its status is
//! known. Above 1 MiB, or if the client asked for it, the pieces are streamed; if such a
//! job fails, the response is cut off.
//!
//! Must not: know how a request was made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::channel::{HttpCall, HttpPacket};
use super::reply::{Response, explain, streamed, with_body};
use gearman_protocol::{Command, Decoded, decode};

/// Size above which a result is streamed instead of buffered.
const STREAM_THRESHOLD_BYTES: usize = 1 << 20;

/// How a client wants the result of its job.
pub(super) struct Delivery {
    /// Not at all: the response only says that the job was accepted.
    pub(super) background: bool,
    /// Whether the result may be streamed.
    pub(super) can_stream: bool,
    /// Whether the result is streamed from the first piece on.
    pub(super) stream_at_once: bool,
    /// Largest result that is buffered.
    pub(super) buffered_bytes_max: usize,
}

/// What a packet says about a job.
enum JobEvent {
    /// The job was accepted and has this handle.
    Created(Vec<u8>),
    /// A piece of the result.
    Piece(Bytes),
    /// The job ended with this command and this rest of the result.
    End(Command, Bytes),
    /// The job was refused, with a code and a text.
    Refused(Vec<u8>, Vec<u8>),
    /// Nothing that matters here.
    Other,
}

fn read(packet: HttpPacket) -> JobEvent {
    let HttpPacket { head, body } = packet;
    let head = Bytes::from(head);
    let (packet, body_at) = match decode(&head) {
        Ok(Decoded::Whole { packet, used }) => (packet, used - packet.body().len()),
        // The body is a part of its own.
        Ok(Decoded::Head { packet, .. }) => (packet, head.len()),
        _ => return JobEvent::Other,
    };
    // Not a copy, wherever it is.
    let body = || if body.is_empty() { head.slice(body_at..) } else { body.clone() };
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

/// Waits for the outcome of an HTTP call.
pub(super) async fn wait(mut call: HttpCall, delivery: Delivery) -> Response {
    let mut handle = Vec::new();
    let mut result = Vec::new();
    let mut kept = 0;
    while let Some(packet) = call.packets.recv().await {
        // A piece that is kept still waits for the peer.
        kept += packet.len();
        match read(packet) {
            JobEvent::Created(created) => {
                handle = created;
                if delivery.background {
                    let accepted = with_body(StatusCode::ACCEPTED, Bytes::new());
                    return with_job_headers(accepted, &handle, Command::JobCreated);
                }
            }
            JobEvent::Piece(piece) => {
                result.extend_from_slice(&piece);
                if delivery.can_stream
                    && (delivery.stream_at_once || result.len() > STREAM_THRESHOLD_BYTES)
                {
                    call.note_taken(kept);
                    let pieces = StreamedResult { call, next: Some(result.into()), is_over: false };
                    return with_job_headers(
                        streamed(StatusCode::OK, pieces),
                        &handle,
                        Command::WorkData,
                    );
                }
                if result.len() > delivery.buffered_bytes_max {
                    let why = "The result is larger than the server buffers (--output-limit).";
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
                return with_job_headers(with_body(status, whole), &handle, command);
            }
            JobEvent::Refused(code, text) => return refused(&code, &text),
            JobEvent::Other => {}
        }
    }
    explain(StatusCode::SERVICE_UNAVAILABLE, "The server is shutting down.")
}

/// Adds the headers about the job that the original sends.
fn with_job_headers(mut response: Response, handle: &[u8], command: Command) -> Response {
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
    let is_temporary = matches!(code, b"QUEUE_ERROR" | b"SHUTDOWN_GRACEFUL");
    let status = match code {
        _ if is_temporary => StatusCode::SERVICE_UNAVAILABLE,
        b"PERMISSION_DENIED" => StatusCode::FORBIDDEN,
        b"LIMIT_EXCEEDED" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = explain(status, &String::from_utf8_lossy(text));
    if is_temporary {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    with_job_headers(response, b"", Command::Error)
}

/// A result that is streamed.
pub(super) struct StreamedResult {
    call: HttpCall,
    /// The pieces received before streaming started, or the next piece.
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
            let packet = ready!(self.call.packets.poll_recv(context));
            let Some(packet) = packet else { return Poll::Ready(Some(Err(broken()))) };
            self.call.note_taken(packet.len());
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
