//! Makes the C headers: each is a prelude from `bindings/c/prelude`, with the
//! prototypes that cbindgen reads out of `src/capi` in place of a directive.
//!
//! `@prototypes stem name...` stands for the functions of `src/capi/stem.rs` and of
//! the files named `stem_*.rs` that have no directive of their own, and for the
//! functions that it names, wherever they are. `@version` stands for the version
//! macros.
//!
//! Must not: touch the file system beyond reading those two directories.

use cbindgen::{Builder, Config, DocumentationStyle, ItemType, Language, Style};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the headers call a Rust alias. Function types are typedefs in the
/// preludes; a Rust alias is a pointer to one.
const RENAMES: &[(&str, &str)] = &[
    ("c_bool", "bool"),
    ("gearman_job_handle_mut", "gearman_job_handle_t"),
    ("gearman_job_handle_const", "const gearman_job_handle_t"),
    ("gearman_malloc_fn", "gearman_malloc_fn *"),
    ("gearman_realloc_fn", "gearman_realloc_fn *"),
    ("gearman_calloc_fn", "gearman_calloc_fn *"),
    ("gearman_free_fn", "gearman_free_fn *"),
    ("gearman_parse_server_fn", "gearman_parse_server_fn *"),
    ("gearman_task_context_free_fn", "gearman_task_context_free_fn *"),
    ("gearman_log_fn", "gearman_log_fn *"),
    ("gearman_worker_fn", "gearman_worker_fn *"),
    ("gearman_function_fn", "gearman_function_fn *"),
    ("gearman_aggregator_fn", "gearman_aggregator_fn *"),
    ("gearman_workload_fn", "gearman_workload_fn *"),
    ("gearman_created_fn", "gearman_created_fn *"),
    ("gearman_data_fn", "gearman_data_fn *"),
    ("gearman_warning_fn", "gearman_warning_fn *"),
    ("gearman_universal_status_fn", "gearman_universal_status_fn *"),
    ("gearman_complete_fn", "gearman_complete_fn *"),
    ("gearman_exception_fn", "gearman_exception_fn *"),
    ("gearman_fail_fn", "gearman_fail_fn *"),
];

/// One exported function: the file it stands in and its declaration in C.
struct Function {
    stem: String,
    name: String,
    text: String,
}

/// Every header by its path under `include`.
pub(crate) fn headers() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prelude = root.join("bindings/c/prelude");
    let mut paths = Vec::new();
    walk(&prelude, &mut paths);
    let texts: BTreeMap<PathBuf, String> = paths
        .into_iter()
        .map(|path| {
            (path.strip_prefix(&prelude).unwrap().into(), fs::read_to_string(path).unwrap())
        })
        .collect();
    let claims: Vec<Claim> =
        texts.values().flat_map(|text| text.lines().filter_map(claim)).collect();
    let mut functions = functions(&root.join("src/capi"));
    let headers = texts
        .iter()
        .map(|(path, text)| (path.clone(), expand(path, text, &claims, &mut functions)))
        .collect();
    let homeless: Vec<&str> = functions.iter().map(|f| f.name.as_str()).collect();
    assert!(homeless.is_empty(), "no header declares {homeless:?}");
    headers
}

/// Adds every file below `directory`.
pub(crate) fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// What one `@prototypes` directive asks for.
struct Claim {
    stem: String,
    names: Vec<String>,
}

fn claim(line: &str) -> Option<Claim> {
    let mut words = line.strip_prefix("@prototypes ")?.split_whitespace().map(str::to_owned);
    Some(Claim { stem: words.next().expect("a stem"), names: words.collect() })
}

impl Claim {
    /// Names come first, then the longest stem that fits.
    fn covers(&self, function: &Function, all: &[Claim]) -> bool {
        match all.iter().find(|claim| claim.names.contains(&function.name)) {
            Some(named) => named.stem == self.stem,
            None => all
                .iter()
                .filter(|claim| claim.fits(&function.stem))
                .max_by_key(|claim| claim.stem.len())
                .is_some_and(|claim| claim.stem == self.stem),
        }
    }

    fn fits(&self, stem: &str) -> bool {
        stem.strip_prefix(&self.stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }
}

/// A prelude with its directives carried out, and a note on where it comes from
/// after its first comment.
fn expand(path: &Path, prelude: &str, claims: &[Claim], functions: &mut Vec<Function>) -> String {
    let (about, rest) = prelude.split_once("*/\n").expect("a prelude starts with a comment");
    let mut text = format!(
        "{about}*/\n\n/* Generated from bindings/c/prelude/{} and src/capi: change those, then run\n \
         * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */\n",
        path.display()
    );
    for line in rest.lines() {
        if let Some(claim) = claim(line) {
            let (ours, others) = std::mem::take(functions)
                .into_iter()
                .partition::<Vec<_>, _>(|function| claim.covers(function, claims));
            *functions = others;
            text += &declarations(&ours);
        } else if line == "@version" {
            text += &version();
        } else {
            text += line;
            text.push('\n');
        }
    }
    text
}

fn declarations(functions: &[Function]) -> String {
    let mut text = String::from("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for function in functions {
        text += &function.text;
        text += "\n\n";
    }
    text + "#ifdef __cplusplus\n}\n#endif\n"
}

fn version() -> String {
    let [major, minor, patch] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    format!(
        "#define LIBGEARMAN_VERSION_STRING \"{major}.{minor}.{patch}\"\n\
         #define LIBGEARMAN_VERSION_HEX 0x{major:0>2}{minor:0>3}{patch:0>3}\n"
    )
}

/// The exported functions of every file, in the order in which they stand.
fn functions(directory: &Path) -> Vec<Function> {
    let mut paths = Vec::new();
    walk(directory, &mut paths);
    // cbindgen follows the modules that a file declares, and mod.rs declares all.
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("mod.rs")
    });
    paths.sort();
    paths.iter().flat_map(|path| functions_of(path)).collect()
}

fn functions_of(path: &Path) -> Vec<Function> {
    let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut out = Vec::new();
    Builder::new()
        .with_config(config())
        .with_src(path)
        .generate()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .write(&mut out);
    let text = String::from_utf8(out).unwrap();
    // Each declaration is a paragraph; the empty lines of comments start with ` *`.
    text.split("\n\n")
        .map(str::trim)
        .filter(|paragraph| paragraph.ends_with(';'))
        .map(|paragraph| {
            let declaration = &paragraph[paragraph.rfind("GEARMAN_API").unwrap_or(0)..];
            let before = declaration.split('(').next().unwrap();
            let name = before.rsplit([' ', '*']).next().unwrap().to_owned();
            Function { stem: stem.clone(), name, text: in_c(paragraph) }
        })
        .collect()
}

fn config() -> Config {
    let mut config = Config {
        language: Language::C,
        style: Style::Type,
        documentation_style: DocumentationStyle::Doxy,
        usize_is_size_t: true,
        line_length: 100,
        ..Config::default()
    };
    config.function.prefix = Some("GEARMAN_API".into());
    config.export.item_types = vec![ItemType::Functions];
    // Exported under its C++ name and declared nowhere.
    config.export.exclude = vec!["_Z21gearman_actions_pausev".into()];
    config.export.rename = RENAMES.iter().map(|(r, c)| (r.to_string(), c.to_string())).collect();
    config
}

/// Comments and pointers the way C programmers write them.
fn in_c(declaration: &str) -> String {
    let text = declaration
        .replace(" * # Errors\n", " * Errors:\n")
        .replace(" * # Safety\n * ", " * Requires: ")
        .replace("[`", "`")
        .replace("`]", "`")
        .replace("_fn * ", "_fn *");
    match text.split_once(" */\n") {
        Some((comment, rest)) if comment.lines().count() == 2 => {
            let line = comment.trim_start_matches("/**\n * ").trim_end();
            format!("/* {line} */\n{rest}")
        }
        _ => text.replacen("/**\n * ", "/* ", 1),
    }
}
