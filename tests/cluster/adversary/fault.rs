//! The faults of an adversary for which a server may end its connection.
//!
//! Must not: know how they are committed.

/// A fault of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeerFault {
    Magic,
    Command,
    /// Arguments that are too long.
    Arguments,
    /// A length that the protocol does not allow.
    Length,
    /// A text line that is too long.
    Line,
    /// A text line with too many words.
    Words,
    /// Output that is not read.
    Unread,
}

impl PeerFault {
    /// Faults of a stream in which a packet may end amid the next one.
    pub(super) const OUT_OF_STEP: &'static [PeerFault] = &[
        PeerFault::Magic,
        PeerFault::Command,
        PeerFault::Arguments,
        PeerFault::Length,
        PeerFault::Line,
        PeerFault::Words,
    ];

    /// Whether this reason of a server names the fault.
    pub(super) fn is_named_by(self, reason: &str) -> bool {
        let words = match self {
            PeerFault::Magic => "invalid magic",
            PeerFault::Command => "unknown command number",
            PeerFault::Arguments => "arguments of",
            PeerFault::Length => "declared payload of",
            PeerFault::Line => "a text line has more than",
            PeerFault::Words => "a text line has too many words",
            PeerFault::Unread => "bytes of output are unread",
        };
        reason.contains(words)
    }
}
