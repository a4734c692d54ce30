//! Commands in blocks of shell name scripts, packages, targets and options that exist.
//!
//! Must not: run anything but the three programs with `--help`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::document::{Document, Piece, assert_none, documents, root};

/// The programs whose options documents name.
const PROGRAMS: [(&str, &str); 3] = [
    ("gearmand", env!("CARGO_BIN_EXE_gearmand")),
    ("gearman", env!("CARGO_BIN_EXE_gearman")),
    ("gearadmin", env!("CARGO_BIN_EXE_gearadmin")),
];

/// The help of each program.
pub(crate) fn helps() -> &'static BTreeMap<&'static str, String> {
    static HELPS: OnceLock<BTreeMap<&str, String>> = OnceLock::new();
    HELPS.get_or_init(|| {
        let help = |(name, path)| {
            let output = Command::new(path).arg("--help").output().expect("the program starts");
            (name, String::from_utf8(output.stdout).expect("help is text"))
        };
        PROGRAMS.into_iter().map(help).collect()
    })
}

/// Whether a text has this option as a word.
fn has_option(text: &str, option: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(option).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + option.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The words of a command without assignments, `sudo` and what is quoted; each stage of
/// a pipe or list is a command of its own.
fn stages(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" #").next().unwrap_or(line);
    let unquoted: String = line.split(['\'', '"']).step_by(2).collect::<Vec<_>>().join("QUOTED");
    let stages = unquoted.split(['|', ';', '&']);
    let words = |stage: &str| {
        let words = stage.split_whitespace().map(str::to_owned);
        words.skip_while(|word| word.contains('=') || word == "sudo").collect::<Vec<String>>()
    };
    stages.map(words).filter(|words| !words.is_empty()).collect()
}

/// The lines of a block of shell, with those joined that a backslash continues.
fn lines(document: &Document) -> Vec<Piece> {
    let mut lines: Vec<Piece> = Vec::new();
    for block in document.blocks.iter().filter(|block| block.language == "sh") {
        let mut continues = false;
        for piece in &block.lines {
            let text = piece.text.trim_end_matches('\\');
            match lines.last_mut() {
                Some(last) if continues => last.text.push_str(text),
                _ => lines.push(Piece { line: piece.line, text: text.into() }),
            }
            continues = piece.text.ends_with('\\');
        }
    }
    lines
}

/// Every command of a document: in blocks of shell, and in backticks if it begins with
/// one of our programs or scripts.
fn commands(document: &Document) -> Vec<(usize, Vec<String>)> {
    let ours = |words: &[String]| {
        words.len() > 1 && (helps().contains_key(&words[0][..]) || words[0].ends_with(".sh"))
    };
    let blocks = lines(document)
        .into_iter()
        .flat_map(|l| stages(&l.text).into_iter().map(move |w| (l.line, w)));
    let spans = document
        .spans()
        .into_iter()
        .flat_map(|s| stages(&s.text).into_iter().map(move |w| (s.line, w)));
    blocks.chain(spans.filter(|(_, words)| ours(words))).collect()
}

/// The long options among the words before `--`.
fn long_options(words: &[String]) -> impl Iterator<Item = &str> {
    let words = words.iter().skip(1).take_while(|word| *word != "--");
    let options = words.filter(|word| word.starts_with("--"));
    options.map(|word| word.split('=').next().unwrap_or(word))
}

fn check_program(words: &[String]) -> Option<String> {
    let help = helps().get(words[0].rsplit('/').next()?)?;
    let missing = long_options(words).find(|option| !has_option(help, option))?;
    Some(format!("{} has no option {missing}", words[0]))
}

/// A script of the repository, run by its path or by an interpreter.
fn check_script(words: &[String]) -> Option<String> {
    let is_interpreter = matches!(&words[0][..], "sh" | "python3");
    let script = words.get(usize::from(is_interpreter))?;
    let is_ours = ["tests/", "bindings/", ".ci/"].iter().any(|top| script.starts_with(top));
    if !is_ours {
        return None;
    }
    let Ok(text) = fs::read_to_string(root().join(script)) else {
        return Some(format!("no script {script}"));
    };
    let missing = long_options(words).find(|option| !has_option(&text, option))?;
    Some(format!("{script} has no option {missing}"))
}

/// The value of an option, which is the next word.
fn value<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).map(String::as_str)
}

/// Packages and targets that a cargo command names.
fn check_cargo(words: &[String]) -> Option<String> {
    if words[0] != "cargo" {
        return None;
    }
    let manifest = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    let all = [manifest("Cargo.toml"), manifest("tests/cluster/Cargo.toml")].concat();
    let has_line = |line: String| all.lines().any(|found| found == line);
    if let Some(package) = value(words, "-p")
        && !has_line(format!("name = \"{package}\""))
        && !all.lines().any(|line| line.starts_with(&format!("{package} = ")))
    {
        return Some(format!("no package {package}"));
    }
    if let Some(test) = value(words, "--test") {
        let (file, directory) = (format!("tests/{test}.rs"), format!("tests/{test}/main.rs"));
        if ![file, directory].iter().any(|path| root().join(path).exists()) {
            return Some(format!("no test program {test}"));
        }
    }
    let named = [value(words, "--bin"), value(words, "--bench")];
    let missing = named.into_iter().flatten().find(|name| !has_line(format!("name = \"{name}\"")));
    missing.map(|name| format!("no target {name}"))
}

#[test]
fn every_command_names_what_exists() {
    let mut failures = Vec::new();
    for document in documents() {
        for (line, words) in commands(&document) {
            let checks = [check_program(&words), check_script(&words), check_cargo(&words)];
            failures.extend(checks.into_iter().flatten().map(|what| document.report(line, what)));
        }
    }
    assert_none(failures);
}

/// An option in backticks without a program before it: of one of our programs, or of one
/// of our scripts.
#[test]
fn every_option_in_backticks_exists() {
    let mut texts: Vec<String> = helps().values().cloned().collect();
    for script in ["tests/run.sh", "bindings/c/install.sh", "tests/bench/run.py"] {
        texts.push(fs::read_to_string(root().join(script)).expect("the script"));
    }
    let mut failures = Vec::new();
    let of_users = |document: &&Document| {
        document.path.starts_with("src/docs") || document.path == Path::new("README.md")
    };
    for document in documents().iter().filter(of_users) {
        for span in document.spans() {
            let words = span.text.split_whitespace().take_while(|word| *word != "--");
            let options = words.take_while(|word| word.starts_with("--"));
            for option in options.map(|word| word.split('=').next().unwrap_or(word)) {
                let option = option.trim_end_matches('*');
                let found = texts.iter().any(|text| match option.ends_with('-') {
                    true => text.contains(option),
                    false => has_option(text, option),
                });
                if !found {
                    failures.push(document.report(span.line, format!("no option {option}")));
                }
            }
        }
    }
    assert_none(failures);
}
