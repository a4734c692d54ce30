//! [`Pattern`]: a name in which `*` stands for any bytes.
//!
//! Must not: know what it names.

/// A name in which `*` stands for any bytes, or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The literal parts between the stars; one part is a name without a star.
    parts: Vec<Box<[u8]>>,
}

impl Pattern {
    /// A pattern in which every `*` is a star.
    pub fn of_text(text: &[u8]) -> Pattern {
        Pattern { parts: text.split(|&byte| byte == b'*').map(Into::into).collect() }
    }

    /// A pattern from bytes, each with a flag whether it is literal: another `*` is a star.
    pub fn new(bytes: &[(u8, bool)]) -> Pattern {
        let parts = bytes.split(|&byte| byte == (b'*', false));
        Pattern { parts: parts.map(|part| part.iter().map(|&(byte, _)| byte).collect()).collect() }
    }

    /// The pattern in lower case.
    #[must_use]
    pub fn into_lower_case(mut self) -> Pattern {
        self.parts.iter_mut().for_each(|part| part.make_ascii_lowercase());
        self
    }

    /// Whether it matches every name.
    pub fn is_any(&self) -> bool {
        self.parts.len() > 1 && self.parts.iter().all(|part| part.is_empty())
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
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

    #[test]
    fn a_star_stands_for_any_bytes_and_nothing_else_does() {
        for (text, name, expected) in [
            ("resize", "resize", true),
            ("resize", "resize2", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("*", "anything", true),
            ("log_*", "log_", true),
            ("log_*", "log", false),
            ("*_log", "access_log", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "aec", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("a*bc*bcd", "abcbcd", true),
            ("img.*", "img.", true),
            ("img.*", "img.a", true),
            ("img.*", "img.*", true),
            ("img.*", "img", false),
            ("img.*", "imgXa", false),
            ("img.*", "x.img.a", false),
            ("*", "a", true),
            ("f", "f", true),
            ("f", "", false),
            ("f", "ff", false),
            ("*_a*b", "_ab", true),
            ("*_a*b", "x_a_ab", true),
            ("*_a*b", "_a_ab", true),
            ("*_a*b", "_a", false),
            ("*_a*b", "ab", false),
            ("*_a*b", "_abx", false),
            ("a*a", "aa", true),
            ("a*a", "aba", true),
            ("a**b", "axb", true),
            ("a**b", "a", false),
            ("?[a]", "?[a]", true),
            ("?[a]", "xa", false),
        ] {
            let found = Pattern::of_text(text.as_bytes()).matches(name.as_bytes());
            assert_eq!(found, expected, "{text} {name}");
        }
    }

    #[test]
    fn only_stars_match_everything() {
        let is_any = |text: &str| Pattern::of_text(text.as_bytes()).is_any();
        assert!(is_any("*") && is_any("**"));
        assert!(!is_any("") && !is_any("*x"));
        let literal = Pattern::new(&[(b'*', true)]);
        assert!(!literal.is_any() && literal.matches(b"*") && !literal.matches(b"x"));
    }
}
