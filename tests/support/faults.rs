//! The tables of `src/docs/faults.md`, which tests make and compare.
//!
//! Must not: know what is in them.

use crate::paths::repository;
use std::fs;
use std::sync::Mutex;

/// Two tests of one program may write.
static WRITING: Mutex<()> = Mutex::new(());

/// Asserts that the document has this text between the marks of this name. With `UPDATE_FAULTS` in
/// the environment, writes it there instead.
///
/// # Panics
/// If the document has another text, or no such marks.
pub fn documented(name: &str, text: &str) {
    let _one = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = repository().join("src/docs/faults.md");
    let document = fs::read_to_string(&path).expect("the document");
    let [begin, end] = ["begin", "end"].map(|side| format!("<!-- {side}: {name} -->\n"));
    let (before, rest) = document.split_once(&begin).expect("a mark of the begin");
    let (found, after) = rest.split_once(&end).expect("a mark of the end");
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        let document = format!("{before}{begin}{text}{end}{after}");
        fs::write(&path, document).expect("the document is written");
        return;
    }
    assert!(found == text, "{} has another table than this:\n{text}", path.display());
}
