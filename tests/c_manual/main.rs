//! The manual pages of the C library: complete, of one form, and without warnings of groff.
//!
//! `bindings/packaging/man3.pl` writes them from the headers, and refuses a comment that
//! names a parameter that does not exist or does not mention one that does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The sections of a page, in their order.
const SECTIONS: [&str; 11] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "RETURN VALUE",
    "ERRORS",
    "ENVIRONMENT",
    "FILES",
    "FUNCTIONS AND TYPES",
    "CAVEATS",
    "EXAMPLES",
    "SEE ALSO",
];

/// The functions and types that most programs use: their pages have an example.
const WITH_EXAMPLE: &[&str] = &[
    "gearman_client_add_server",
    "gearman_client_add_servers",
    "gearman_client_add_task",
    "gearman_client_create",
    "gearman_client_do",
    "gearman_client_do_background",
    "gearman_client_poll_fd",
    "gearman_client_run_tasks",
    "gearman_client_wait",
    "gearman_execute",
    "gearman_kill",
    "gearman_worker_add_function",
    "gearman_worker_create",
    "gearman_worker_define_function",
    "gearman_worker_grab_job",
    "gearman_worker_poll_fd",
    "gearman_worker_wait",
    "gearman_worker_work",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    assert!(output.status.success(), "{command:?}\n{}", text.concat());
    text.concat()
}

fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is missing");
    }
    found
}

/// The directory above `man3`, which has the pages.
fn directory() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-manual");
        fs::remove_dir_all(&directory).unwrap_or_default();
        fs::create_dir_all(directory.join("man3")).expect("a directory");
        let script = root().join("bindings/packaging/man3.pl");
        let printed = run(Command::new("perl")
            .arg(script)
            .arg(root().join("include"))
            .arg(directory.join("man3"))
            .arg(env!("CARGO_PKG_VERSION")));
        assert_eq!(printed, "");
        directory
    })
}

/// Every page by its name. A page that is an alias has the text of the other one.
fn pages() -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(directory().join(name)).expect("a page");
    let listing = fs::read_dir(directory().join("man3")).expect("the pages");
    listing
        .map(|entry| {
            let file = entry.expect("an entry").file_name().into_string().expect("a name");
            let text = read(&format!("man3/{file}"));
            let text = match text.strip_prefix(".so ") {
                Some(other) => read(other.trim_end()),
                None => text,
            };
            (file.strip_suffix(".3").expect("section 3").to_owned(), text)
        })
        .collect()
}

/// The sections of a page by their titles.
fn sections(page: &str) -> Vec<(&str, &str)> {
    page.split("\n.SH ").skip(1).filter_map(|part| part.split_once('\n')).collect()
}

fn section<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    sections(page).into_iter().find(|(name, _)| *name == title).map(|(_, text)| text)
}

#[test]
fn every_page_has_its_sections_in_order() {
    for (name, page) in pages() {
        assert!(page.starts_with(".TH "), "{name}");
        let titles: Vec<&str> = sections(&page).into_iter().map(|(title, _)| title).collect();
        let mut order = SECTIONS.iter();
        for title in &titles {
            assert!(order.any(|next| next == title), "{name}: {titles:?}");
        }
        for needed in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            assert!(titles.contains(&needed), "{name} has no {needed}");
        }
        let summary = section(&page, "NAME").expect("a name");
        let (names, what) = summary.split_once(" \\- ").expect("a summary");
        assert!(names.split(", ").any(|one| one == name), "{name} is not in its NAME");
        assert!(what.trim().len() > 10 && !what.trim().ends_with('.'), "{name}: {what}");
    }
}

#[test]
fn every_exported_function_has_a_page_that_says_what_it_returns() {
    let pages = pages();
    let symbols = fs::read_to_string(root().join("bindings/c/symbols.txt")).expect("the symbols");
    for name in symbols.lines().filter(|line| line.starts_with("gearman_")) {
        let page = pages.get(name).unwrap_or_else(|| panic!("{name} has no page"));
        let synopsis = section(page, "SYNOPSIS").expect("a synopsis");
        let start = format!("{name}(");
        let line = synopsis.lines().find(|line| line.contains(&start)).expect("a prototype");
        let is_void = line.trim_start_matches("\\fB").starts_with(&format!("void {name}"));
        let returns = section(page, "RETURN VALUE");
        assert_eq!(returns.is_none(), is_void, "{name}: {line}");
        assert!(returns.is_none_or(|text| text.starts_with("Returns ")), "{name}");
    }
}

#[test]
fn every_type_in_a_prototype_has_a_page() {
    let pages = pages();
    for (name, page) in &pages {
        let synopsis = section(page, "SYNOPSIS").expect("a synopsis");
        for word in synopsis.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let is_type = ["_t", "_st", "_fn"].iter().any(|end| word.ends_with(end));
            if word.starts_with("gearman_") && is_type {
                assert!(pages.contains_key(word), "{name}: {word} has no page");
            }
        }
    }
}

/// A code is `GEARMAN_TIMEOUT`, never `TIMEOUT`.
#[test]
fn every_code_has_its_prefix() {
    let header = fs::read_to_string(root().join("include/libgearman-1.0/return.h")).expect("codes");
    let codes: BTreeSet<&str> = header
        .lines()
        .filter_map(|line| line.trim().strip_prefix("GEARMAN_")?.split([',', ' ']).next())
        .collect();
    assert!(codes.len() > 50 && codes.contains("TIMEOUT"));
    for (name, page) in pages() {
        for (title, text) in sections(&page) {
            if title == "EXAMPLES" {
                continue;
            }
            let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            let bare = words.find(|word| codes.contains(word));
            assert_eq!(bare, None, "{name}, {title}");
        }
        let errors = section(&page, "ERRORS").unwrap_or_default();
        for item in errors.split(".TP\n").skip(1) {
            let code = item.strip_prefix("\\fBGEARMAN_").and_then(|rest| rest.split('\\').next());
            assert!(code.is_some_and(|code| codes.contains(code)), "{name}: {item}");
        }
    }
}

#[test]
fn the_page_of_the_return_codes_has_each_with_its_number() {
    let pages = pages();
    let page = &pages["gearman_return_t"];
    for (name, value) in gearman::capi::enums::gearman_return_t::TABLE {
        let line = format!("\\fB\\%{}\\fR ({value})\n", name.to_str().expect("a name"));
        assert!(page.contains(&line), "{line}");
    }
}

#[test]
fn every_reference_leads_to_a_page() {
    let pages = pages();
    for (name, page) in &pages {
        let text = section(page, "SEE ALSO").expect("references");
        for reference in text.split(",\n").map(str::trim).filter(|one| one.ends_with("(3)")) {
            let other = reference.trim_start_matches("\\fB").trim_start_matches("\\%");
            let other = other.strip_suffix("\\fR(3)").expect("a name in bold");
            assert!(pages.contains_key(other), "{name}: {other}");
        }
    }
}

#[test]
fn groff_warns_of_nothing() {
    if !have("groff") {
        return;
    }
    for name in pages().keys() {
        let printed = run(Command::new("groff")
            .current_dir(directory())
            .args(["-ww", "-man", "-z", "-Tutf8"])
            .arg(format!("man3/{name}.3")));
        assert_eq!(printed, "", "{name}");
    }
}

#[test]
fn every_example_compiles() {
    let examples = root().join("bindings/packaging/man3-examples");
    for entry in fs::read_dir(examples).expect("the examples") {
        run(Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I"])
            .arg(root().join("include"))
            .arg(entry.expect("an entry").path()));
    }
}

#[test]
fn the_main_functions_have_an_example() {
    let pages = pages();
    for name in WITH_EXAMPLE {
        assert!(section(&pages[*name], "EXAMPLES").is_some(), "{name}");
    }
}
