//! Parsers of option values. Each error says what a valid value is.
//!
//! Must not: know options.

use std::fmt::Display;
use std::ops::RangeInclusive;

use gearman_broker::{FunctionSettings, HANDLE_PREFIX_BYTES_MAX};
use gearman_net::address::service_port;

/// Parses a whole number within `range`. `what` is the unit, in the plural.
pub(super) fn number<T>(
    range: RangeInclusive<T>,
    what: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: TryFrom<i128> + PartialOrd + Display + Clone,
{
    move |text| {
        let value = text.parse::<i128>().ok().and_then(|value| T::try_from(value).ok());
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            format!("not a whole number of {what} from {} to {}", range.start(), range.end())
        })
    }
}

/// Parses limits of a function's jobs: one for every priority, or one for each.
pub(super) fn parse_limits(text: &str) -> Result<FunctionSettings, String> {
    let settings = text.rsplit_once('=').and_then(|(function, limits)| {
        let limits: Option<Vec<u32>> = limits.split(',').map(|limit| limit.parse().ok()).collect();
        let limits = match limits?[..] {
            [all] => [all; 3],
            [high, normal, low] => [high, normal, low],
            _ => return None,
        };
        Some(FunctionSettings { function: function.as_bytes().into(), limits, is_paused: false })
    });
    settings.ok_or_else(|| {
        format!("not FUNCTION=LIMIT or FUNCTION=HIGH,NORMAL,LOW with limits from 0 to {}", u32::MAX)
    })
}

/// Parses yes or no.
pub(super) fn parse_whether(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".into()),
    }
}

/// Parses a prefix of job handles.
pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0..=HANDLE_PREFIX_BYTES_MAX => Ok(text.into()),
        _ => Err(format!("longer than {HANDLE_PREFIX_BYTES_MAX} bytes")),
    }
}

/// Parses the permissions of a file, as octal digits.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("not an octal number from 0 to 777".into()),
    }
}

/// Parses a port number, or the name of a TCP service.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    if let Ok(port) = text.parse() {
        return Ok(port);
    }
    service_port(text)
        .ok_or_else(|| "neither a port number from 0 to 65535 nor a known TCP service".into())
}

/// Parses a port; an empty word means `DEFAULT`, as in the original.
pub(super) fn parse_port_or<const DEFAULT: u16>(text: &str) -> Result<u16, String> {
    if text.is_empty() { Ok(DEFAULT) } else { parse_port(text) }
}

/// Parses a number of bytes, with a unit of K, M, G or T: 1024 and its powers.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        "T" => Some(1_u64 << 40),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(factor).and_then(|(n, f)| n.checked_mul(f));
    bytes.ok_or_else(|| "not a number of bytes such as 500000, 256M or 10G".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_have_a_unit() {
        for (text, bytes) in [("0", 0), ("17", 17), ("1k", 1 << 10), ("256M", 256 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert_eq!(parse_size("2G").and_then(|_| parse_size("3T")), Ok(3 << 40));
        for text in ["", "M", "1 M", "1MB", "-1", "1.5G", "99999999999999999999", "99999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_out_of_range_or_with_a_unit_is_refused_with_its_unit_and_range() {
        let parse = number::<u8>(1..=20, "seconds");
        assert_eq!(["1", "+7", "020"].map(&parse), [Ok(1), Ok(7), Ok(20)]);
        for text in ["0", "21", "-1", "256", "1s", "1.5", " 1", ""] {
            assert_eq!(
                parse(text),
                Err("not a whole number of seconds from 1 to 20".into()),
                "{text:?}"
            );
        }
    }
}
