//! [`CloseReason`]: why a session ends.
//!
//! Must not: close anything.

use std::borrow::Cow;

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The reason as text for the log.
    pub text: Cow<'static, str>,
    /// Whether the peer violated the protocol or a limit.
    pub is_fault: bool,
}

impl CloseReason {
    /// The peer closed the connection.
    pub(crate) const PEER_CLOSED: CloseReason =
        CloseReason { text: Cow::Borrowed("closed by the peer"), is_fault: false };

    /// The connection is broken.
    pub(crate) fn broken(error: &std::io::Error) -> CloseReason {
        CloseReason { text: error.to_string().into(), is_fault: false }
    }

    /// The peer violated the protocol or a limit.
    pub(crate) fn fault(text: impl Into<Cow<'static, str>>) -> CloseReason {
        CloseReason { text: text.into(), is_fault: true }
    }
}
