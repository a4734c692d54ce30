//! What ships: the files that an installation gives, the names that they export,
//! and programs that build against them.

mod container;
mod examples;
mod installed;
mod perl_xs;
mod php_extension;
mod release;
mod zero_retries;

use gearman_test_support::paths::scratch;
use gearman_test_support::requirements::have_program;
use installed::*;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_ledger_is_sorted_in_its_blocks() {
    let text = fs::read_to_string(root().join("bindings/c/symbols.txt")).unwrap();
    let blocks: Vec<Vec<&str>> = text
        .split("\n\n")
        .map(|block| block.lines().filter(|line| !line.starts_with('#')).collect())
        .collect();
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0].len(), 176);
    assert!(blocks.iter().all(|block| block.is_sorted()));
}

/// Else the packages do not build, which takes minutes to find out.
#[test]
fn the_packages_list_of_symbols_has_the_names_of_the_ledger() {
    let list = root().join("bindings/packaging/debian/libgearman8.symbols");
    let text = fs::read_to_string(list).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix(' ')?.split_once("@Base "));
    assert_same(&names.map(|(name, _)| name.to_owned()).collect(), &ledger());
}

#[test]
fn the_shared_library_exports_the_ledger() {
    assert_same(&defined(&["-D"], &under_prefix("lib/libgearman.so.8.0.0")), &ledger());
}

#[test]
fn the_archive_defines_the_ledger_and_nothing_else() {
    assert_same(&defined(&[], &under_prefix("lib/libgearman.a")), &ledger());
}

#[test]
fn the_shared_library_has_its_name_and_calls_itself_directly() {
    let library = under_prefix("lib/libgearman.so.8.0.0");
    let dynamic = tool("readelf", [OsStr::new("-dW"), library.as_os_str()]);
    assert!(dynamic.contains("Library soname: [libgearman.so.8]"), "{dynamic}");
    let names = ledger();
    let relocations = tool("readelf", [OsStr::new("-rW"), library.as_os_str()]);
    let ours: Vec<&str> = relocations
        .lines()
        .filter(|line| line.split([' ', '@']).any(|word| names.contains(word)))
        .collect();
    assert!(ours.is_empty(), "can be interposed: {ours:#?}");
}

/// A thread with asynchronous cancellation may end at an exported function's first or last
/// instruction, where a frame with destructors would abort the process.
#[test]
fn no_exported_function_has_a_frame_with_destructors() {
    let library = under_prefix("lib/libgearman.so.8.0.0");
    let frames = tool("readelf", [OsStr::new("-wf"), library.as_os_str()]);
    let with_destructors = first_addresses_of_frames_with_handlers(&frames);
    assert!(!with_destructors.is_empty(), "the library's own functions have some");
    let symbols = tool("nm", [OsStr::new("-D"), OsStr::new("--defined-only"), library.as_os_str()]);
    let found: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_once(" T "))
        .filter(|(address, _)| with_destructors.contains(*address))
        .map(|(_, name)| name)
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The first address of each function for which `readelf -wf` shows a table of handlers: the
/// augmentation data of its entry are not empty and not 0.
fn first_addresses_of_frames_with_handlers(frames: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut function = None;
    for line in frames.lines() {
        if line.contains(" CIE") {
            function = None;
        } else if let Some((_, range)) = line.split_once(" pc=") {
            function = range.split_once("..").map(|(first, _)| first);
        } else if let Some(data) = line.trim_start().strip_prefix("Augmentation data:") {
            let has_handlers = data.split_whitespace().any(|byte| byte != "00");
            found.extend(function.filter(|_| has_handlers));
        }
    }
    found
}

#[test]
fn the_stripped_shared_library_has_at_most_2_mb() {
    let stripped = scratch().join("libgearman-stripped.so");
    let library = under_prefix("lib/libgearman.so.8.0.0");
    tool("strip", [OsStr::new("-o"), stripped.as_os_str(), library.as_os_str()]);
    let size = fs::metadata(&stripped).expect("the stripped library").len();
    assert!(size <= 2_000_000, "{size} bytes");
}

#[test]
fn the_library_without_tls_depends_on_these_crates_alone() {
    let listing = run(Command::new(cargo()).current_dir(root()).args([
        "tree",
        "--offline",
        "--no-default-features",
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--format={p}",
    ]));
    let found: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected = [
        "gearman",
        "gearman-buf",
        "gearman-engine",
        "gearman-net",
        "gearman-protocol",
        "libc",
        "log",
        "md5",
        "mio",
        "thiserror",
    ];
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn install_sh_gives_every_file() {
    let mut expected: BTreeSet<PathBuf> =
        tree(&root().join("include")).iter().map(|path| Path::new("include").join(path)).collect();
    expected.extend(
        [
            "lib/libgearman.a",
            "lib/libgearman.so",
            "lib/libgearman.so.8",
            "lib/libgearman.so.8.0.0",
            "lib/pkgconfig/gearmand.pc",
            "lib/pkgconfig/libgearman.pc",
        ]
        .map(PathBuf::from),
    );
    assert_same(&tree(&under_prefix("")), &expected);
    for link in ["lib/libgearman.so", "lib/libgearman.so.8"] {
        assert_eq!(fs::read_link(under_prefix(link)).unwrap(), Path::new("libgearman.so.8.0.0"));
    }
    let second_name = fs::read_link(under_prefix("lib/pkgconfig/libgearman.pc")).unwrap();
    assert_eq!(second_name, Path::new("gearmand.pc"));
}

#[test]
fn pkg_config_builds_a_program_both_ways() {
    if !have_program("pkg-config", &["--version"]) {
        return;
    }
    let directory = fresh("program");
    let source = directory.join("program.c");
    fs::write(&source, PROGRAM).unwrap();
    for (extra, name) in [(None, "dynamic"), (Some("--static"), "static")] {
        let flags = run(Command::new("pkg-config")
            .args(["--cflags", "--libs"])
            .args(extra)
            .arg("gearmand")
            .env("PKG_CONFIG_PATH", under_prefix("lib/pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", installed()));
        let program = directory.join(name);
        let archive = under_prefix("lib/libgearman.a");
        let flags = flags.split_whitespace().map(|flag| match (extra, flag) {
            (Some(_), "-lgearman") => archive.as_os_str(),
            _ => OsStr::new(flag),
        });
        run(Command::new("cc").arg(&source).arg("-o").arg(&program).args(flags));
        let printed = run(Command::new(&program).env("LD_LIBRARY_PATH", under_prefix("lib")));
        assert_eq!(printed, format!("{0} {0} a:1 ::1:4730\n", env!("CARGO_PKG_VERSION")), "{name}");
        let needed = tool("readelf", [OsStr::new("-dW"), program.as_os_str()]);
        assert_eq!(needed.contains("libgearman.so.8"), extra.is_none(), "{needed}");
    }
}

#[test]
fn the_shared_library_leaves_nothing_behind_when_it_is_unloaded() {
    let program = fresh("unload").join("unload");
    run(Command::new("cc")
        .arg(root().join("tests/shipped/unload.c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl"));
    let printed = run(Command::new(&program).arg(under_prefix("lib/libgearman.so.8")));
    assert_eq!(printed, "used yes, mapped no, growing no\n");
}

#[test]
fn the_archive_lives_with_another_rust_archive() {
    let directory = fresh("two-archives");
    fs::write(directory.join("other.rs"), OTHER).unwrap();
    fs::write(directory.join("main.c"), OTHER_MAIN).unwrap();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    run(Command::new(rustc).current_dir(&directory).args([
        "--edition=2024",
        "--crate-type=staticlib",
        "other.rs",
    ]));
    run(Command::new("cc")
        .current_dir(&directory)
        .args(["main.c", "libother.a"])
        .arg(under_prefix("lib/libgearman.a"))
        .arg(format!("-I{}", under_prefix("include").display()))
        .args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-omain"]));
    assert_eq!(run(&mut Command::new(directory.join("main"))), "other\nGEARMAN_TIMEOUT\n");
}

const OTHER: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn other() {
    let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new("other")));
    println!("{}", caught.unwrap_err().downcast_ref::<&str>().unwrap());
}
"#;

const OTHER_MAIN: &str = r#"
#include <libgearman/gearman.h>
#include <stdio.h>

void other(void);

int main(void)
{
  other();
  fflush(stdout);
  return puts(gearman_strerror(GEARMAN_TIMEOUT)) < 0;
}
"#;

#[test]
fn cargo_c_gives_the_same_tree() {
    if !have_program(&cargo(), &["cinstall", "--version"]) {
        return;
    }
    let destdir = fresh("cargo-c");
    run(Command::new(cargo())
        .current_dir(root())
        .args(["cinstall", "--offline", "--no-default-features", "--features=tls", "--libdir=lib"])
        .arg(format!("--prefix={PREFIX}"))
        .arg("--destdir")
        .arg(&destdir)
        .arg("--target-dir")
        .arg(scratch().join("cargo-c-target")));
    // cargo-c writes one pkg-config file.
    let mut expected = tree(installed());
    expected.retain(|path| !path.ends_with("libgearman.pc"));
    assert_same(&tree(&destdir), &expected);
    let prefix = destdir.join(PREFIX.trim_start_matches('/'));
    assert_same(
        &defined(&["-D"], &prefix.join("lib/libgearman.so.8.0.0")),
        &defined(&["-D"], &under_prefix("lib/libgearman.so.8.0.0")),
    );
    let fields = |prefix: &Path| -> BTreeSet<String> {
        let text = fs::read_to_string(prefix.join("lib/pkgconfig/gearmand.pc")).unwrap();
        text.lines().filter_map(|line| line.split([':', '=']).next()).map(str::to_owned).collect()
    };
    assert_same(&fields(&prefix), &fields(&under_prefix("")));
}
