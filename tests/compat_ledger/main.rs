//! `src/COMPAT.md`: every test that it names exists, and every program of
//! `tests/c` that is meant to differ stands in it, marked as such.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The column that names tests.
const PINS: &str = "Pinned by";
/// The pin of a row without a test.
const NO_TEST: &str = "not pinned";
/// The start of a cell that describes a difference.
const MARK: &str = "**differs";
/// The section that lists the differences once more.
const SUMMARY: &str = "## Where ours is meant to differ";

/// A row of a table that has a column of pins.
struct Row {
    section: String,
    cells: Vec<String>,
}

impl Row {
    fn pins(&self) -> &str {
        self.cells.last().map_or("", String::as_str)
    }

    fn is_marked(&self) -> bool {
        self.cells.iter().any(|cell| cell.starts_with(MARK))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The heading of the table that `tests/run.sh` compares with what was run.
const COUNTED: &str = "## Consumers, counted";

/// The rows of every table but the counted one; their last column is that of the
/// pins.
fn rows() -> Vec<Row> {
    let ledger = fs::read_to_string(root().join("src/COMPAT.md")).expect("the ledger");
    let (mut rows, mut section, mut columns) = (Vec::new(), String::new(), None);
    for line in ledger.lines() {
        if line.starts_with('#') {
            line.clone_into(&mut section);
        }
        if section == COUNTED {
            continue;
        }
        let Some(inner) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            columns = None;
            continue;
        };
        let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
        match columns {
            None => {
                assert_eq!(cells.last().map(String::as_str), Some(PINS), "the table of {section}");
                columns = Some(cells.len());
            }
            Some(columns) => {
                assert_eq!(cells.len(), columns, "the cells of {line}");
                if !inner.starts_with("--") {
                    rows.push(Row { section: section.clone(), cells });
                }
            }
        }
    }
    rows
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn programs_that_differ() -> BTreeSet<String> {
    fs::read_dir(root().join("tests/c"))
        .expect("the programs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "differs"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect()
}

/// The files that a test of the test program `tests/NAME` may stand in.
fn files_of_test_program(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let files = entries.map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The files that a unit test of this module may stand in. A module `tests` may
/// be a file, be part of its parent's, or stand beside it as `PARENT_tests.rs`.
fn files_of_module(modules: &[&str]) -> Vec<PathBuf> {
    let base = root().join("src").join(modules.join("/"));
    let mut files = vec![base.with_extension("rs"), base.join("mod.rs"), base.join("lib.rs")];
    if let [parents @ .., "tests"] = modules {
        let parent = root().join("src").join(parents.join("/"));
        files.extend([parent.with_extension("rs"), parent.join("mod.rs"), parent.join("lib.rs")]);
        files.push(PathBuf::from(format!("{}_tests.rs", parent.display())));
    }
    files
}

/// Whether a test with this name, as the ledger writes it, exists.
fn exists(pin: &str) -> bool {
    let Some((place, function)) = pin.rsplit_once("::") else {
        let program = root().join("tests/c").join(pin);
        return ["c", "cpp"].iter().any(|language| program.with_extension(language).is_file());
    };
    if place.ends_with(".py") {
        let source = fs::read_to_string(root().join(place)).unwrap_or_default();
        return source.contains(&format!("def {function}("));
    }
    let files = if place.starts_with("tests/") {
        files_of_test_program(&root().join(place))
    } else {
        files_of_module(&place.split("::").collect::<Vec<_>>())
    };
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .any(|text| is_test(&text, function))
}

/// Whether a source has a test of this name.
fn is_test(source: &str, function: &str) -> bool {
    source.split("#[test]").skip(1).any(|rest| {
        rest.split_once("fn ").is_some_and(|(_, rest)| rest.starts_with(&format!("{function}(")))
    })
}

#[test]
fn every_pin_names_a_test() {
    let rows = rows();
    assert!(!rows.is_empty());
    for row in &rows {
        let pins: Vec<&str> = quoted(row.pins()).collect();
        assert_eq!(pins.is_empty(), row.pins() == NO_TEST, "the pins of {:?}", row.cells);
        for pin in pins {
            assert!(exists(pin), "no test {pin}, which pins {:?}", row.cells);
        }
    }
}

#[test]
fn every_difference_is_marked_and_listed() {
    let rows = rows();
    let pinned = |wanted: &dyn Fn(&Row) -> bool| -> BTreeSet<&str> {
        rows.iter().filter(|row| wanted(row)).flat_map(|row| quoted(row.pins())).collect()
    };
    let marked = pinned(&|row| row.is_marked());
    let listed = pinned(&|row| row.section == SUMMARY);
    for program in programs_that_differ() {
        assert!(marked.contains(program.as_str()), "no row tells how {program} differs");
        assert!(listed.contains(program.as_str()), "{program} is not listed under {SUMMARY}");
    }
    let unexplained: Vec<_> = listed.difference(&marked).collect();
    assert!(unexplained.is_empty(), "listed, but no row tells how they differ: {unexplained:?}");
}
