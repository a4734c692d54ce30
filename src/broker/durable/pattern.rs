//! [`FunctionPattern`]: names of functions, with `*` for any bytes.
//!
//! Must not: know what a match means.

/// A function name in which `*` stands for any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionPattern(Box<[u8]>);

impl FunctionPattern {
    /// A pattern from its text.
    pub fn new(text: &[u8]) -> FunctionPattern {
        FunctionPattern(text.into())
    }

    /// Whether a name matches.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let mut parts = self.0.split(|&byte| byte == b'*');
        let first = parts.next().unwrap_or(b"");
        let Some(last) = parts.next_back() else { return *name == *self.0 };
        let Some(mut rest) = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last))
        else {
            return false;
        };
        for part in parts.filter(|part| !part.is_empty()) {
            let Some(place) = rest.windows(part.len()).position(|window| window == part) else {
                return false;
            };
            rest = &rest[place + part.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_bytes() {
        for (pattern, name, expected) in [
            ("resize", "resize", true),
            ("resize", "resize2", false),
            ("*", "", true),
            ("*", "anything", true),
            ("log_*", "log_", true),
            ("log_*", "log", false),
            ("*_log", "access_log", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "ace", true),
            ("a*c*e", "aec", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
        ] {
            let found = FunctionPattern::new(pattern.as_bytes()).matches(name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }
}
