//! The text protocol: one line in, an answer of the original's bytes out.
//!
//! A command is one arm of the match in [`answer`]; those that the original does
//! not have are in `extra`, lists in `lists` and, as JSON, in `json`.
//!
//! Must not: know connections; the answer is a piece of text for whoever asked.

mod extra;
mod json;
mod lists;

pub use lists::List;

use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Broker, Cancelled, Dropped, Outbox};

/// Most words that a line can have.
const MAX_WORDS: usize = 5;

const OK: &[u8] = b"OK\r\n";
const UNKNOWN_JOB: &[u8] = b"ERR UNKNOWN_JOB\r\n";
const UNKNOWN_FUNCTION: &[u8] = b"ERR function not found\r\n";

/// What a command can ask and change.
pub struct Context<'a> {
    /// What is asked about and changed.
    pub broker: &'a mut Broker,
    /// Where packets go that a command causes.
    pub packets: &'a mut dyn Outbox,
    /// The name of the log level.
    pub level: &'a str,
    /// Whether `shutdown` is a command.
    pub allow_shutdown: bool,
    /// Seconds since the server started.
    pub uptime: u64,
    /// What became of all replies that were held.
    pub delayed_replies: DelayedReplyCounts,
}

/// What is to be done beside sending the text of the answer.
pub enum Answer {
    /// Nothing.
    Text,
    /// The answer goes on with this list.
    List(List),
    /// The server is to end.
    Stop,
    /// The server is to end once its jobs are done.
    Drain,
    /// There is no answer: the connection is to be closed.
    TooManyWords,
}

/// Answers a line, which comes without its end.
pub fn answer(line: &[u8], context: &mut Context<'_>, text: &mut Vec<u8>) -> Answer {
    // The original's strings end at a NUL.
    let words = split(gearman_protocol::packet::until_nul(line));
    if words.len() > MAX_WORDS {
        return Answer::TooManyWords;
    }
    let lower = words[0].to_ascii_lowercase();
    let arguments = &words[1..];
    match (&lower[..], arguments) {
        (b"workers", _) => return Answer::List(lists::workers()),
        (b"status", _) => return Answer::List(lists::status()),
        (b"prioritystatus", _) => return Answer::List(lists::priority_status()),
        (b"show", [what @ .., last]) => return show(what, last, text),
        (b"cancel", [what, handle, more @ ..]) => {
            text.extend_from_slice(match more {
                [] if what.eq_ignore_ascii_case(b"job") => {
                    cancelled(context.broker.cancel(handle, context.packets))
                }
                _ => b"ERR UNKNOWN_ERROR\r\n",
            });
        }
        (b"create", [what, name]) if what.eq_ignore_ascii_case(b"function") => {
            context.broker.create_function(name);
            text.extend_from_slice(OK);
        }
        (b"drop", [what, name]) if what.eq_ignore_ascii_case(b"function") => {
            text.extend_from_slice(match context.broker.drop_function(name, context.packets) {
                Dropped::Yes => OK,
                Dropped::Unknown => UNKNOWN_FUNCTION,
                Dropped::InUse => b"ERR there are still connected workers or executing clients\r\n",
            });
        }
        (b"maxqueue", [name, limits @ ..]) => {
            context.broker.limit_queue(name, parse_limits(limits));
            text.extend_from_slice(OK);
        }
        (b"create" | b"drop" | b"maxqueue", _) => incomplete(&lower, text),
        (b"getpid", _) => one_line(text, &std::process::id().to_string()),
        (b"verbose", _) => one_line(text, context.level),
        (b"version", _) => one_line(text, env!("CARGO_PKG_VERSION")),
        _ => {
            return extra::answer(&lower, arguments, context, text).unwrap_or_else(|| {
                text.extend_from_slice(b"ERR UNKNOWN_COMMAND Unknown+server+command");
                text.extend_from_slice(words[0]);
                text.extend_from_slice(b"\r\n");
                Answer::Text
            });
        }
    }
    Answer::Text
}

/// The words of a line, between which any number of blanks stands. Blanks before
/// the first and behind the last divide them from an empty word.
fn split(mut line: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    while let Some(end) = line.iter().position(|&b| b == b' ') {
        words.push(&line[..end]);
        let blanks = line[end..].iter().take_while(|&&b| b == b' ').count();
        line = &line[end + blanks..];
    }
    words.push(line);
    words
}

/// An answer of one value, whose line ends like those of lists do.
fn one_line(text: &mut Vec<u8>, value: &str) {
    text.extend_from_slice(format!("OK {value}\n").as_bytes());
}

/// The answer to too few or too many words.
fn incomplete(command: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(
        b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+",
    );
    text.extend_from_slice(command);
    text.extend_from_slice(b"\r\n");
}

fn show(what: &[&[u8]], last: &[u8], text: &mut Vec<u8>) -> Answer {
    match what {
        [] if last.eq_ignore_ascii_case(b"jobs") => return Answer::List(lists::show_jobs()),
        [unique]
            if unique.eq_ignore_ascii_case(b"unique") && last.eq_ignore_ascii_case(b"jobs") =>
        {
            return Answer::List(lists::show_unique_jobs());
        }
        _ => text.extend_from_slice(b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
    }
    Answer::Text
}

fn cancelled(how: Cancelled) -> &'static [u8] {
    match how {
        Cancelled::Yes => OK,
        Cancelled::Unknown => UNKNOWN_JOB,
    }
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
    fn runs_of_blanks_divide_words() {
        assert_eq!(split(b"a  b c"), [b"a", b"b", b"c"]);
        assert_eq!(split(b"  a "), [&b""[..], b"a", b""]);
        assert_eq!(split(b""), [b""]);
    }

    #[test]
    fn limits_are_given_together_or_by_priority() {
        assert_eq!(parse_limits(&[]), [0; 3]);
        assert_eq!(parse_limits(&[b"7"]), [7; 3]);
        assert_eq!(parse_limits(&[b"1", b"9"]), [1, 9, 0]);
        assert_eq!(parse_limits(&[b"1", b"2x", b"-3"]), [1, 2, 0]);
    }
}
