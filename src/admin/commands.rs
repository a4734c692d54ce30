//! The table of text commands. A row has a command's name, where it comes from, the
//! forms of its arguments with the handler of each, and its answer to other arguments.
//!
//! Must not: read lines or write answers.

use super::form::{Form, Handler, drain, list, stop, text};
use super::{Context, json, lists, texts};

/// Who defined a command, which decides how its arguments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The original: arguments are the bytes of the line.
    Original,
    /// Ours, with a name that is unknown to the original: in arguments `%XX` is the
    /// byte XX.
    Ours,
    /// As `Ours`, and unknown unless the server runs with `--allow-shutdown`.
    OursIfShutdownAllowed,
}

/// The answer to arguments that have none of a command's forms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Misfit {
    /// The arguments are ignored: the command answers as if it had none.
    Ignored,
    /// `ERR INVALID_ARGUMENTS` with the name of the command.
    Incomplete,
    /// This line.
    Refused(&'static [u8]),
    /// This line if there are at least so many arguments; with fewer the command is an
    /// unknown one.
    RefusedFrom(usize, &'static [u8]),
}

/// A text command.
pub(super) struct Command {
    /// First word of the line, in lower case; the line may have it in any case.
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    pub(super) forms: &'static [Form],
    pub(super) misfit: Misfit,
}

/// Every command: the original's, then ours.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "workers",
        origin: Origin::Original,
        forms: &[list("", |_| lists::workers())],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "status",
        origin: Origin::Original,
        forms: &[list("", |_| lists::status())],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "prioritystatus",
        origin: Origin::Original,
        forms: &[list("", |_| lists::priority_status())],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "show",
        origin: Origin::Original,
        forms: &[
            list("jobs", |_| lists::show_jobs()),
            list("unique jobs", |_| lists::show_unique_jobs()),
        ],
        misfit: Misfit::RefusedFrom(1, b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
    },
    Command {
        name: "cancel",
        origin: Origin::Original,
        forms: &[text("job HANDLE", texts::cancel_job)],
        misfit: Misfit::RefusedFrom(2, b"ERR UNKNOWN_ERROR\r\n"),
    },
    Command {
        name: "create",
        origin: Origin::Original,
        forms: &[text("function FUNCTION", texts::create_function)],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "drop",
        origin: Origin::Original,
        forms: &[text("function FUNCTION", texts::drop_function)],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "maxqueue",
        origin: Origin::Original,
        forms: &[
            text("FUNCTION [LIMIT]", texts::limit_queue),
            text("FUNCTION HIGH NORMAL [LOW]", texts::limit_queue),
        ],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "getpid",
        origin: Origin::Original,
        forms: &[text("", texts::process_id)],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "verbose",
        origin: Origin::Original,
        forms: &[text("", texts::log_level)],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "version",
        origin: Origin::Original,
        forms: &[text("", texts::version)],
        misfit: Misfit::Ignored,
    },
    Command {
        name: "jobs",
        origin: Origin::Ours,
        forms: &[list("[FUNCTION]", |call| lists::jobs(call.job_walk()))],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "json",
        origin: Origin::Ours,
        forms: &[
            list("status", |call| json::status(call.text)),
            list("workers", |call| json::workers(call.text)),
            list("jobs [FUNCTION]", |call| json::jobs(call.job_walk(), call.text)),
            text("server", |call| json::server(call.context, call.text)),
        ],
        misfit: Misfit::Refused(b"ERR UNKNOWN_JSON_ARGUMENTS\r\n"),
    },
    Command {
        name: "cancelunique",
        origin: Origin::Ours,
        forms: &[text("FUNCTION UNIQUE", texts::cancel_unique)],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "pause",
        origin: Origin::Ours,
        forms: &[text("function FUNCTION", texts::pause_function)],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "resume",
        origin: Origin::Ours,
        forms: &[text("function FUNCTION", texts::resume_function)],
        misfit: Misfit::Incomplete,
    },
    Command {
        name: "shutdown",
        origin: Origin::OursIfShutdownAllowed,
        forms: &[stop(""), drain("graceful")],
        misfit: Misfit::Incomplete,
    },
];

impl Command {
    /// The command that the first word of a line names, if the server has it.
    pub(super) fn find(word: &[u8], context: &Context<'_>) -> Option<&'static Command> {
        let mut commands = COMMANDS.iter();
        let found = commands.find(|command| word.eq_ignore_ascii_case(command.name.as_bytes()));
        found.filter(|command| match command.origin {
            Origin::Original | Origin::Ours => true,
            Origin::OursIfShutdownAllowed => context.allow_shutdown,
        })
    }

    /// The handler of the form that the arguments have, and the values among them.
    pub(super) fn handler<'a>(&self, arguments: &[&'a [u8]]) -> Option<(Handler, Vec<&'a [u8]>)> {
        let arguments = match self.misfit {
            Misfit::Ignored => &[],
            _ => arguments,
        };
        self.forms.iter().find_map(|form| Some((form.handler, form.values(arguments)?)))
    }
}
