//! The C headers under `include`: fresh, complete, and clean in every dialect.
//!
//! `GEARMAN_UPDATE_HEADERS=1 cargo test --test headers` writes them.

mod generate;

use gearman_test_support::compile::{compile, have, have_original_headers};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Each compiler, its language, and the dialects that a header has to be clean in.
const DIALECTS: &[(&str, &str, &[&str])] = &[
    ("gcc", "c", &["-std=c99", "-std=c11"]),
    ("clang", "c", &["-std=c99", "-std=c11"]),
    ("g++", "c++", &["-std=c++11", "-std=c++17"]),
    ("clang++", "c++", &["-std=c++11", "-std=c++17"]),
];

/// Declared by the original, but without a body in any version of it. Programs
/// that call it never linked; ours leaves it out so that they do not compile.
const BODILESS: &str = "gearman_worker_shutdown_handle";

/// The directory of our headers, rewritten first if that is asked for.
fn include() -> PathBuf {
    static UPDATE: Once = Once::new();
    let include = gearman_test_support::compile::include();
    UPDATE.call_once(|| {
        if std::env::var_os("GEARMAN_UPDATE_HEADERS").is_none() {
            return;
        }
        fs::remove_dir_all(&include).unwrap_or_default();
        for (path, text) in generate::headers() {
            let target = include.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(&target, text).unwrap();
        }
    });
    include
}

#[test]
fn the_committed_headers_are_fresh() {
    let (include, headers) = (include(), generate::headers());
    let stale: Vec<PathBuf> = headers
        .iter()
        .filter(|(path, text)| fs::read_to_string(include.join(path)).ok() != Some((*text).clone()))
        .map(|(path, _)| path.clone())
        .collect();
    let mut files = Vec::new();
    generate::walk(&include, &mut files);
    assert_eq!(files.len(), headers.len(), "a header without a prelude");
    assert!(stale.is_empty(), "run GEARMAN_UPDATE_HEADERS=1 cargo test --test headers: {stale:?}");
}

#[test]
fn every_header_compiles_alone() {
    let ours = format!("-I{}", include().display());
    let strict = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", &ours];
    for (program, language, dialects) in DIALECTS.iter().filter(|(program, ..)| have(program)) {
        for path in generate::headers().keys() {
            let cpp_only = path.extension().is_some_and(|extension| extension == "hpp");
            if cpp_only && *language == "c" {
                continue;
            }
            let source = format!("#include <{}>\nint something;\n", path.display());
            for dialect in *dialects {
                let args = [&["-x", language, dialect], &strict[..]].concat();
                compile(program, &args, &source).unwrap();
            }
        }
    }
}

#[test]
fn the_headers_declare_what_the_library_exports() {
    let source = "#include <libgearman/gearman.h>\n#include <libgearman-1.0/extension.h>\n";
    let declared: BTreeSet<String> = prototypes(&include(), source).into_keys().collect();
    let ledger = fs::read_to_string("bindings/c/symbols.txt").unwrap();
    // The other kind of name is C++-mangled and declared nowhere.
    let exported: BTreeSet<String> =
        ledger.lines().filter(|line| line.starts_with("gearman_")).map(str::to_owned).collect();
    let difference: Vec<&String> = declared.symmetric_difference(&exported).collect();
    assert!(difference.is_empty(), "declared or exported, but not both: {difference:#?}");
}

#[test]
fn the_original_prototypes_agree_with_ours() {
    if !have_original_headers() {
        return;
    }
    let mut originals = prototypes(Path::new("/usr/include"), "#include <libgearman/gearman.h>\n");
    originals.remove(BODILESS);
    assert!(originals.len() >= 171, "{} prototypes", originals.len());
    let ours = format!("-I{}", include().display());
    for (program, language) in [("gcc", "c"), ("g++", "c++")] {
        let mut source = String::from("#include <libgearman/gearman.h>\n");
        if language == "c++" {
            source += "typedef bool _Bool;\nextern \"C\" {\n";
        }
        source.extend(originals.values().map(|prototype| format!("extern {prototype}\n")));
        if language == "c++" {
            source += "}\n";
        }
        compile(program, &["-x", language, "-fsyntax-only", "-w", &ours], &source).unwrap();
    }
    let declared = prototypes(&include(), "#include <libgearman/gearman.h>\n");
    let missing: Vec<&String> =
        originals.keys().filter(|name| !declared.contains_key(*name)).collect();
    assert!(missing.is_empty(), "ours does not declare {missing:#?}");
}

/// The prototypes of functions named `gearman_*` that gcc finds, by name.
fn prototypes(include: &Path, source: &str) -> BTreeMap<String, String> {
    let include = format!("-I{}", include.display());
    let args = ["-x", "c", "-fsyntax-only", "-aux-info", "/dev/stdout", &include];
    let listing = compile("gcc", &args, source).unwrap();
    listing
        .lines()
        .filter_map(|line| line.split_once("*/ extern "))
        .filter_map(|(_, prototype)| {
            let name = prototype.split(" (").next()?.rsplit([' ', '*']).next()?;
            name.starts_with("gearman_").then(|| (name.to_owned(), prototype.to_owned()))
        })
        .collect()
}
