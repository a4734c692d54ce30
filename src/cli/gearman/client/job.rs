//! [`SubmittedJob`]: the client's record of a job that it has submitted.
//!
//! Must not: print.

use std::time::{Instant, SystemTime};

/// A submitted job that has not ended.
#[derive(Debug)]
pub(crate) struct SubmittedJob {
    /// Its place among the jobs of this run, from 0.
    pub(crate) place: u64,
    /// The number of its line or argument, from 1.
    pub(crate) line: u64,
    /// Its data, if output or job log name it.
    pub(crate) data: Vec<u8>,
    /// The name of its function.
    pub(crate) function: Vec<u8>,
    /// When it was submitted, on the calendar and on the clock that measures.
    pub(crate) submitted_at: (SystemTime, Instant),
    /// Empty until the server has sent JOB_CREATED.
    pub(crate) handle: Vec<u8>,
    /// The data received so far, if results are printed as a whole.
    pub(crate) collected: Vec<u8>,
    /// The last printed byte was not a newline.
    pub(crate) mid_line: bool,
}
