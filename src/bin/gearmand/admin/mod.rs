//! The text protocol: one line in, an answer of the original's bytes out.
//!
//! A command is one arm of the match in [`answer`]. Lists are in `lists`.
//!
//! Must not: know connections; the answer is a piece of text for whoever asked.

mod lists;

use crate::broker::{Broker, Cancelled, Dropped, Outbox};

/// Most words that a line can have.
const MAX_WORDS: usize = 5;

const OK: &[u8] = b"OK\r\n";

/// A line that no answer is possible to: the connection is to be closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyWords;

/// Answers a line, which comes without its end.
pub(crate) fn answer(
    line: &[u8],
    level: &str,
    broker: &mut Broker,
    packets: &mut dyn Outbox,
    text: &mut Vec<u8>,
) -> Result<(), TooManyWords> {
    // The original's strings end at a NUL. Only single blanks divide words, so
    // that an empty word is one too.
    let line = gearman::protocol::packet::until_nul(line);
    let words: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
    if words.len() > MAX_WORDS {
        return Err(TooManyWords);
    }
    let lower = words[0].to_ascii_lowercase();
    let arguments = &words[1..];
    match (&lower[..], arguments) {
        (b"workers", _) => lists::workers(broker, text),
        (b"status", _) => lists::status(broker, text),
        (b"prioritystatus", _) => lists::priority_status(broker, text),
        (b"show", [what @ .., last]) => show(broker, what, last, text),
        (b"cancel", [what, handle]) => cancel(broker, what, handle, packets, text),
        (b"create", [what, name]) if what.eq_ignore_ascii_case(b"function") => {
            broker.create_function(name);
            text.extend_from_slice(OK);
        }
        (b"drop", [what, name]) if what.eq_ignore_ascii_case(b"function") => {
            text.extend_from_slice(match broker.drop_function(name, packets) {
                Dropped::Yes => OK,
                Dropped::Unknown => b"ERR function not found\r\n",
                Dropped::InUse => b"ERR there are still connected workers or executing clients\r\n",
            });
        }
        (b"maxqueue", [name, limits @ ..]) => {
            broker.limit_queue(name, parse_limits(limits));
            text.extend_from_slice(OK);
        }
        (b"create" | b"drop" | b"maxqueue", _) => {
            text.extend_from_slice(
                b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+",
            );
            text.extend_from_slice(&lower);
            text.extend_from_slice(b"\r\n");
        }
        (b"getpid", _) => one_line(text, &std::process::id().to_string()),
        (b"verbose", _) => one_line(text, level),
        (b"version", _) => one_line(text, env!("CARGO_PKG_VERSION")),
        _ => {
            text.extend_from_slice(b"ERR UNKNOWN_COMMAND Unknown+server+command");
            text.extend_from_slice(words[0]);
            text.extend_from_slice(b"\r\n");
        }
    }
    Ok(())
}

/// An answer of one value, whose line ends like those of lists do.
fn one_line(text: &mut Vec<u8>, value: &str) {
    text.extend_from_slice(format!("OK {value}\n").as_bytes());
}

fn show(broker: &Broker, what: &[&[u8]], last: &[u8], text: &mut Vec<u8>) {
    match what {
        [] if last.eq_ignore_ascii_case(b"jobs") => lists::jobs(broker, text),
        [unique]
            if unique.eq_ignore_ascii_case(b"unique") && last.eq_ignore_ascii_case(b"jobs") =>
        {
            lists::uniques(broker, text);
        }
        _ => text.extend_from_slice(b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
    }
}

fn cancel(
    broker: &mut Broker,
    what: &[u8],
    handle: &[u8],
    packets: &mut dyn Outbox,
    text: &mut Vec<u8>,
) {
    if !what.eq_ignore_ascii_case(b"job") {
        return text.extend_from_slice(b"ERR UNKNOWN_ERROR\r\n");
    }
    text.extend_from_slice(match broker.cancel(handle, packets) {
        Cancelled::Yes => OK,
        Cancelled::Unknown => b"ERR UNKNOWN_JOB\r\n",
    });
}

/// The limits of `maxqueue`: one number is for every priority, else they are
/// for HIGH, NORMAL and LOW. What is absent, no number or negative is no limit.
fn parse_limits(words: &[&[u8]]) -> [u32; 3] {
    let number = |word: &&[u8]| {
        let digits = word.iter().take_while(|b| b.is_ascii_digit());
        digits.fold(0_u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0')))
    };
    match words {
        [all] => [number(all); 3],
        _ => [0, 1, 2].map(|priority| words.get(priority).map_or(0, number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_given_together_or_by_priority() {
        assert_eq!(parse_limits(&[]), [0; 3]);
        assert_eq!(parse_limits(&[b"7"]), [7; 3]);
        assert_eq!(parse_limits(&[b"1", b"9"]), [1, 9, 0]);
        assert_eq!(parse_limits(&[b"1", b"2x", b"-3"]), [1, 2, 0]);
    }
}
