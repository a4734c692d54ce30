//! Why a session ends.
//!
//! Must not: close anything.

use std::borrow::Cow;

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The reason in words.
    pub text: Cow<'static, str>,
    /// Whether the peer is to blame: it broke the protocol, or a limit.
    pub is_fault: bool,
}

impl CloseReason {
    /// The peer has closed the connection.
    pub(crate) const PEER_CLOSED: CloseReason =
        CloseReason { text: Cow::Borrowed("the peer closed it"), is_fault: false };

    /// The connection broke.
    pub(crate) fn broken(error: &std::io::Error) -> CloseReason {
        CloseReason { text: error.to_string().into(), is_fault: false }
    }

    /// The peer did what it must not.
    pub(crate) fn fault(text: impl Into<Cow<'static, str>>) -> CloseReason {
        CloseReason { text: text.into(), is_fault: true }
    }
}
