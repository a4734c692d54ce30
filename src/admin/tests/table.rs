//! The table of commands is consistent, and agrees with the documentation and with the
//! requests of our clients.
//!
//! Must not: repeat the table.

use std::collections::BTreeSet;

use gearman_protocol::admin::{Framing, NoWord, Request};

use super::world::World;
use crate::commands::{COMMANDS, CommandOrigin, Misfit};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");
const REQUESTS: &str = include_str!("../../protocol/admin/request.rs");

#[test]
fn every_name_is_a_unique_lower_case_word() {
    let mut names = BTreeSet::new();
    for command in COMMANDS {
        assert!(command.name.bytes().all(|b| b.is_ascii_lowercase()), "{}", command.name);
        assert!(names.insert(command.name), "{} is there twice", command.name);
    }
}

#[test]
fn a_usage_has_keywords_then_values_then_optional_values() {
    for command in COMMANDS {
        assert!(!command.forms.is_empty(), "{}", command.name);
        for form in command.forms {
            let words: Vec<_> = form.usage.split(' ').filter(|word| !word.is_empty()).collect();
            assert_eq!(words.join(" "), form.usage, "single blanks");
            let kinds = words.iter().map(|word| match word.strip_prefix('[') {
                None if word.bytes().all(|b| b.is_ascii_lowercase()) => 0,
                None if word.bytes().all(|b| b.is_ascii_uppercase()) => 1,
                Some(value)
                    if value.trim_end_matches(']').bytes().all(|b| b.is_ascii_uppercase()) =>
                {
                    2
                }
                _ => panic!("{} {}", command.name, form.usage),
            });
            assert!(kinds.is_sorted(), "{} {}", command.name, form.usage);
        }
    }
}

#[test]
fn a_command_that_ignores_its_arguments_has_one_form_without_any() {
    for command in COMMANDS.iter().filter(|command| matches!(command.misfit, Misfit::Ignored)) {
        let usages: Vec<_> = command.forms.iter().map(|form| form.usage).collect();
        assert_eq!(usages, [""], "{}", command.name);
    }
}

/// The first column of a table of commands in protocol.md, which begins with this header:
/// what it has in backticks.
fn documented(header: &str) -> BTreeSet<String> {
    let (_, table) = PROTOCOL.split_once(&format!("{header}\n|---|---|\n")).expect("a table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let commands = rows.map(|row| row.split('|').nth(1).expect("a column"));
    commands.flat_map(|column| column.split('`').skip(1).step_by(2)).map(String::from).collect()
}

/// Each form of the commands that the filter keeps.
fn forms(keep: impl Fn(&CommandOrigin) -> bool) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for command in COMMANDS.iter().filter(|command| keep(&command.origin)) {
        let name = command.name;
        let usages = command.forms.iter().map(|form| format!("{name} {}", form.usage));
        forms.extend(usages.map(|usage| usage.trim_end().to_string()));
    }
    forms
}

#[test]
fn the_documentation_lists_each_form_of_the_original_commands() {
    let original = forms(|origin| *origin == CommandOrigin::Original);
    let documented = documented("| Command | Answer |");
    assert!(original.is_subset(&documented), "missing: {:?}", original.difference(&documented));
    let of_answers = |text: &String| text.contains("\\n") || text.contains("\\r");
    let unknown = documented.difference(&original).filter(|text| !of_answers(text));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_documentation_lists_each_form_of_the_extension_commands() {
    assert_eq!(
        forms(|origin| *origin != CommandOrigin::Original),
        documented("| command | answer |")
    );
}

/// A request made by each constructor, with the constructor's name.
fn requests() -> Result<Vec<(&'static str, Request)>, NoWord> {
    let name = b"f";
    Ok(vec![
        ("status", Request::status()),
        ("priority_status", Request::priority_status()),
        ("workers", Request::workers()),
        ("show_jobs", Request::show_jobs()),
        ("show_unique_jobs", Request::show_unique_jobs()),
        ("getpid", Request::getpid()),
        ("version", Request::version()),
        ("verbose", Request::verbose()),
        ("cancel_job", Request::cancel_job(b"H:2")?),
        ("create_function", Request::create_function(name)?),
        ("drop_function", Request::drop_function(b"e")?),
        ("max_queue", Request::max_queue(name, &[1, 2, 3])?),
        ("max_queue", Request::max_queue(name, &[1])?),
        ("max_queue", Request::max_queue(name, &[])?),
        ("jobs", Request::jobs(None)?),
        ("jobs", Request::jobs(Some(name))?),
        ("queues", Request::queues()),
        ("json_jobs", Request::json_jobs(None)?),
        ("json_jobs", Request::json_jobs(Some(name))?),
        ("json_status", Request::json_status()),
        ("json_workers", Request::json_workers()),
        ("json_server", Request::json_server()),
        ("json_queue", Request::json_queue()),
        ("cancel_unique", Request::cancel_unique(b"idle", b"u")?),
        ("drop_queue", Request::drop_queue(name, false)?),
        ("drop_queue", Request::drop_queue(name, true)?),
        ("drop_function_counted", Request::drop_function_counted(b"e")?),
        ("peek", Request::peek(name, 3)?),
        ("pause_function", Request::pause_function(name)?),
        ("resume_function", Request::resume_function(name)?),
        ("shutdown", Request::shutdown(false)),
        ("shutdown", Request::shutdown(true)),
    ])
}

#[test]
fn every_request_of_our_clients_is_answered_with_the_framing_that_they_expect() {
    for (constructor, request) in requests().expect("short words") {
        let line = request.line().strip_suffix(b"\r\n").expect("a line");
        let (_, answer) = World::new().ask(line, true);
        assert!(!answer.starts_with(b"ERR"), "{constructor}: {}", answer.escape_ascii());
        let lines: Vec<_> = answer.split_inclusive(|&b| b == b'\n').collect();
        match request.framing() {
            Framing::Line => assert!(lines.len() == 1, "{constructor} is one line"),
            Framing::List => assert_eq!(lines.last(), Some(&&b".\n"[..]), "{constructor}"),
        }
        assert!(answer.ends_with(b"\n"), "{constructor}");
    }
}

#[test]
fn every_constructor_of_a_request_is_tested() {
    let code = REQUESTS.lines().filter_map(|line| line.trim().strip_prefix("pub fn "));
    let constructors = code.filter(|code| code.contains("-> Re") && code.contains("Request"));
    let constructors: BTreeSet<_> =
        constructors.filter_map(|code| code.split('(').next()).collect();
    let tested = requests().expect("short words").into_iter().map(|(constructor, _)| constructor);
    assert_eq!(tested.collect::<BTreeSet<_>>(), constructors);
}
