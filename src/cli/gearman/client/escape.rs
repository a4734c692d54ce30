//! Bytes in a field of a line whose fields are separated by tabs: control characters, `%` and
//! what is not UTF-8 are written as `%` and two hexadecimal digits for each byte. The rest
//! stays as it is.
//!
//! Must not: lose a byte.

use std::fmt::Write;

/// The text of a field.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '%' || character.is_control() {
                put_codes(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        put_codes(&mut text, chunk.invalid());
    }
    text
}

fn put_codes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_protocol::percent::{Malformed, unescape};

    #[test]
    fn every_byte_survives_in_a_field_without_tabs_and_newlines() {
        let all: Vec<u8> = (0..=255).collect();
        let text = escaped(&all);
        assert!(!text.chars().any(char::is_control));
        assert_eq!(unescape(text.as_bytes()), Ok(all));
        assert_eq!(escaped("50% ü\t\n".as_bytes()), "50%25 ü%09%0A");
        assert_eq!(escaped(b"a\xff\xc3"), "a%FF%C3");
    }

    #[test]
    fn a_percent_sign_without_two_digits_is_no_field() {
        for text in ["%", "a%4", "%4x", "%+1", "%\u{e9}"] {
            assert_eq!(unescape(text.as_bytes()), Err(Malformed), "{text}");
        }
    }
}
