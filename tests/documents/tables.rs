//! Tables of the documents agree with the code and with a running server: packets, JSON
//! members, metrics.
//!
//! Must not: repeat a table.

use std::collections::BTreeSet;
use std::path::Path;

use gearman::protocol::command::{Sender, Spec, TABLE};
use serde_json::Value;

use crate::commands::helps;
use crate::document::{Document, assert_none};
use crate::programs::Server;

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// What the table of packets says about a command: sender, arguments, body.
fn described(spec: &Spec) -> (&'static str, usize, bool) {
    let sender = match spec.sender {
        Sender::Client => "client",
        Sender::Worker => "worker",
        Sender::Server => "server",
        Sender::Both => "worker, server",
        Sender::Any => "any",
        // A command that no peer sends.
        _ => "",
    };
    (sender, spec.args, spec.body)
}

/// What a row of the table of packets says: sender, arguments, body.
fn said(cells: &[&str]) -> Option<(String, usize, bool)> {
    let &[_, _, sender, content] = cells else { return None };
    let (arguments, body) = match content.split_once("body:") {
        Some((arguments, _)) => (arguments.trim_end_matches(['/', ';', ' ']), true),
        None => (content, false),
    };
    let count = arguments.split(',').filter(|argument| !argument.trim().is_empty()).count();
    Some((sender.to_owned(), count, body))
}

#[test]
fn the_table_of_packets_is_that_of_the_code() {
    let document = Document::read(Path::new("src/docs/protocol.md"));
    let rows = document.rows();
    let mut failures = Vec::new();
    for spec in TABLE {
        let number = format!("| {} | {} |", spec.command.number(), spec.name);
        let Some(row) = rows.iter().find(|row| row.text.starts_with(&number)) else {
            failures.push(document.report(1, format!("no row {number}")));
            continue;
        };
        let (sender, arguments, body) = described(spec);
        let is_used = !sender.is_empty() && spec.name != "TEXT";
        if is_used && said(&cells(&row.text)) != Some((sender.to_owned(), arguments, body)) {
            let what = format!("{}: {sender}, {arguments} arguments, body {body}", spec.name);
            failures.push(document.report(row.line, what));
        }
    }
    assert_none(failures);
}

/// The names of all members of a value.
fn members(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                members(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, names)),
        _ => {}
    }
}

#[test]
fn the_members_of_json_answers_are_those_of_the_server() {
    let server = Server::start();
    // A job that runs has a value for every member.
    let worker = server.start_worker("f", &["sleep", "60"]);
    let script = "gearman -b -f f x
        until gearadmin --jobs f | grep -q running; do sleep 0.05; done";
    assert!(server.shell(script).status.success());
    let document = Document::read(Path::new("src/docs/protocol.md"));
    let mut failures = Vec::new();
    for command in ["json status", "json jobs", "json workers", "json server", "json queue"] {
        let (mut found, mut documented) = (BTreeSet::new(), BTreeSet::new());
        let answer = server.ask(command);
        members(&serde_json::from_str(&answer).expect("JSON"), &mut found);
        let heading = document.prose.iter().find(|piece| piece.text == format!("`{command}`:"));
        let line = heading.expect("the command has a block").line;
        let block = document.blocks.iter().find(|block| block.lines[0].line > line);
        for piece in &block.expect("a block").lines {
            documented.extend(piece.text.split('"').skip(1).step_by(2).map(str::to_owned));
        }
        if found != documented {
            let differing: Vec<_> = found.symmetric_difference(&documented).collect();
            failures.push(document.report(line, format!("{command}: {differing:?}")));
        }
    }
    drop(worker);
    assert_none(failures);
}

/// The environment variables of Gearman that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter(|word| word.starts_with("GEARMAN")).map(str::to_owned).collect()
}

#[test]
fn the_environment_variables_of_the_tools_are_those_of_their_page() {
    let document = Document::read(Path::new("src/docs/shell.md"));
    let of_rows = |column: usize| -> BTreeSet<String> {
        let rows = document.rows();
        let cells_of = |row: &str| cells(row).get(column).map(|cell| variables(cell));
        rows.iter().filter_map(|row| cells_of(&row.text)).flatten().collect()
    };
    let named: BTreeSet<String> =
        document.spans().iter().flat_map(|span| variables(&span.text)).collect();
    let mut read = BTreeSet::new();
    for help in helps().iter().filter(|(name, _)| **name != "gearmand").map(|(_, help)| help) {
        let of_tool = variables(help);
        let missing: Vec<_> = of_tool.difference(&named).collect();
        assert!(missing.is_empty(), "not on the page: {missing:?}");
        read.extend(of_tool);
    }
    let missing: Vec<_> = of_rows(0).difference(&read).cloned().collect();
    assert!(missing.is_empty(), "not in the help of a tool: {missing:?}");
}

/// The words of a text that could be metrics with this beginning.
pub(crate) fn names<'a>(text: &'a str, prefix: &'static str) -> impl Iterator<Item = &'a str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(move |word| word.starts_with(prefix))
}

#[test]
fn the_metrics_are_those_of_the_server() {
    let server = Server::start();
    let created = server.shell("gearman -b -f f x");
    assert!(created.status.success(), "{created:?}");
    let page = server.page("/metrics");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let produced: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let document = Document::read(Path::new("src/docs/operating.md"));
    let mut documented = BTreeSet::new();
    let mut failures = Vec::new();
    for span in document.spans() {
        for prefix in ["gearman_", "process_"] {
            for name in names(&span.text, prefix) {
                documented.insert(name.to_owned());
                if !produced.contains(name) {
                    failures.push(document.report(span.line, format!("no metric {name}")));
                }
            }
        }
    }
    for name in produced.iter().filter(|name| name.starts_with("gearman_")) {
        if !documented.contains(*name) {
            failures.push(document.report(1, format!("metric {name} is not documented")));
        }
    }
    assert_none(failures);
}
