//! How this repository is written, as a test: banned phrases, one name for one thing, sizes.
//!
//! The tables of `rules` hold the rules; a new rule is one line there. `files` finds the texts,
//! `syntax` parses Rust, and `phrases` searches text. Every check reports all violations as
//! `FILE:LINE: what is wrong`, so that one run is enough to mend them.

mod files;
mod phrases;
mod rules;
mod syntax;

use std::collections::BTreeMap;

use files::File;
use syntax::{Item, ItemKind};

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn no_text_uses_a_banned_phrase() {
    let phrases = phrases::compile(rules::BANNED_PHRASES);
    let mut texts = files::texts();
    for (path, text) in rules::PHRASE_EXCEPTIONS {
        let file = texts.iter_mut().find(|file| file.path == *path);
        let file = file.unwrap_or_else(|| panic!("an exception for {path}, which does not exist"));
        assert!(file.text.contains(text), "an exception that {path} does not need: {text}");
        file.text = file.text.replace(text, "");
    }
    let violations: Vec<_> = texts.iter().flat_map(|file| phrases.search(file)).collect();
    assert_none(&violations);
}

#[test]
fn the_search_reports_the_line_of_a_phrase_and_its_replacement() {
    let phrases = phrases::compile(&[(r"in vain", "without success")]);
    let file = File::sample("sample.md", "A worker\nasks In Vain, and in vain.");
    assert_eq!(
        phrases.search(&file),
        ["sample.md:2: \"In Vain\": write \"without success\""; 1],
        "one report a line"
    );
}

#[test]
fn a_phrase_that_a_line_break_divides_is_found() {
    let phrases = phrases::compile(&[(r"in vain", "without success")]);
    let file = File::sample("sample.rs", "// A worker asks in\n// vain.\nfn f() {}\n");
    assert_eq!(phrases.search(&file), ["sample.rs:1: \"in vain\": write \"without success\""]);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let violations: Vec<_> = files::rust()
        .iter()
        .flat_map(|file| {
            let functions = syntax::functions(file);
            functions.into_iter().filter_map(|function| {
                let lines = function.last_line + 1 - function.line;
                (lines > rules::FUNCTION_LINES_MAX).then(|| {
                    format!("{}:{}: {} has {lines} lines", file.path, function.line, function.name)
                })
            })
        })
        .collect();
    assert_none(&violations);
}

#[test]
fn a_function_is_measured_from_its_signature_to_its_closing_brace() {
    let file = File::sample("s.rs", "/// Adds.\nfn add(\n    a: u8,\n) -> u8 {\n    a\n}\n");
    let functions = syntax::functions(&file);
    assert_eq!((functions[0].line, functions[0].last_line), (2, 6));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let violations: Vec<_> = files::rust()
        .iter()
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > rules::FILE_LINES_MAX).then(|| format!("{}: {lines} lines", file.path))
        })
        .collect();
    assert_none(&violations);
}

#[test]
fn every_module_begins_with_what_it_owns() {
    let violations: Vec<_> = files::rust()
        .iter()
        .filter(|file| !syntax::begins_with_a_sentence(&file.text))
        .map(|file| format!("{}:1: no `//!` sentence that says what the module owns", file.path))
        .collect();
    assert_none(&violations);
}

#[test]
fn a_module_that_begins_with_code_or_an_empty_comment_is_reported() {
    assert!(syntax::begins_with_a_sentence("//! The queue of delayed jobs.\nuse std::fmt;\n"));
    assert!(syntax::begins_with_a_sentence("//! Delayed jobs,\n//! by time.\n"));
    assert!(!syntax::begins_with_a_sentence("use std::fmt;\n"));
    assert!(!syntax::begins_with_a_sentence("//!\nuse std::fmt;\n"));
    assert!(!syntax::begins_with_a_sentence("//! Queue\nuse std::fmt;\n"));
}

/// The places of every name that items of one kind share. Tests may repeat a name.
fn shared_names(files: &[File], is_kind: fn(ItemKind) -> bool) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        for Item { name, line, .. } in syntax::items(file).iter().filter(|i| is_kind(i.kind)) {
            places.entry(name.clone()).or_default().push(format!("{}:{line}", file.path));
        }
    }
    places.retain(|name, places| places.len() > 1 && !rules::SHARED_NAMES.contains(&&**name));
    places.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

#[test]
fn a_constant_has_a_name_of_its_own() {
    assert_none(&shared_names(&files::shipped_rust(), |kind| kind == ItemKind::Constant));
}

#[test]
fn a_type_has_a_name_of_its_own() {
    assert_none(&shared_names(&files::shipped_rust(), |kind| kind == ItemKind::Type));
}

#[test]
fn a_name_in_two_files_is_reported_with_both_places() {
    let files = [
        File::sample("src/a.rs", "const LIMIT: u8 = 1;\n"),
        File::sample("src/b.rs", "\npub(crate) static LIMIT: u8 = 2;\n"),
        File::sample("src/c.rs", "#[cfg(test)]\nmod tests {\n    const LIMIT: u8 = 3;\n}\n"),
        File::sample("src/tests.rs", "const LIMIT: u8 = 4;\n"),
    ];
    let shared = shared_names(&files, |kind| kind == ItemKind::Constant);
    assert_eq!(shared, ["LIMIT: src/a.rs:1, src/b.rs:2"]);
}

#[test]
fn a_test_is_named_by_a_sentence() {
    let violations: Vec<_> = files::rust()
        .iter()
        .flat_map(|file| {
            syntax::functions(file)
                .into_iter()
                .filter(|function| function.is_test && !rules::is_sentence(&function.name))
                .map(|function| {
                    format!("{}:{}: {} is no sentence", file.path, function.line, function.name)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(&violations);
}

#[test]
fn a_sentence_has_a_subject_and_three_words() {
    assert!(rules::is_sentence("an_empty_grab_is_held_for_at_most_4_ms"));
    assert!(!rules::is_sentence("it_goes_to_the_submitter"));
    assert!(!rules::is_sentence("test_grab"));
    assert!(!rules::is_sentence("grab_job"));
}
