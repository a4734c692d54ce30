//! Commands that the original does not have. Each has a first word that the
//! original does not know; in what follows, `%XX` is the byte XX.
//!
//! Must not: answer anything that the original answers too.

use super::{Answer, Context, OK, UNKNOWN_FUNCTION, cancelled, incomplete, json, lists};
use gearman_broker::JobWalk;
use gearman_protocol::percent::{Malformed, unescape};

/// Answers a command whose first word is in lower case; `None` if it is none of
/// these.
pub(super) fn answer(
    command: &[u8],
    arguments: &[&[u8]],
    context: &mut Context<'_>,
    text: &mut Vec<u8>,
) -> Option<Answer> {
    if !matches!(command, b"jobs" | b"json" | b"cancelunique" | b"pause" | b"resume" | b"shutdown")
        || command == b"shutdown" && !context.allow_shutdown
    {
        return None;
    }
    let words: Result<Vec<_>, Malformed> = arguments.iter().map(|word| unescape(word)).collect();
    let Ok(words) = words else {
        text.extend_from_slice(
            b"ERR INVALID_ARGUMENTS A+percent+sign+stands+before+two+hexadecimal+digits\r\n",
        );
        return Some(Answer::Text);
    };
    let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
    Some(answer_words(command, &words, context, text))
}

fn answer_words(
    command: &[u8],
    words: &[&[u8]],
    context: &mut Context<'_>,
    text: &mut Vec<u8>,
) -> Answer {
    match (command, words) {
        (b"jobs", [] | [_]) => return Answer::List(lists::jobs(walk(context, words))),
        (b"json", [what, rest @ ..]) => return as_json(what, rest, context, text),
        (b"json", []) => text.extend_from_slice(b"ERR UNKNOWN_JSON_ARGUMENTS\r\n"),
        (b"cancelunique", [function, unique]) => {
            let how = context.broker.cancel_unique(function, unique, context.packets);
            text.extend_from_slice(cancelled(how));
        }
        (b"pause" | b"resume", [what, name]) if what.eq_ignore_ascii_case(b"function") => {
            let is_known = match command {
                b"pause" => context.broker.pause(name),
                _ => context.broker.resume(name, context.packets),
            };
            text.extend_from_slice(if is_known { OK } else { UNKNOWN_FUNCTION });
        }
        (b"shutdown", []) => {
            text.extend_from_slice(OK);
            return Answer::Stop;
        }
        (b"shutdown", [how]) if how.eq_ignore_ascii_case(b"graceful") => {
            text.extend_from_slice(OK);
            return Answer::Drain;
        }
        _ => incomplete(command, text),
    }
    Answer::Text
}

/// The jobs of the function that is named, else all.
fn walk(context: &Context<'_>, function: &[&[u8]]) -> JobWalk {
    function
        .first()
        .map_or_else(JobWalk::default, |name| JobWalk::of_function(context.broker, name))
}

/// A list as JSON, or what has no lines.
fn as_json(what: &[u8], rest: &[&[u8]], context: &Context<'_>, text: &mut Vec<u8>) -> Answer {
    match (&what.to_ascii_lowercase()[..], rest) {
        (b"jobs", [] | [_]) => return Answer::List(json::jobs(walk(context, rest), text)),
        (b"status", []) => return Answer::List(json::status(text)),
        (b"workers", []) => return Answer::List(json::workers(text)),
        (b"server", []) => json::server(context, text),
        _ => text.extend_from_slice(b"ERR UNKNOWN_JSON_ARGUMENTS\r\n"),
    }
    Answer::Text
}
