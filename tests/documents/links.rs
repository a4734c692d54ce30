//! Links, anchors and paths lead to something that exists.
//!
//! Must not: use the network; links to other sites are not followed.

use std::path::{Component, Path, PathBuf};

use crate::document::{Document, assert_none, documents, root};

/// What the paths of the repository begin with.
const TOP: [&str; 6] = ["src/", "tests/", "bindings/", "include/", ".github/", ".ci/"];

/// A path without `.` and `..`, relative to the top of the repository.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

fn is_external(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The file that a link names, and the anchor in it.
fn target(document: &Document, link: &str) -> (PathBuf, Option<String>) {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (link, None),
    };
    let directory = document.path.parent().unwrap_or(Path::new(""));
    let path = if file.is_empty() { document.path.clone() } else { normal(&directory.join(file)) };
    (path, anchor)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut failures = Vec::new();
    for document in documents() {
        for link in document.links().iter().filter(|link| !is_external(&link.text)) {
            let (path, anchor) = target(&document, &link.text);
            if !root().join(&path).exists() {
                failures.push(document.report(link.line, format!("no file {}", path.display())));
            } else if let Some(anchor) = anchor
                && !Document::read(&path).anchors().contains(&anchor)
            {
                let what = format!("no heading #{anchor} in {}", path.display());
                failures.push(document.report(link.line, what));
            }
        }
    }
    assert_none(failures);
}

/// The packages install `src/docs` alone.
#[test]
fn an_installed_document_links_to_installed_ones_only() {
    let mut failures = Vec::new();
    for document in documents().iter().filter(|document| document.path.starts_with("src/docs")) {
        for link in document.links().iter().filter(|link| !is_external(&link.text)) {
            let (path, _) = target(document, &link.text);
            if path.parent() != Some(Path::new("src/docs")) {
                failures
                    .push(document.report(link.line, format!("{} is not installed", link.text)));
            }
        }
    }
    assert_none(failures);
}

/// Whether text in backticks is a path of the repository: no placeholder, no pattern,
/// no name of a test.
fn is_path(text: &str) -> bool {
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    is_plain && TOP.iter().any(|top| text.starts_with(top)) && !text.contains("NAME")
}

#[test]
fn every_path_in_backticks_exists() {
    let mut failures = Vec::new();
    // The changelog names files of its time.
    for document in documents().iter().filter(|d| !d.path.ends_with("CHANGELOG.md")) {
        let directory = document.path.parent().unwrap_or(Path::new(""));
        for span in document.spans().iter().filter(|span| is_path(&span.text)) {
            let here = root().join(directory).join(&span.text);
            if !root().join(&span.text).exists() && !here.exists() {
                failures.push(document.report(span.line, format!("no path {}", span.text)));
            }
        }
    }
    assert_none(failures);
}
