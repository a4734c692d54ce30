//! The text of an ERR line, in words.
//!
//! Must not: be used for JSON, which has the text as it was received.

/// What job servers write before the name of a command that they do not know, without a blank.
const UNKNOWN_COMMAND_TEXT: &str = "Unknown+server+command";

/// The text behind `ERR` as a person reads it: the plus signs are the protocol's blanks. The
/// name of an unknown command keeps its own.
pub(crate) fn refusal_text(why: &[u8]) -> String {
    let text = String::from_utf8_lossy(why);
    let (text, name) = match text.find(UNKNOWN_COMMAND_TEXT) {
        Some(at) => text.split_at(at + UNKNOWN_COMMAND_TEXT.len()),
        None => (&*text, ""),
    };
    let blank = if name.is_empty() || name.starts_with(' ') { "" } else { " " };
    format!("{}{blank}{name}", text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_signs_are_shown_as_blanks() {
        for (why, expected) in [
            ("UNKNOWN_JOB", "UNKNOWN_JOB"),
            (
                "PERMISSION_DENIED This+address+takes+only+text+commands",
                "PERMISSION_DENIED This address takes only text commands",
            ),
            (
                "UNKNOWN_COMMAND Unknown+server+commandjson",
                "UNKNOWN_COMMAND Unknown server command json",
            ),
            (
                "UNKNOWN_COMMAND Unknown+server+command a+b",
                "UNKNOWN_COMMAND Unknown server command a+b",
            ),
            ("UNKNOWN_COMMAND Unknown+server+command", "UNKNOWN_COMMAND Unknown server command"),
            ("there are still connected workers", "there are still connected workers"),
        ] {
            assert_eq!(refusal_text(why.as_bytes()), expected);
        }
    }
}
