//! [`Form`]: one form of a command's arguments, as usage text, and its handler.
//!
//! Must not: know a command.

use gearman_access::Permission;
use gearman_broker::JobCursor;

use super::authority::{CommandOutcome, ListFilter, Needs};
use super::{AdminList, Context};

/// A call of a handler.
pub(super) struct CommandCall<'a, 'c> {
    pub(super) context: &'a mut Context<'c>,
    /// The arguments in the positions of the form's words in capitals, in order.
    pub(super) values: &'a [&'a [u8]],
    /// The answer.
    pub(super) text: &'a mut Vec<u8>,
}

impl CommandCall<'_, '_> {
    /// What the caller may see.
    pub(super) fn filter(&self) -> ListFilter {
        ListFilter::of(self.context)
    }

    /// A cursor over the jobs of the function that the first value names, or over all jobs
    /// without a value.
    pub(super) fn job_cursor(&self) -> JobCursor {
        let function = self.values.first();
        function.map_or_else(JobCursor::default, |name| {
            JobCursor::of_function(self.context.broker, name)
        })
    }
}

/// A handler, by kind of answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// Writes the whole answer.
    Text(fn(&mut CommandCall<'_, '_>)),
    /// Writes the text before a list, and returns the list.
    List(fn(&mut CommandCall<'_, '_>) -> AdminList),
    /// Answers OK and stops the server.
    Stop,
    /// Answers OK and stops the server when its jobs are done.
    Drain,
}

/// One form of a command's arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The arguments, separated by single spaces. A word in lower case is a keyword, whose
    /// case is ignored; a word in capitals is a value; a value in brackets is optional, and
    /// is last.
    pub(super) usage: &'static str,
    pub(super) handler: Handler,
    /// What the caller needs.
    pub(super) needs: Needs,
    /// What becomes of the command when it is run, for the audit log.
    pub(super) outcome: CommandOutcome,
}

pub(super) const fn text(usage: &'static str, handler: fn(&mut CommandCall<'_, '_>)) -> Form {
    read(usage, handler, Needs::ViewSome)
}

/// A form that changes something.
pub(super) const fn change(
    usage: &'static str,
    handler: fn(&mut CommandCall<'_, '_>),
    needs: Needs,
) -> Form {
    Form { usage, handler: Handler::Text(handler), needs, outcome: CommandOutcome::Changed }
}

/// A form that reads, and may need more than to see some function.
pub(super) const fn read(
    usage: &'static str,
    handler: fn(&mut CommandCall<'_, '_>),
    needs: Needs,
) -> Form {
    Form { usage, handler: Handler::Text(handler), needs, outcome: CommandOutcome::Read }
}

/// A form that shows payloads.
pub(super) const fn reveal(usage: &'static str, handler: fn(&mut CommandCall<'_, '_>)) -> Form {
    let needs = Needs::OnFunction(Permission::Admin);
    Form { usage, handler: Handler::Text(handler), needs, outcome: CommandOutcome::Shown }
}

/// A form that changes the function that its first value names.
pub(super) const fn administer(usage: &'static str, handler: fn(&mut CommandCall<'_, '_>)) -> Form {
    change(usage, handler, Needs::OnFunction(Permission::Admin))
}

pub(super) const fn list(
    usage: &'static str,
    handler: fn(&mut CommandCall<'_, '_>) -> AdminList,
) -> Form {
    let (handler, needs) = (Handler::List(handler), Needs::ViewSome);
    Form { usage, handler, needs, outcome: CommandOutcome::Read }
}

pub(super) const fn stop(usage: &'static str) -> Form {
    let (handler, needs) = (Handler::Stop, Needs::AdminAll);
    Form { usage, handler, needs, outcome: CommandOutcome::Changed }
}

pub(super) const fn drain(usage: &'static str) -> Form {
    let (handler, needs) = (Handler::Drain, Needs::AdminAll);
    Form { usage, handler, needs, outcome: CommandOutcome::Changed }
}

impl Form {
    /// The values among the arguments; `None` if the arguments do not match this form.
    pub(super) fn values<'a>(&self, arguments: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
        let mut values = Vec::new();
        let mut arguments = arguments.iter();
        for word in self.usage.split_ascii_whitespace() {
            let is_keyword = word.starts_with(|first: char| first.is_ascii_lowercase());
            match arguments.next() {
                Some(argument) if is_keyword => {
                    argument.eq_ignore_ascii_case(word.as_bytes()).then_some(())?;
                }
                Some(argument) => values.push(*argument),
                None if word.starts_with('[') => {}
                None => return None,
            }
        }
        arguments.next().is_none().then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(usage: &'static str, arguments: &[&'static str]) -> Option<String> {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        let values = stop(usage).values(&arguments)?;
        Some(values.iter().map(|value| format!("<{}>", value.escape_ascii())).collect())
    }

    #[test]
    fn a_form_matches_its_keywords_in_any_case_and_returns_its_values() {
        assert_eq!(values("job HANDLE", &["JOB", "H:1"]).as_deref(), Some("<H:1>"));
        assert_eq!(values("job HANDLE", &["job", ""]).as_deref(), Some("<>"));
        assert_eq!(values("job HANDLE", &["jobs", "H:1"]), None);
        assert_eq!(values("job HANDLE", &["job"]), None);
        assert_eq!(values("job HANDLE", &["job", "H:1", ""]), None);
        assert_eq!(values("", &[]).as_deref(), Some(""));
        assert_eq!(values("", &[""]), None);
    }

    #[test]
    fn a_value_in_brackets_is_optional() {
        assert_eq!(values("FUNCTION [LIMIT]", &["f"]).as_deref(), Some("<f>"));
        assert_eq!(values("FUNCTION [LIMIT]", &["f", "1"]).as_deref(), Some("<f><1>"));
        assert_eq!(values("FUNCTION [LIMIT]", &["f", "1", "2"]), None);
        assert_eq!(values("FUNCTION [LIMIT]", &[]), None);
    }
}
