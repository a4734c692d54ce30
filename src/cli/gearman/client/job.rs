//! [`Job`]: what the client keeps for a job that it has submitted.
//!
//! Must not: print.

/// A job that is not done.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// Its function's name.
    pub(crate) function: Vec<u8>,
    /// Empty until the server has told it.
    pub(crate) handle: Vec<u8>,
    /// What it has sent, where that is printed as a whole.
    pub(crate) collected: Vec<u8>,
    /// Its last printed byte ended no line.
    pub(crate) mid_line: bool,
}
