//! Every command with many arguments: the answers are compared with the recorded ones in
//! `transcript.txt`, byte for byte.
//!
//! Each answer there is one line: its kind, its bytes, and its changes to the broker. The
//! command lines with this answer follow, indented. With `GEARMAN_RECORD=1` the test
//! writes the file; read its diff before you commit it.
//!
//! Must not: decide which answers are right; `tests/gearmand` does.

use std::collections::{BTreeMap, BTreeSet};

use super::world::World;
use crate::commands::COMMANDS;

/// The texts that are appended to the name of every command.
const ARGUMENTS: [&[u8]; 34] = [
    b"",
    b" ",
    b" status",
    b" WORKERS",
    b" server",
    b" queue",
    b" jobs",
    b" jobs f",
    b" jobs n%fFm%20%25",
    b" jobs n\xffm",
    b" %6Aobs F",
    b" jobs f x",
    b" unique jobs",
    b"   Unique   JOBS",
    b" job",
    b" JOB H:2",
    b" job H:1",
    b" job H:2 x",
    b" graceful",
    b" %67RACEFUL",
    b" graceful x",
    b" e",
    b" e 7",
    b" p 1",
    b" f u%25%FF",
    b" e 1 9 -2x",
    b" e 1 2 3 4",
    b" f 100%",
    b" function e",
    b" FUNCTION p",
    b" Function IDLE",
    b" %66unction f",
    b" function f x",
    b" function n\0 x y z",
];

fn lines() -> BTreeSet<Vec<u8>> {
    let mut lines = BTreeSet::new();
    for name in COMMANDS.iter().map(|command| command.name) {
        for arguments in ARGUMENTS {
            lines.insert([name.as_bytes(), arguments].concat());
        }
        let upper = name.to_uppercase();
        lines.insert(format!("{}{} function e", &upper[..1], &name[1..]).into());
        lines.insert(name[..name.len() - 1].into());
        for [before, behind] in [[" ", ""], ["", "s"], ["", "\tx"], ["", "\0x"], ["\0", ""]] {
            lines.insert(format!("{before}{upper}{behind}").into());
        }
    }
    lines.extend(
        [&b""[..], b" ", b"\xff", b"\xc3\xa9t", b"a b c d e", b"a b c d e f"].map(Vec::from),
    );
    lines
}

/// The answer to a line and its changes to the broker, as one line of text.
fn outcome(line: &[u8], allow_shutdown: bool, untouched: &[String]) -> String {
    let mut world = World::new();
    let (kind, text) = world.ask(line, allow_shutdown);
    let mut outcome = format!("{kind}: {}", text.escape_ascii());
    // Replace values that differ between processes and versions, and the first word.
    let word = line.split(|byte| b" \0".contains(byte)).next().unwrap_or(line).escape_ascii();
    for (value, name) in [
        (format!("+command{word}\\r"), r"+commandWORD\r"),
        (format!("OK {}\\n", std::process::id()), r"OK PID\n"),
        (format!(r#"\"pid\":{},"#, std::process::id()), r#"\"pid\":PID,"#),
        (env!("CARGO_PKG_VERSION").to_string(), "VERSION"),
    ] {
        outcome = outcome.replace(&value, name);
    }
    let state = world.into_state();
    let missing = |from: &[String], all: &[String], sign: &str| {
        let lines = all.iter().filter(|line| !from.contains(line));
        lines.map(|line| format!("  {sign} {line}")).collect::<String>()
    };
    outcome += &missing(&state, untouched, "-");
    outcome += &missing(untouched, &state, "+");
    outcome
}

fn transcript() -> String {
    let untouched = World::new().into_state();
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines() {
        let allowed = outcome(&line, true, &untouched);
        let forbidden = outcome(&line, false, &untouched);
        let line = format!("  \"{}\"", line.escape_ascii());
        if allowed == forbidden {
            answers.entry(allowed).or_default().push(line);
        } else {
            answers.entry(allowed).or_default().push(format!("{line} with --allow-shutdown"));
            answers.entry(forbidden).or_default().push(format!("{line} without"));
        }
    }
    answers.iter().map(|(answer, lines)| format!("{answer}\n{}\n", lines.join("\n"))).collect()
}

#[test]
fn every_answer_is_the_recorded_one() {
    let actual = transcript();
    if std::env::var_os("GEARMAN_RECORD").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcript.txt");
        std::fs::write(path, &actual).expect("a file of the repository");
        return;
    }
    let recorded = include_str!("transcript.txt");
    for (number, (actual, recorded)) in actual.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(actual, recorded, "line {} of transcript.txt (right)", number + 1);
    }
    assert_eq!(actual.len(), recorded.len(), "one is longer than the other");
}
