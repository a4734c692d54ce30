//! What ships: the files that an installation gives, the names that they export,
//! and programs that build against them.
//!
//! The library is installed once, by `bindings/c/install.sh`, under a prefix that
//! exists only below a DESTDIR.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PREFIX: &str = "/opt/gearman";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Whether `program` can be run; says so when it cannot, because the test then
/// leaves something out.
fn have(program: &str, args: &[&str]) -> bool {
    let found =
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: {program} {args:?} cannot be run");
    }
    found
}

/// Runs a program that has to succeed and returns what it printed.
fn run(command: &mut Command) -> String {
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

fn tool<I: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = I>) -> String {
    run(Command::new(program).args(args))
}

/// A directory that was empty before this test run.
fn fresh(name: &str) -> PathBuf {
    let directory = scratch().join(name);
    fs::remove_dir_all(&directory).unwrap_or_default();
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The DESTDIR that install.sh filled.
fn installed() -> &'static Path {
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
fn under_prefix(path: &str) -> PathBuf {
    installed().join(PREFIX.trim_start_matches('/')).join(path)
}

/// Every name of `bindings/c/symbols.txt`.
fn ledger() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("bindings/c/symbols.txt")).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The names that `nm` calls defined and global.
fn defined(args: &[&str], file: &Path) -> BTreeSet<String> {
    let listing = run(Command::new("nm").args(["-g", "--defined-only"]).args(args).arg(file));
    listing.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

/// The files and links below a directory.
fn tree(directory: &Path) -> BTreeSet<PathBuf> {
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

fn assert_same<T: Ord + std::fmt::Debug>(left: &BTreeSet<T>, right: &BTreeSet<T>) {
    let only_left: Vec<&T> = left.difference(right).collect();
    let only_right: Vec<&T> = right.difference(left).collect();
    assert!(left == right, "only on the left {only_left:#?}, only on the right {only_right:#?}");
}

#[test]
fn the_ledger_is_sorted_in_its_blocks() {
    let text = fs::read_to_string(root().join("bindings/c/symbols.txt")).unwrap();
    let blocks: Vec<Vec<&str>> = text
        .split("\n\n")
        .map(|block| block.lines().filter(|line| !line.starts_with('#')).collect())
        .collect();
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0].len(), 174);
    assert!(blocks.iter().all(|block| block.is_sorted()));
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

#[test]
fn no_optional_crate_reaches_the_library() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let optional: Vec<&str> = manifest
        .lines()
        .filter(|line| line.contains("optional = true"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(optional.contains(&"clap"));
    let listing = run(Command::new(cargo()).current_dir(root()).args([
        "tree",
        "--offline",
        "--no-default-features",
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
    ]));
    let found: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| optional.contains(name))
        .collect();
    assert!(listing.contains("mio") && found.is_empty(), "{found:?}");
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
        ]
        .map(PathBuf::from),
    );
    assert_same(&tree(&under_prefix("")), &expected);
    for link in ["lib/libgearman.so", "lib/libgearman.so.8"] {
        assert_eq!(fs::read_link(under_prefix(link)).unwrap(), Path::new("libgearman.so.8.0.0"));
    }
}

#[test]
fn pkg_config_builds_a_program_both_ways() {
    if !have("pkg-config", &["--version"]) {
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

/// Passes and gets structs of every size by value, uses a callback, and prints.
const PROGRAM: &str = include_str!("shipped/program.c");

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
    if !have(&cargo(), &["cinstall", "--version"]) {
        return;
    }
    let destdir = fresh("cargo-c");
    run(Command::new(cargo())
        .current_dir(root())
        .args(["cinstall", "--offline", "--no-default-features", "--libdir=lib"])
        .arg(format!("--prefix={PREFIX}"))
        .arg("--destdir")
        .arg(&destdir)
        .arg("--target-dir")
        .arg(scratch().join("cargo-c-target")));
    assert_same(&tree(&destdir), &tree(installed()));
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
