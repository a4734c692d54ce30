//! [`find`]: searches for a byte with the C library's vectorised `memchr`.
//!
//! Must not: copy.

/// The index of the first `byte` in `bytes`.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let start = bytes.as_ptr();
    // SAFETY: `memchr` reads at most `bytes.len()` bytes from the start of the slice.
    let at = unsafe { libc::memchr(start.cast(), i32::from(byte), bytes.len()) };
    (!at.is_null()).then(|| at as usize - start as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_equal_bytes_is_found() {
        assert_eq!(find(0, b"ab\0c\0"), Some(2));
        assert_eq!(find(b'x', b"ab"), None);
        assert_eq!(find(0, b""), None);
    }
}
