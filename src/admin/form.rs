//! [`Form`]: the arguments that a command takes, as an operator reads them, and the
//! handler of a line that has them.
//!
//! Must not: know a command.

use gearman_broker::JobWalk;

use super::{Context, List};

/// A command line that has one of the forms.
pub(super) struct Call<'a, 'c> {
    pub(super) context: &'a mut Context<'c>,
    /// Arguments that stand where the form has a word in capitals, in its order.
    pub(super) values: &'a [&'a [u8]],
    /// The answer.
    pub(super) text: &'a mut Vec<u8>,
}

impl Call<'_, '_> {
    /// A walk over the jobs of the function that the first value names; without a
    /// value, over all jobs.
    pub(super) fn job_walk(&self) -> JobWalk {
        let function = self.values.first();
        function
            .map_or_else(JobWalk::default, |name| JobWalk::of_function(self.context.broker, name))
    }
}

/// Answers a call; what it returns is the kind of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// Writes the whole answer.
    Text(fn(&mut Call<'_, '_>)),
    /// Writes what stands before the list that it returns.
    List(fn(&mut Call<'_, '_>) -> List),
    /// Answers OK and stops the server.
    Stop,
    /// Answers OK and has the server stop once its jobs are done.
    Drain,
}

/// One form of a command's arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The arguments, between single blanks. A word in lower case stands for itself, in
    /// any case; one in capitals for a value; a value in brackets may be left out, and
    /// only at the end.
    pub(super) usage: &'static str,
    pub(super) handler: Handler,
}

pub(super) const fn text(usage: &'static str, handler: fn(&mut Call<'_, '_>)) -> Form {
    Form { usage, handler: Handler::Text(handler) }
}

pub(super) const fn list(usage: &'static str, handler: fn(&mut Call<'_, '_>) -> List) -> Form {
    Form { usage, handler: Handler::List(handler) }
}

pub(super) const fn stop(usage: &'static str) -> Form {
    Form { usage, handler: Handler::Stop }
}

pub(super) const fn drain(usage: &'static str) -> Form {
    Form { usage, handler: Handler::Drain }
}

impl Form {
    /// The values among arguments of this form; `None` for other arguments.
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
    fn a_form_takes_its_keywords_in_any_case_and_returns_its_values() {
        assert_eq!(values("job HANDLE", &["JOB", "H:1"]).as_deref(), Some("<H:1>"));
        assert_eq!(values("job HANDLE", &["job", ""]).as_deref(), Some("<>"));
        assert_eq!(values("job HANDLE", &["jobs", "H:1"]), None);
        assert_eq!(values("job HANDLE", &["job"]), None);
        assert_eq!(values("job HANDLE", &["job", "H:1", ""]), None);
        assert_eq!(values("", &[]).as_deref(), Some(""));
        assert_eq!(values("", &[""]), None);
    }

    #[test]
    fn a_value_in_brackets_may_be_left_out() {
        assert_eq!(values("FUNCTION [LIMIT]", &["f"]).as_deref(), Some("<f>"));
        assert_eq!(values("FUNCTION [LIMIT]", &["f", "1"]).as_deref(), Some("<f><1>"));
        assert_eq!(values("FUNCTION [LIMIT]", &["f", "1", "2"]), None);
        assert_eq!(values("FUNCTION [LIMIT]", &[]), None);
    }
}
