//! [`UuidSource`]: generates unique ids for tasks without one.
//!
//! Version-1 UUIDs, as in the original, with a random node (RFC 4122, section 4.5) instead
//! of the machine's address. A source draws a random node and clock sequence once and then
//! counts. A forked child draws new ones: equal ids would silently coalesce different jobs.
//!
//! Must not: be shared by two handles.

use gearman_net::{fork, random};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// Length of a UUID's text (`GEARMAN_MAX_UUID_SIZE`).
pub const UUID_SIZE: usize = 36;

/// Offset from the UUID epoch (15 October 1582) to the Unix epoch, in units of 100 ns.
const GREGORIAN_TO_UNIX_100NS: u64 = 0x01b2_1dd2_1381_4000;

/// A generator of unique ids.
#[derive(Debug)]
pub struct UuidSource {
    /// The fork generation in which the node was drawn; 0 before the first id.
    generation: u64,
    /// The time of the last id, in units of 100 ns since the UUID epoch.
    time_100ns: u64,
    /// The text of the last id.
    text: [u8; UUID_SIZE],
}

impl Default for UuidSource {
    fn default() -> UuidSource {
        UuidSource { generation: 0, time_100ns: 0, text: [b'-'; UUID_SIZE] }
    }
}

impl UuidSource {
    /// The next id, as text.
    pub fn generate(&mut self) -> &[u8; UUID_SIZE] {
        let generation = fork::generation();
        if self.generation != generation {
            self.reseed(generation);
        }
        self.time_100ns += 1;
        if self.time_100ns as u32 == 0 {
            self.write_high_time();
        }
        hex(&mut self.text[0..8], self.time_100ns & 0xffff_ffff);
        &self.text
    }

    /// Writes the upper part of the time, which changes every seven minutes.
    fn write_high_time(&mut self) {
        hex(&mut self.text[9..13], (self.time_100ns >> 32) & 0xffff);
        hex(&mut self.text[14..18], ((self.time_100ns >> 48) & 0x0fff) | 0x1000);
    }

    #[cold]
    fn reseed(&mut self, generation: u64) {
        // Mixed with values that differ between processes, in case the kernel's generator
        // is not ready.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(generation);
        hasher.write_u32(std::process::id());
        let seed = [random() ^ hasher.finish(), random() ^ hasher.finish()];
        let clock = (seed[1] & 0x3fff) | 0x8000;
        // The multicast bit marks the node as random, not a hardware address.
        let node = (seed[0] & 0xffff_ffff_ffff) | 0x0100_0000_0000;
        hex(&mut self.text[19..23], clock);
        hex(&mut self.text[24..36], node);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.time_100ns = GREGORIAN_TO_UNIX_100NS + (now.as_nanos() / 100) as u64;
        self.write_high_time();
        self.generation = generation;
    }
}

fn hex(out: &mut [u8], mut value: u64) {
    const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in out.iter_mut().rev() {
        *byte = HEX_DIGITS[(value & 15) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_id_has_the_shape_of_a_version_1_uuid() {
        let mut source = UuidSource::default();
        let id = source.generate();
        let text = std::str::from_utf8(id).expect("UTF-8 text");
        for (at, c) in text.chars().enumerate() {
            match at {
                8 | 13 | 18 | 23 => assert_eq!(c, '-', "{text}"),
                14 => assert_eq!(c, '1', "{text}"),
                19 => assert!("89ab".contains(c), "{text}"),
                _ => assert!(c.is_ascii_hexdigit(), "{text}"),
            }
        }
    }

    #[test]
    fn ids_of_one_source_and_of_several_are_distinct() {
        let mut seen = HashSet::new();
        for _ in 0..20 {
            let mut source = UuidSource::default();
            for _ in 0..1000 {
                assert!(seen.insert(*source.generate()));
            }
        }
    }
}
