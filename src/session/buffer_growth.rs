//! How the buffer of a packet grows while the packet arrives.
//!
//! Must not: trust an announced size.

/// Size up to which a buffer is doubled.
const DOUBLED_BYTES_MAX: usize = 1 << 20;
/// Factor by which a larger buffer grows when it is full. Its last size but one is this part of the
/// packet, so that old and new buffer together need little more memory than the packet, and few
/// bytes are moved. Memory that was reserved and not written costs nothing.
const BUFFER_GROWTH: usize = 16;

/// Capacity of the buffer for a packet of `need` bytes of which `have` have arrived, and of which
/// `known` can be vouched for. A smaller buffer is doubled. A larger one gets what is left after
/// dividing `need` by the growth as long as the result is larger than `known`.
pub fn buffer_capacity(need: usize, have: usize, known: usize) -> usize {
    if need <= DOUBLED_BYTES_MAX {
        return need.min(have + known);
    }
    let mut capacity = need;
    while capacity.div_ceil(BUFFER_GROWTH) > known {
        capacity = capacity.div_ceil(BUFFER_GROWTH);
    }
    capacity
}
