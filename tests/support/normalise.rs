//! Making the output of two runs comparable, and showing where two texts differ.

/// Returns how many bytes at the start of a text it replaces, if any.
type Rule = fn(&str) -> Option<usize>;

/// Replaces what differs from run to run: job handles, UUIDs, process ids, source positions and
/// loopback ports.
pub fn normalise(text: &str) -> String {
    const RULES: [(Rule, &str); 5] = [
        (handle, "HANDLE"),
        (uuid, "UUID"),
        (|s| number_between(s, "pid(", ")"), "pid(PID)"),
        (source_position, "-> FILE:LINE"),
        (|s| number_between(s, "127.0.0.1:", ""), "127.0.0.1:PORT"),
    ];
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    'next: while let Some(first) = rest.chars().next() {
        let inside_word = result.ends_with(|c: char| c.is_ascii_alphanumeric());
        for (rule, replacement) in RULES {
            if inside_word {
                break;
            }
            if let Some(length) = rule(rest) {
                result.push_str(replacement);
                rest = &rest[length..];
                continue 'next;
            }
        }
        result.push(first);
        rest = &rest[first.len_utf8()..];
    }
    result
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `H:host:12`
fn handle(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("H:")?;
    let host = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        .count();
    let number = digits(rest[host..].strip_prefix(':')?);
    (host > 0 && number > 0).then_some(2 + host + 1 + number)
}

/// `01234567-89ab-cdef-0123-456789abcdef`
fn uuid(text: &str) -> Option<usize> {
    let candidate = text.as_bytes().get(..36)?;
    let fits = candidate.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    });
    fits.then_some(36)
}

/// A number with something before and after it.
fn number_between(text: &str, before: &str, after: &str) -> Option<usize> {
    let rest = text.strip_prefix(before)?;
    let number = digits(rest);
    (number > 0 && rest[number..].starts_with(after)).then_some(before.len() + number + after.len())
}

/// `-> dir/file.cc:123`
fn source_position(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("-> ")?;
    let word = &rest[..rest.find([' ', '\n']).unwrap_or(rest.len())];
    let (path, line) = word.split_once(':')?;
    let line = digits(line);
    (!path.is_empty() && line > 0).then_some(3 + path.len() + 1 + line)
}

/// The first lines in which two texts differ, for a message; None when they are equal.
pub fn difference(wanted: &str, got: &str) -> Option<String> {
    if wanted == got {
        return None;
    }
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.lines().collect(), got.lines().collect());
    let at = wanted.iter().zip(&got).take_while(|(w, g)| w == g).count();
    let mut text = String::new();
    for line in &wanted[at.saturating_sub(3)..at] {
        text += &format!("    {line}\n");
    }
    for line in wanted.iter().skip(at).take(8) {
        text += &format!("  - {line}\n");
    }
    for line in got.iter().skip(at).take(8) {
        text += &format!("  + {line}\n");
    }
    Some(format!("from line {} on (- wanted, + got):\n{text}", at + 1))
}
