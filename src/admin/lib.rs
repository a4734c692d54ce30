//! The text protocol of administrators: a line in, an answer out. The answers to commands
//! of the original are identical to its answers.
//!
//! A command is a row of the table in `commands`. This module splits the line into words
//! and finds the row. Handlers are in `texts`, `lists` and `json`.
//!
//! Must not: name a command, or know connections.

mod authority;
mod commands;
mod form;
mod json;
mod lists;
#[cfg(test)]
mod tests;
mod texts;
mod workers;

pub use authority::{Authority, CommandOutcome, PermissionTarget};
pub use lists::AdminList;

use commands::{CommandOrigin, Misfit, TextCommand};
use form::{CommandCall, Handler};
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Broker, ConnectionKey, Outbox};
use gearman_protocol::percent::{Malformed, unescape};
use gearman_queue::QueueStats;

/// Highest number of words in a line.
const WORDS_PER_LINE_MAX: usize = 5;

const OK: &[u8] = b"OK\r\n";
const MALFORMED_ARGUMENT: &[u8] =
    b"ERR INVALID_ARGUMENTS A+percent+sign+stands+before+two+hexadecimal+digits\r\n";

/// The queue of background jobs, without what the broker knows of it.
#[derive(Clone, Copy, Debug)]
pub struct QueueView<'a> {
    /// Its name, as `--queue-type` has it.
    pub kind: &'static str,
    /// Why its store takes no jobs, if so.
    pub suspended: Option<&'a str>,
    /// Counters of the queue thread; 0 without a store.
    pub stats: QueueStats,
}

/// What commands can read and change.
pub struct Context<'a> {
    /// The broker.
    pub broker: &'a mut Broker,
    /// Receives the packets that a command causes, such as WORK_FAIL.
    pub packets: &'a mut dyn Outbox,
    /// The name of the log level.
    pub level: &'a str,
    /// Whether the server was started with `--allow-shutdown`.
    pub allow_shutdown: bool,
    /// Seconds since the server started.
    pub uptime_seconds: u64,
    /// Held replies, counted by kind and outcome.
    pub delayed_replies: DelayedReplyCounts,
    /// The queue of background jobs.
    pub queue: QueueView<'a>,
    /// Decides what the caller may do; without it everything is allowed.
    pub authority: Option<&'a mut dyn Authority>,
    /// What became of the command.
    pub outcome: CommandOutcome,
    /// The connection that the command came on.
    pub caller: ConnectionKey,
    /// Whether a piece of the command was done, and it has to be brought again.
    pub is_unfinished: bool,
}

/// What the server must do after it has sent the text of the answer.
pub enum Answer {
    /// Nothing.
    Text,
    /// Send this list.
    List(AdminList),
    /// Stop.
    Stop,
    /// Stop when its jobs are done.
    Drain,
    /// Close the connection; the text is empty.
    TooManyWords,
    /// Bring the same line again in the next turn; the text is empty.
    Unfinished,
}

/// Answers a line, which is passed without its line end.
pub fn answer(line: &[u8], context: &mut Context<'_>, text: &mut Vec<u8>) -> Answer {
    // In the original a line ends at its first NUL.
    let words = split(gearman_protocol::packet::until_nul(line));
    if words.len() > WORDS_PER_LINE_MAX {
        return Answer::TooManyWords;
    }
    let (word, arguments) = (words[0], &words[1..]);
    let Some(command) = TextCommand::find(word, context) else {
        return unknown(word, text);
    };
    if let CommandOrigin::Original = command.origin {
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

/// The jobs that a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedJobs<'a> {
    /// The job with this handle.
    Handle(&'a [u8]),
    /// The job of this function with this unique id.
    Unique(Vec<u8>, Vec<u8>),
    /// The jobs at the head of the queue of this function.
    Head(Vec<u8>),
}

/// The jobs that a line names, if the answer depends on what is in memory.
pub fn named_jobs(line: &[u8]) -> Option<NamedJobs<'_>> {
    let words = split(gearman_protocol::packet::until_nul(line));
    let named = |word: &[u8]| words[0].eq_ignore_ascii_case(word);
    match words[1..] {
        [first, handle] if named(b"cancel") && first.eq_ignore_ascii_case(b"job") => {
            Some(NamedJobs::Handle(handle))
        }
        [function, unique] if named(b"cancelunique") => {
            Some(NamedJobs::Unique(unescape(function).ok()?, unescape(unique).ok()?))
        }
        [function] | [function, _] if named(b"peek") => {
            Some(NamedJobs::Head(unescape(function).ok()?))
        }
        _ => None,
    }
}

/// Runs a command. Arguments are already unescaped; `word` is the first word of the line.
fn run(
    command: &TextCommand,
    word: &[u8],
    arguments: &[&[u8]],
    context: &mut Context<'_>,
    text: &mut Vec<u8>,
) -> Answer {
    let Some((form, values)) = command.form(arguments) else {
        return refuse(command, word, arguments, text);
    };
    if let Err(denial) = form.needs.check(context, &values) {
        context.outcome = CommandOutcome::Denied(denial);
        authority::refuse(denial, text);
        return Answer::Text;
    }
    context.outcome = form.outcome;
    let mut call = CommandCall { context, values: &values, text };
    match form.handler {
        Handler::Text(write) => {
            write(&mut call);
            match std::mem::take(&mut context.is_unfinished) {
                true => Answer::Unfinished,
                false => Answer::Text,
            }
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

/// Answers arguments that match none of the command's forms.
fn refuse(command: &TextCommand, word: &[u8], arguments: &[&[u8]], text: &mut Vec<u8>) -> Answer {
    match command.misfit {
        Misfit::RefusedFrom(least, _) if arguments.len() < least => return unknown(word, text),
        Misfit::RefusedFrom(_, line) | Misfit::Refused(line) => text.extend_from_slice(line),
        // A command that ignores its arguments always matches its only form.
        Misfit::Incomplete | Misfit::Ignored => incomplete(command.name, text),
    }
    Answer::Text
}

/// Answers a word that is not a command.
fn unknown(word: &[u8], text: &mut Vec<u8>) -> Answer {
    text.extend_from_slice(b"ERR UNKNOWN_COMMAND Unknown+server+command");
    text.extend_from_slice(word);
    text.extend_from_slice(b"\r\n");
    Answer::Text
}

/// Answers arguments that a command does not accept.
fn incomplete(name: &str, text: &mut Vec<u8>) {
    text.extend_from_slice(
        b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+",
    );
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"\r\n");
}

/// Splits a line into words at runs of spaces. Spaces at the start or end of the line
/// separate an empty word.
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
