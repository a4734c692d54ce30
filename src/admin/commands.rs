//! The table of text commands. A row has the name of a command, its origin, the forms of
//! its arguments with a handler for each, and its answer to other arguments.
//!
//! Must not: read lines or write answers.

use gearman_access::Permission;

use super::authority::Needs;
use super::form::{Form, administer, change, drain, list, read, reveal, stop, text};
use super::{Context, json, lists, texts};

/// Who defined a command, which decides how its arguments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandOrigin {
    /// The original: arguments are the bytes of the line.
    Original,
    /// An extension, whose name the original does not know: `%XX` in arguments is the
    /// byte XX.
    Extension,
    /// An extension that is unknown unless the server runs with `--allow-shutdown`.
    ShutdownExtension,
}

/// The answer to arguments that match none of a command's forms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Misfit {
    /// The arguments are ignored.
    Ignored,
    /// `ERR INVALID_ARGUMENTS` with the name of the command.
    Incomplete,
    /// This line.
    Refused(&'static [u8]),
    /// This line with at least this many arguments; with fewer, the answer is that of an
    /// unknown command.
    RefusedFrom(usize, &'static [u8]),
}

/// One text command.
pub(super) struct TextCommand {
    /// First word of the line, in lower case; the case of the line is ignored.
    pub(super) name: &'static str,
    pub(super) origin: CommandOrigin,
    pub(super) forms: &'static [Form],
    pub(super) misfit: Misfit,
}

/// What dropping a function needs.
const DROP: Needs = Needs::OnFunctionInAnyCase(Permission::Admin);
/// What cancelling by unique id needs.
const CANCEL: Needs = Needs::OnFunction(Permission::Cancel);

/// All commands: those of the original, then the extensions.
pub(super) const COMMANDS: &[TextCommand] = &[
    TextCommand {
        name: "workers",
        origin: CommandOrigin::Original,
        forms: &[list("", |call| lists::workers(call.filter()))],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "status",
        origin: CommandOrigin::Original,
        forms: &[list("", |call| lists::status(call.filter()))],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "prioritystatus",
        origin: CommandOrigin::Original,
        forms: &[list("", |call| lists::priority_status(call.filter()))],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "show",
        origin: CommandOrigin::Original,
        forms: &[
            list("jobs", |call| lists::show_jobs(call.filter())),
            list("unique jobs", |call| lists::show_unique_jobs(call.filter())),
        ],
        misfit: Misfit::RefusedFrom(1, b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"),
    },
    TextCommand {
        name: "cancel",
        origin: CommandOrigin::Original,
        forms: &[change("job HANDLE", texts::cancel_job, Needs::CancelJob)],
        misfit: Misfit::RefusedFrom(2, b"ERR UNKNOWN_ERROR\r\n"),
    },
    TextCommand {
        name: "create",
        origin: CommandOrigin::Original,
        forms: &[administer("function FUNCTION", texts::create_function)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "drop",
        origin: CommandOrigin::Original,
        forms: &[change("function FUNCTION", texts::drop_function, DROP)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "maxqueue",
        origin: CommandOrigin::Original,
        forms: &[
            administer("FUNCTION [LIMIT]", texts::limit_queue),
            administer("FUNCTION HIGH NORMAL [LOW]", texts::limit_queue),
        ],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "getpid",
        origin: CommandOrigin::Original,
        forms: &[text("", texts::process_id)],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "verbose",
        origin: CommandOrigin::Original,
        forms: &[text("", texts::log_level)],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "version",
        origin: CommandOrigin::Original,
        forms: &[text("", texts::version)],
        misfit: Misfit::Ignored,
    },
    TextCommand {
        name: "jobs",
        origin: CommandOrigin::Extension,
        forms: &[list("[FUNCTION]", |call| lists::jobs(call.job_cursor(), call.filter()))],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "queues",
        origin: CommandOrigin::Extension,
        forms: &[list("", |call| lists::queues(call.filter()))],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "json",
        origin: CommandOrigin::Extension,
        forms: &[
            list("status", |call| json::status(call.filter(), call.text)),
            list("workers", |call| json::workers(call.filter(), call.text)),
            list("jobs [FUNCTION]", |call| json::jobs(call.job_cursor(), call.filter(), call.text)),
            text("server", |call| json::server(call.context, call.text)),
            text("queue", |call| json::queue(call.context, call.text)),
        ],
        misfit: Misfit::Refused(b"ERR UNKNOWN_JSON_ARGUMENTS\r\n"),
    },
    TextCommand {
        name: "cancelunique",
        origin: CommandOrigin::Extension,
        forms: &[change("FUNCTION UNIQUE", texts::cancel_unique, CANCEL)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "dropqueue",
        origin: CommandOrigin::Extension,
        forms: &[
            administer("FUNCTION", texts::drop_queue),
            read("dryrun FUNCTION", texts::count_queue, Needs::OnFunction(Permission::View)),
        ],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "dropfunction",
        origin: CommandOrigin::Extension,
        forms: &[change("FUNCTION", texts::drop_function_counted, DROP)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "peek",
        origin: CommandOrigin::Extension,
        forms: &[reveal("FUNCTION [COUNT]", texts::peek)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "pause",
        origin: CommandOrigin::Extension,
        forms: &[administer("function FUNCTION", texts::pause_function)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "resume",
        origin: CommandOrigin::Extension,
        forms: &[administer("function FUNCTION", texts::resume_function)],
        misfit: Misfit::Incomplete,
    },
    TextCommand {
        name: "shutdown",
        origin: CommandOrigin::ShutdownExtension,
        forms: &[stop(""), drain("graceful")],
        misfit: Misfit::Incomplete,
    },
];

impl TextCommand {
    /// The command with this name, if it is enabled.
    pub(super) fn find(word: &[u8], context: &Context<'_>) -> Option<&'static TextCommand> {
        let mut commands = COMMANDS.iter();
        let found = commands.find(|command| word.eq_ignore_ascii_case(command.name.as_bytes()));
        found.filter(|command| match command.origin {
            CommandOrigin::Original | CommandOrigin::Extension => true,
            CommandOrigin::ShutdownExtension => context.allow_shutdown,
        })
    }

    /// The form that the arguments match, and the values among them.
    pub(super) fn form<'a>(&self, arguments: &[&'a [u8]]) -> Option<(Form, Vec<&'a [u8]>)> {
        let arguments = match self.misfit {
            Misfit::Ignored => &[],
            _ => arguments,
        };
        self.forms.iter().find_map(|form| Some((*form, form.values(arguments)?)))
    }
}
