//! [`Unique`]: the unique id of a job, as sent to the server.
//!
//! Must not: coalesce jobs; servers do that.

use super::uuid::UuidSource;
use gearman_protocol::limits::UNIQUE_SIZE;

/// A unique id as sent: at most 63 bytes, without NUL.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    bytes: [u8; UNIQUE_SIZE],
    len: u8,
}

impl Unique {
    /// The id's bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn of(bytes: &[u8]) -> Unique {
        let len = bytes.len().min(UNIQUE_SIZE - 1);
        let mut unique = Unique { bytes: [0; UNIQUE_SIZE], len: len as u8 };
        unique.bytes[..len].copy_from_slice(&bytes[..len]);
        unique
    }

    /// Chooses the id of a job: an empty id becomes a UUID, "#" a hash of the workload, and
    /// an id of 64 bytes loses its last byte. None for a longer id.
    pub fn choose(given: &[u8], workload: &[u8], uuids: &mut UuidSource) -> Option<Unique> {
        match given {
            b"" => Some(Unique::of(uuids.generate())),
            b"#" => Some(Unique::of(murmur3(workload).to_string().as_bytes())),
            _ if given.len() > UNIQUE_SIZE => None,
            _ => Some(Unique::of(given)),
        }
    }
}

/// MurmurHash3 (32 bits, x86) with the seed that libhashkit uses.
fn murmur3(data: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = 0xdead_beef_u32.wrapping_mul(data.len() as u32);
    let mut blocks = data.chunks_exact(4);
    for block in &mut blocks {
        let k = block.iter().rev().fold(0, |k, &b| k << 8 | u32::from(b));
        hash = (hash ^ scramble(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = blocks.remainder().iter().rev().fold(0, |k, &b| k << 8 | u32::from(b));
    hash ^= scramble(tail);
    hash ^= data.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(given: &[u8], workload: &[u8]) -> Option<Vec<u8>> {
        let chosen = Unique::choose(given, workload, &mut UuidSource::default())?;
        Some(chosen.as_slice().to_vec())
    }

    #[test]
    fn a_given_id_is_kept_up_to_63_bytes() {
        assert_eq!(choose(b"u1", b""), Some(b"u1".to_vec()));
        assert_eq!(choose(b"-", b"x"), Some(b"-".to_vec()));
        assert_eq!(choose(&[b'u'; 63], b""), Some(vec![b'u'; 63]));
        assert_eq!(choose(&[b'u'; 64], b""), Some(vec![b'u'; 63]));
        assert_eq!(choose(&[b'u'; 65], b""), None);
    }

    #[test]
    fn an_empty_id_becomes_a_uuid() {
        assert_eq!(choose(b"", b"").expect("a unique id").len(), 36);
    }
}
