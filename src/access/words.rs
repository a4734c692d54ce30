//! Splits a line of the rules into words.
//!
//! Must not: know what a word means.

/// A word: its bytes, each with a flag whether it is literal, as it is behind a backslash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) Vec<(u8, bool)>);

impl Word {
    /// The word as text, for comparing and for errors.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().map(|&(byte, _)| byte).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether the word is this one, in any case and without a backslash.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.0.len() == keyword.len()
            && self.0.iter().zip(keyword.bytes()).all(|(&(byte, is_literal), expected)| {
                !is_literal && byte.to_ascii_lowercase() == expected
            })
    }

    /// The bytes behind the first colon, and the text before it.
    pub(crate) fn split_kind(&self) -> Option<(String, &[(u8, bool)])> {
        let colon = self.0.iter().position(|&byte| byte == (b':', false))?;
        let kind = Word(self.0[..colon].to_vec()).text().to_ascii_lowercase();
        Some((kind, &self.0[colon + 1..]))
    }
}

/// Splits a line at spaces, tabs and commas. Double quotes hold a word together, a backslash
/// makes the next character literal (`\xNN` is the byte NN), and a `#` at the start of a word
/// begins a comment.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut word: Option<Vec<(u8, bool)>> = None;
    let mut is_quoted = false;
    let mut rest = line;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            b'\\' => {
                let (byte, behind) = escaped(rest)?;
                word.get_or_insert_default().push((byte, true));
                rest = behind;
            }
            b' ' | b'\t' | b',' if !is_quoted => words.extend(word.take().map(Word)),
            b'#' if !is_quoted && word.is_none() => break,
            0..=8 | 10..=31 | 127 => {
                return Err(format!("a control character (\\x{byte:02x}) is not allowed"));
            }
            _ => word.get_or_insert_default().push((*byte, false)),
        }
    }
    if is_quoted {
        return Err("a double quote is not closed".into());
    }
    words.extend(word.map(Word));
    Ok(words)
}

/// The byte that follows a backslash, and what is behind it.
fn escaped(rest: &[u8]) -> Result<(u8, &[u8]), String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match rest {
        [b'x', high, low, behind @ ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => Ok(((high * 16 + low) as u8, behind)),
            _ => Err("\\x stands before two hexadecimal digits".into()),
        },
        [b'x', ..] => Err("\\x stands before two hexadecimal digits".into()),
        [byte, behind @ ..] => Ok((*byte, behind)),
        [] => Err("a backslash has nothing behind it".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, String> {
        Ok(split(line.as_bytes())?.iter().map(Word::text).collect())
    }

    #[test]
    fn spaces_tabs_and_commas_separate_words() {
        assert_eq!(words("a b,c,\td , e"), Ok(["a", "b", "c", "d", "e"].map(String::from).into()));
        assert_eq!(words(" ,"), Ok(Vec::new()));
    }

    #[test]
    fn quotes_hold_a_word_together_and_a_hash_begins_a_comment() {
        let expected = ["cert:My Name, Inc", "x#y", ""].map(String::from);
        assert_eq!(words("cert:\"My Name, Inc\" x#y \"\" # no \"more"), Ok(expected.into()));
        assert_eq!(words("\"#\" \\#"), Ok(["#", "#"].map(String::from).into()));
    }

    #[test]
    fn a_backslash_makes_the_next_character_literal() {
        let word = split(b"\\*\\x2a*").expect("a word").remove(0);
        assert_eq!(word.0, [(b'*', true), (b'*', true), (b'*', false)]);
    }

    #[test]
    fn an_error_says_what_is_wrong_with_the_line() {
        for (line, expected) in [
            ("a \"b", "not closed"),
            ("a\\", "nothing behind"),
            ("\\x4", "two hexadecimal digits"),
            ("\\xg0", "two hexadecimal digits"),
            ("a\u{1}", "control character (\\x01)"),
        ] {
            let error = words(line).expect_err(line);
            assert!(error.contains(expected), "{error}");
        }
    }
}
