//! How long documents may be, and how they begin.
//!
//! Must not: look inside blocks of code.

use std::fs;
use std::path::Path;

use crate::document::{Document, assert_none, documents, root};

/// Most words of the README.
const README_WORDS_MAX: usize = 900;
/// Most words of a paragraph or a list item of the architecture.
const PARAGRAPH_WORDS_MAX: usize = 90;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[test]
fn the_readme_has_at_most_900_words() {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    assert!(words(&text) <= README_WORDS_MAX, "README.md has {} words", words(&text));
}

#[test]
fn a_paragraph_of_the_architecture_has_at_most_90_words() {
    let document = Document::read(Path::new("src/ARCHITECTURE.md"));
    let mut failures = Vec::new();
    for paragraph in document.paragraphs() {
        let count = words(&paragraph.text);
        if count > PARAGRAPH_WORDS_MAX {
            failures.push(document.report(paragraph.line, format!("{count} words")));
        }
    }
    assert_none(failures);
}

#[test]
fn a_document_says_first_whom_it_is_for() {
    let mut failures = Vec::new();
    for document in documents() {
        let is_for_readers = document.path.starts_with("src/docs")
            || document.path.starts_with(".github")
            || document.path.ends_with("ARCHITECTURE.md");
        let first = document.paragraphs().first().cloned();
        let says = first.is_some_and(|paragraph| paragraph.text.starts_with("For "));
        if is_for_readers && !says {
            failures.push(document.report(1, "the first paragraph does not begin with \"For \""));
        }
    }
    assert_none(failures);
}
