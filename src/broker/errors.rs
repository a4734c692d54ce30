//! The errors that the broker answers with: code and text of ERROR packets.
//!
//! Must not: hold errors of the event loop or of start-up.

/// Code and text of an ERROR packet.
pub(super) type Refusal = (&'static [u8], &'static [u8]);

pub(super) const UNEXPECTED_COMMAND: Refusal = (b"INVALID_COMMAND", b"Command not expected");
pub(super) const NOT_A_REQUEST: Refusal = (b"INVALID_MAGIC", b"Request magic expected");
pub(super) const MISSING_ARGUMENTS: Refusal =
    (b"INVALID_ARGUMENTS", b"The packet has fewer arguments than its command needs");
pub(super) const UNRECOGNIZED_OPTION: Refusal =
    (b"UNKNOWN_OPTION", b"Server does not recognize given option");
pub(super) const UNIQUE_TOO_LARGE: Refusal = (b"ARGUMENT_TOO_LARGE", b"Unique value too large");
pub(super) const JOB_TOO_LARGE: Refusal =
    (b"ARGUMENT_TOO_LARGE", b"No packet to a worker can hold this job");
pub(super) const TOO_LARGE_TO_STORE: Refusal =
    (b"QUEUE_ERROR", b"The durable queue cannot hold a payload of this size");
pub(super) const EPOCH_TOO_LARGE: Refusal = (b"INVALID_ARGUMENTS", b"Epoch value too large");
pub(super) const QUEUE_FULL: Refusal = (b"QUEUE_ERROR", b"Job queue is full");
pub(super) const TOO_MANY_FUNCTIONS: Refusal = (
    b"LIMIT_EXCEEDED",
    b"This connection has as many functions as it may have (--functions-per-connection)",
);
pub(super) const TOO_MANY_UNIQUES: Refusal = (
    b"LIMIT_EXCEEDED",
    b"This connection has as many jobs with unique ids as it may have \
      (--unique-ids-per-connection)",
);
pub(super) const TOO_MANY_RUNNING: Refusal =
    (b"LIMIT_EXCEEDED", b"This worker runs as many jobs as it may (--jobs-per-worker)");
pub(super) const DRAINING: Refusal =
    (b"SHUTDOWN_GRACEFUL", b"The server finishes its jobs and takes no new ones");
pub(super) const NO_JOB_FOR_RESULT: Refusal =
    (b"JOB_NOT_FOUND", b"Job given in work result not found");
pub(super) const NO_JOB_FOR_DATA: Refusal = (b"JOB_NOT_FOUND", b"Job does not exist on server");
pub(super) const NO_JOB_FOR_EXCEPTION: Refusal =
    (b"JOB_NOT_FOUND", b"An exception was received for a job that does not exist");
