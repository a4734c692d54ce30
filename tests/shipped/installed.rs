//! The installed library, and what tests ask of its files.
//!
//! The library is installed once per run, by `bindings/c/install.sh`, under a
//! prefix that exists only below a DESTDIR.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub(crate) const PREFIX: &str = "/opt/gearman";

/// Passes and gets structs of every size by value, uses a callback, and prints.
pub(crate) const PROGRAM: &str = include_str!("program.c");

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Runs a program that has to succeed and returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

pub(crate) fn tool<I: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = I>) -> String {
    run(Command::new(program).args(args))
}

/// A directory that was empty before this test run.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let directory = scratch().join(name);
    fs::remove_dir_all(&directory).unwrap_or_default();
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The DESTDIR that install.sh filled.
pub(crate) fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let destdir = fresh("install-sh");
        let script = root().join("bindings/c/install.sh");
        run(Command::new("sh")
            .arg(script)
            .arg(format!("--prefix={PREFIX}"))
            .env("DESTDIR", &destdir)
            .env("CARGO_TARGET_DIR", scratch().join("shipped"))
            .env("CARGO", cargo()));
        destdir
    })
}

/// A file below the prefix.
pub(crate) fn under_prefix(path: &str) -> PathBuf {
    installed().join(PREFIX.trim_start_matches('/')).join(path)
}

/// Every name of `bindings/c/symbols.txt`.
pub(crate) fn ledger() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("bindings/c/symbols.txt")).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The names that `nm` calls defined and global.
pub(crate) fn defined(args: &[&str], file: &Path) -> BTreeSet<String> {
    let listing = run(Command::new("nm").args(["-g", "--defined-only"]).args(args).arg(file));
    listing.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

/// The files and links below a directory.
pub(crate) fn tree(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found
}

pub(crate) fn assert_same<T: Ord + std::fmt::Debug>(left: &BTreeSet<T>, right: &BTreeSet<T>) {
    let only_left: Vec<&T> = left.difference(right).collect();
    let only_right: Vec<&T> = right.difference(left).collect();
    assert!(left == right, "only on the left {only_left:#?}, only on the right {only_right:#?}");
}
