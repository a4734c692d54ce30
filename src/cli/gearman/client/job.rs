//! [`SubmittedJob`]: the client's record of a job that it has submitted.
//!
//! Must not: print.

/// A submitted job that has not ended.
#[derive(Debug, Default)]
pub(crate) struct SubmittedJob {
    /// The name of its function.
    pub(crate) function: Vec<u8>,
    /// Empty until the server has sent JOB_CREATED.
    pub(crate) handle: Vec<u8>,
    /// The data received so far, if results are printed as a whole.
    pub(crate) collected: Vec<u8>,
    /// The last printed byte was not a newline.
    pub(crate) mid_line: bool,
}
