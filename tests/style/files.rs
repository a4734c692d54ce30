//! The texts of the repository: which files the rules hold for, read whole.

use std::fs;
use std::path::Path;

/// Directories below the root that hold text of ours.
const ROOTS: [&str; 5] = [".github", "bindings", "include", "src", "tests"];
/// Files at the top level that hold text of ours.
const TOP_LEVEL: [&str; 4] = ["README.md", "CHANGELOG.md", "Cargo.toml", "build.rs"];
/// Directories that hold build products.
const PRODUCTS: [&str; 6] =
    ["target", "artifacts", "corpus", "__pycache__", "build", "node_modules"];
/// Extensions of text that people read.
const TEXT: [&str; 17] = [
    "awk", "c", "cpp", "differs", "h", "hpp", "js", "md", "php", "pl", "pm", "py", "rs", "sh", "t",
    "toml", "xs",
];

/// A file with its text.
pub(crate) struct File {
    /// From the root of the repository, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// A file that is not on disk, for a test of a rule.
    pub(crate) fn sample(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is part of the tests: it may repeat names.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| {
            ["tests", "tests.rs", "testing", "testing.rs"].contains(&part)
                || part.ends_with("_tests.rs")
        })
    }
}

/// Every text, except the rules themselves, which name what they ban.
pub(crate) fn texts() -> Vec<File> {
    let mut files: Vec<_> = TOP_LEVEL.iter().map(|path| read(path)).collect();
    ROOTS.iter().for_each(|directory| collect(directory, &mut files));
    files.retain(|file| !file.path.starts_with("tests/style/"));
    assert!(files.len() > 500, "only {} texts found", files.len());
    files
}

/// Every file of Rust, tests included.
pub(crate) fn rust() -> Vec<File> {
    let mut files = Vec::new();
    ["src", "tests"].iter().for_each(|directory| collect(directory, &mut files));
    files.retain(File::is_rust);
    assert!(files.len() > 300, "only {} files of Rust found", files.len());
    files
}

/// The files of Rust below `src`.
pub(crate) fn shipped_rust() -> Vec<File> {
    rust().into_iter().filter(|file| file.path.starts_with("src/")).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> File {
    let text = fs::read_to_string(root().join(path));
    File { path: path.to_owned(), text: text.unwrap_or_else(|e| panic!("{path}: {e}")) }
}

fn collect(directory: &str, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(root().join(directory)) else { return };
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry")).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{directory}/{name}");
        if entry.file_type().expect("a type").is_dir() {
            if !PRODUCTS.contains(&&*name) && !name.ends_with(".egg-info") {
                collect(&path, files);
            }
        } else if name.rsplit_once('.').is_some_and(|(_, extension)| TEXT.contains(&extension)) {
            files.push(read(&path));
        }
    }
}
