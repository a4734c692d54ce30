//! [`Pattern`]: a name in which `*` stands for any bytes.
//!
//! Must not: know what it names.

/// A name in which `*` stands for any bytes, or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The literal parts between the stars; one part is a name without a star.
    parts: Vec<Box<[u8]>>,
}

impl Pattern {
    /// A pattern from bytes, each with a flag whether it is literal: another `*` is a star.
    pub(crate) fn new(bytes: &[(u8, bool)]) -> Pattern {
        let parts = bytes.split(|&byte| byte == (b'*', false));
        Pattern { parts: parts.map(|part| part.iter().map(|&(byte, _)| byte).collect()).collect() }
    }

    /// The pattern in lower case.
    pub(crate) fn into_lower_case(mut self) -> Pattern {
        self.parts.iter_mut().for_each(|part| part.make_ascii_lowercase());
        self
    }

    /// Whether it matches every name.
    pub(crate) fn is_any(&self) -> bool {
        self.parts.len() > 1 && self.parts.iter().all(|part| part.is_empty())
    }

    /// Whether a name matches.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let (first, rest) = self.parts.split_first().expect("a pattern has a part");
        let Some((last, middle)) = rest.split_last() else { return *name == **first };
        let Some(mut left) =
            name.strip_prefix(&**first).and_then(|left| left.strip_suffix(&**last))
        else {
            return false;
        };
        // The first place of each part leaves the most for the others.
        for part in middle.iter().filter(|part| !part.is_empty()) {
            let Some(place) = left.windows(part.len()).position(|window| *window == **part) else {
                return false;
            };
            left = &left[place + part.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(&text.bytes().map(|byte| (byte, false)).collect::<Vec<_>>())
    }

    #[test]
    fn a_star_stands_for_any_bytes() {
        for (text, name, expected) in [
            ("resize", "resize", true),
            ("resize", "resize2", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("log_*", "log_", true),
            ("log_*", "log", false),
            ("*_log", "access_log", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "aec", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("a*bc*bcd", "abcbcd", true),
        ] {
            assert_eq!(pattern(text).matches(name.as_bytes()), expected, "{text} {name}");
        }
    }

    #[test]
    fn only_stars_match_everything() {
        assert!(pattern("*").is_any() && pattern("**").is_any());
        assert!(!pattern("").is_any() && !pattern("*x").is_any());
        let literal = Pattern::new(&[(b'*', true)]);
        assert!(!literal.is_any() && literal.matches(b"*") && !literal.matches(b"x"));
    }
}
