//! Reads numbers as C's `atoll` does, which the original uses for ports, results, and
//! numbers from servers.
//!
//! Must not: fail. Text that does not start with a number is 0.

/// The decimal number at the start of `text`, after whitespace and a sign, clamped to the
/// limits of the type. 0 without a number.
pub fn leading_integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    digits.iter().take_while(|b| b.is_ascii_digit()).fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        let value = value.saturating_mul(10);
        if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leading_digits_are_a_number_and_other_text_is_zero() {
        for (text, number) in [
            ("", 0),
            ("x", 0),
            ("-", 0),
            ("- 1", 0),
            ("0x10", 0),
            ("010", 10),
            ("+5", 5),
            ("\t7x", 7),
            ("-9223372036854775809", i64::MIN),
            ("9223372036854775808", i64::MAX),
        ] {
            assert_eq!(leading_integer(text.as_bytes()), number, "{text:?}");
        }
    }
}
