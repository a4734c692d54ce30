//! Who owns the queue, as every server has it in an item.
//!
//! Must not: use a connection.

/// Version of the format. A newer one is refused.
pub(super) const MEMCACHED_FORMAT: u64 = 1;

/// The content of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnershipState {
    pub(super) format: u64,
    /// Number of the ownership: every server that takes the queue over has a larger one.
    pub(super) epoch: u64,
    /// The last batch that was written.
    pub(super) batch: u64,
    /// The largest job number that was used or reserved.
    pub(super) number: u64,
    pub(super) owner: String,
}

impl OwnershipState {
    pub(super) fn encode(&self) -> Vec<u8> {
        let OwnershipState { format, epoch, batch, number, owner } = self;
        format!("{format} {epoch} {batch} {number} {owner}").into_bytes()
    }

    /// `None` if the bytes are no state.
    pub(super) fn decode(bytes: &[u8]) -> Option<OwnershipState> {
        let mut words = std::str::from_utf8(bytes).ok()?.splitn(5, ' ');
        let mut number = || words.next()?.parse().ok();
        let (format, epoch, batch) = (number()?, number()?, number()?);
        let (number, owner) = (number()?, words.next()?.to_owned());
        Some(OwnershipState { format, epoch, batch, number, owner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let owner = "process 1 on host".to_owned();
        let state = OwnershipState { format: 1, epoch: 2, batch: 3, number: 4, owner };
        assert_eq!(OwnershipState::decode(&state.encode()), Some(state));
        for bytes in ["", "1 2 3 4", "1 2 3 x owner", "-1 2 3 4 owner"] {
            assert_eq!(OwnershipState::decode(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
