//! [`find`]: where a byte is, with the C library's vector instructions.
//!
//! Must not: copy.

/// Where `byte` first stands in `bytes`.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let start = bytes.as_ptr();
    // SAFETY: `memchr` reads at most the slice's bytes.
    let at = unsafe { libc::memchr(start.cast(), i32::from(byte), bytes.len()) };
    (!at.is_null()).then(|| at as usize - start as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_found() {
        assert_eq!(find(0, b"ab\0c\0"), Some(2));
        assert_eq!(find(b'x', b"ab"), None);
        assert_eq!(find(0, b""), None);
    }
}
