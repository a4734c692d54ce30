//! The order in which the original lists functions, jobs and uniques: that of the
//! buckets of its hash tables. Scripts compare these lists as text.
//!
//! Must not: be used for lookups; clients can choose names that collide in this hash.

/// Number of buckets of the original's tables.
pub(crate) const BUCKETS: u32 = 991;

/// The bucket of a name.
pub(super) fn bucket(name: &[u8]) -> u16 {
    Hash::default().with(name).bucket()
}

/// Bob Jenkins's one-at-a-time hash over signed numbers: bytes above 127 are
/// negative, and a shift to the right keeps the sign.
#[derive(Clone, Copy, Default)]
pub(super) struct Hash(i32);

impl Hash {
    /// The hash after these further bytes.
    pub(super) fn with(self, bytes: &[u8]) -> Hash {
        Hash(bytes.iter().fold(self.0, |hash, &byte| {
            let hash = hash.wrapping_add(i32::from(byte as i8));
            let hash = hash.wrapping_add(hash << 10);
            hash ^ (hash >> 6)
        }))
    }

    /// The bucket of the hashed bytes.
    pub(super) fn bucket(self) -> u16 {
        let mut hash = self.0;
        hash = hash.wrapping_add(hash << 3);
        hash ^= hash >> 11;
        hash = hash.wrapping_add(hash << 15);
        (hash as u32 % BUCKETS) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_the_buckets_of_the_original() {
        assert_eq!([b"c", b"b", b"z", b"a"].map(|n| bucket(n)), [86, 207, 614, 937]);
        assert_eq!(bucket(b""), 0);
        // The order in which the original listed them among three hundred functions.
        let listed = ["fn7", "fn110", "fn67", "fn251", "fn186", "fn43"];
        assert!(listed.is_sorted_by_key(|name| bucket(name.as_bytes())));
    }

    #[test]
    fn a_name_in_two_parts_has_the_hash_of_the_whole_name() {
        assert_eq!(Hash::default().with(b"H:").with(b"1").bucket(), bucket(b"H:1"));
    }
}
