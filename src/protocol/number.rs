//! Reading numbers out of text the way `atoll` does: the original's rules for
//! ports and results, and for what servers send.
//!
//! Must not: fail. What is no number is 0.

/// The decimal number that `text` starts with, after blanks and a sign, held
/// within the type's limits; 0 where there is none.
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
    fn what_is_no_number_is_zero() {
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
