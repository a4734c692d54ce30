//! Percent encoding of names, which are any bytes: `%XX` is the byte XX in hexadecimal.
//!
//! Must not: know the admin commands that use it.

/// A percent sign without two hexadecimal digits behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Appends a name as one word of UTF-8 text: spaces, control characters, percent signs and
/// bytes that are not UTF-8 are encoded.
pub fn escape(name: &[u8], text: &mut Vec<u8>) {
    for chunk in name.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                0..=b' ' | b'%' | 0x7f => escape_byte(byte, text),
                _ => text.push(byte),
            }
        }
        chunk.invalid().iter().for_each(|&byte| escape_byte(byte, text));
    }
}

fn escape_byte(byte: u8, text: &mut Vec<u8>) {
    text.extend_from_slice(format!("%{byte:02X}").as_bytes());
}

/// Decodes a name.
///
/// # Errors
/// [`Malformed`] when two hexadecimal digits do not follow a percent sign.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            name.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else { return Err(Malformed) };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Malformed);
        name.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = behind;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_bytes_is_decoded_as_it_was() {
        for name in ["plain", "größe", "a b%c\t\n\x7f", ""].map(str::as_bytes) {
            let mut text = Vec::new();
            escape(name, &mut text);
            assert!(!text.contains(&b' '));
            assert_eq!(unescape(&text).as_deref(), Ok(name));
        }
        let every: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        escape(&every, &mut text);
        assert!(str::from_utf8(&text).is_ok());
        assert_eq!(unescape(&text), Ok(every));
    }

    #[test]
    fn text_without_spaces_is_not_encoded() {
        let mut text = Vec::new();
        escape("größe:a/b-c_d".as_bytes(), &mut text);
        assert_eq!(text, "größe:a/b-c_d".as_bytes());
    }

    #[test]
    fn a_percent_sign_without_two_digits_is_malformed() {
        for text in ["%", "a%2", "%zz", "%+1", "100%"] {
            assert_eq!(unescape(text.as_bytes()), Err(Malformed), "{text}");
        }
    }
}
