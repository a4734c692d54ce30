//! The text protocol: one line in, an answer of the original's bytes out.
//!
//! A command is one row of the table in `commands`; what is here reads the line and
//! goes by the row. Handlers are in `texts`, `lists` and `json`.
//!
//! Must not: name a command, or know connections; the answer is a piece of text for
//! the connection that asked.

mod commands;
mod form;
mod json;
mod lists;
#[cfg(test)]
mod tests;
mod texts;

pub use lists::List;

use commands::{Command, Misfit, Origin};
use form::{Call, Handler};
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Broker, Outbox};
use gearman_protocol::percent::{Malformed, unescape};

/// Most words that a line can have.
const MAX_WORDS: usize = 5;

const OK: &[u8] = b"OK\r\n";
const MALFORMED_ARGUMENT: &[u8] =
    b"ERR INVALID_ARGUMENTS A+percent+sign+stands+before+two+hexadecimal+digits\r\n";

/// What a command can ask and change.
pub struct Context<'a> {
    /// What is asked about and changed.
    pub broker: &'a mut Broker,
    /// Where packets go that a command causes.
    pub packets: &'a mut dyn Outbox,
    /// The name of the log level.
    pub level: &'a str,
    /// Whether the server was started with `--allow-shutdown`.
    pub allow_shutdown: bool,
    /// Seconds since the server started.
    pub uptime: u64,
    /// What became of all replies that were held.
    pub delayed_replies: DelayedReplyCounts,
}

/// What the server does besides sending the text of the answer.
pub enum Answer {
    /// Nothing.
    Text,
    /// It sends this list behind the text.
    List(List),
    /// It stops.
    Stop,
    /// It stops once its jobs are done.
    Drain,
    /// It closes the connection; the text is empty.
    TooManyWords,
}

/// Answers a line, which comes without its end.
pub fn answer(line: &[u8], context: &mut Context<'_>, text: &mut Vec<u8>) -> Answer {
    // The original's strings end at a NUL.
    let words = split(gearman_protocol::packet::until_nul(line));
    if words.len() > MAX_WORDS {
        return Answer::TooManyWords;
    }
    let (word, arguments) = (words[0], &words[1..]);
    let Some(command) = Command::find(word, context) else {
        return unknown(word, text);
    };
    if let Origin::Original = command.origin {
        return run(command, word, arguments, context, text);
    }
    let arguments: Result<Vec<_>, Malformed> =
        arguments.iter().map(|word| unescape(word)).collect();
    let Ok(arguments) = arguments else {
        text.extend_from_slice(MALFORMED_ARGUMENT);
        return Answer::Text;
    };
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    run(command, word, &arguments, context, text)
}

/// Answers a command. Arguments are as its handlers read them; `word` is the first word
/// of the line.
fn run(
    command: &Command,
    word: &[u8],
    arguments: &[&[u8]],
    context: &mut Context<'_>,
    text: &mut Vec<u8>,
) -> Answer {
    let Some((handler, values)) = command.handler(arguments) else {
        return refuse(command, word, arguments, text);
    };
    let mut call = Call { context, values: &values, text };
    match handler {
        Handler::Text(write) => {
            write(&mut call);
            Answer::Text
        }
        Handler::List(begin) => Answer::List(begin(&mut call)),
        Handler::Stop => {
            text.extend_from_slice(OK);
            Answer::Stop
        }
        Handler::Drain => {
            text.extend_from_slice(OK);
            Answer::Drain
        }
    }
}

/// The answer to arguments that have none of a command's forms.
fn refuse(command: &Command, word: &[u8], arguments: &[&[u8]], text: &mut Vec<u8>) -> Answer {
    match command.misfit {
        Misfit::RefusedFrom(least, _) if arguments.len() < least => return unknown(word, text),
        Misfit::RefusedFrom(_, line) | Misfit::Refused(line) => text.extend_from_slice(line),
        // Ignored arguments have a form: none.
        Misfit::Incomplete | Misfit::Ignored => incomplete(command.name, text),
    }
    Answer::Text
}

/// The answer to a word that is not a command.
fn unknown(word: &[u8], text: &mut Vec<u8>) -> Answer {
    text.extend_from_slice(b"ERR UNKNOWN_COMMAND Unknown+server+command");
    text.extend_from_slice(word);
    text.extend_from_slice(b"\r\n");
    Answer::Text
}

/// The answer to arguments that a command does not take.
fn incomplete(name: &str, text: &mut Vec<u8>) {
    text.extend_from_slice(
        b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+",
    );
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"\r\n");
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
