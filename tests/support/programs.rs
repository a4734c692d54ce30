//! The C programs of `tests/c`: compiling them, and running them on a library.
//!
//! A program is compiled once, linked against the distribution's libgearman where it
//! is installed and against ours elsewhere; which library it then runs on is a matter
//! of `LD_LIBRARY_PATH` alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use crate::library::{Library, put_on};
use crate::outcome::{Outcome, finish};
use crate::paths::{ORIGINAL_GEARMAND, repository, scratch};
use crate::server::Server;

/// The installed headers, without which nothing can be compiled.
const ORIGINAL_HEADER: &str = "/usr/include/libgearman/gearman.h";

/// Why the programs cannot run here, if they cannot.
pub fn missing_peer() -> Option<String> {
    if !Path::new(ORIGINAL_HEADER).exists() {
        return Some(format!("{ORIGINAL_HEADER} is missing: install libgearman-dev"));
    }
    if !Path::new(ORIGINAL_GEARMAND).exists() {
        return Some(format!("{ORIGINAL_GEARMAND} is missing: install gearman-job-server"));
    }
    None
}

/// A library beside libgearman that a program of `tests/c` uses.
struct Companion {
    program: &'static str,
    header: &'static str,
    package: &'static str,
    flag: &'static str,
}

const COMPANIONS: [Companion; 1] = [Companion {
    program: "boost_context",
    header: "/usr/include/boost/context/fiber.hpp",
    package: "libboost-context-dev",
    flag: "-lboost_context",
}];

fn companion(program: &str) -> Option<&'static Companion> {
    COMPANIONS.iter().find(|companion| companion.program == program)
}

/// Programs that do not link libgearman but load a module that does: a source of
/// `tests/c/modules`, built as a library beside the program.
const MODULES: [(&str, &str); 2] =
    [("broker_module", "broker_module.c"), ("broker_unloaded_at_work", "broker_module.c")];

/// Why this program cannot be compiled here, if it cannot.
pub fn missing_peer_of(program: &str) -> Option<String> {
    missing_peer().or_else(|| {
        let Companion { header, package, .. } =
            companion(program).filter(|companion| !Path::new(companion.header).exists())?;
        Some(format!("{header} is missing: install {package}"))
    })
}

/// The directory of the C programs.
pub fn programs_dir() -> PathBuf {
    repository().join("tests/c")
}

/// The names of all programs, sorted.
pub fn programs_in_dir() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(programs_dir())
        .expect("tests/c can be listed")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| matches!(path.extension().and_then(|e| e.to_str()), Some("c" | "cpp")))
        .map(|path| path.file_stem().expect("a stem").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The source of a program.
pub fn source(program: &str) -> PathBuf {
    let c = programs_dir().join(format!("{program}.c"));
    if c.exists() { c } else { programs_dir().join(format!("{program}.cpp")) }
}

/// What ours is meant to print when that differs from the original: the part of
/// `PROGRAM.differs` after the reason.
pub fn meant_to_differ(program: &str) -> Option<String> {
    meant_to_differ_in(&programs_dir(), program)
}

/// The same for a program of another directory.
pub fn meant_to_differ_in(directory: &Path, program: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join(format!("{program}.differs"))).ok()?;
    let (reason, expected) =
        text.split_once("\n---\n").unwrap_or_else(|| panic!("{program}.differs has no line ---"));
    assert!(!reason.trim().is_empty(), "{program}.differs gives no reason");
    Some(expected.to_owned())
}

/// Compiles a program, once for all tests of this process; the path of the executable.
pub fn compiled(program: &str) -> PathBuf {
    static DONE: Mutex<BTreeMap<String, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let cell =
        Arc::clone(DONE.lock().expect("not poisoned").entry(program.to_owned()).or_default());
    cell.get_or_init(|| compile(program)).clone()
}

fn compile(program: &str) -> PathBuf {
    let source = source(program);
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if cpp { ("g++", "-std=c++17") } else { ("gcc", "-std=c11") };
    let executable = scratch().join(program);
    let run = |source: &Path, made: &Path, args: &[&str]| {
        let output = Command::new(compiler)
            .args([standard, "-Wall", "-Wextra", "-Werror", "-g", "-o"])
            .args([made, source])
            .args(args)
            .args(["-ldl", "-lpthread"])
            .args(companion(program).map(|companion| companion.flag))
            .output()
            .expect("the compiler starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    match MODULES.iter().find(|(of, _)| *of == program) {
        None => run(&source, &executable, &["-lgearman"]),
        Some((_, module)) => {
            // Optimising leaves out what the program does not use of common.h.
            run(&source, &executable, &["-O1"]);
            let module = programs_dir().join("modules").join(module);
            run(&module, &executable.with_extension("so"), &["-shared", "-fPIC", "-lgearman"]);
        }
    }
    executable
}

/// Runs one case of a consumer's suite. What it prints is counted for the table
/// of consumers in `src/COMPAT.md`: see `tests/consumers.awk`.
pub fn trial(consumer: &str, how: &str, suite: &str, case: impl FnOnce()) {
    println!("consumer: {consumer} | {how} | {suite} | 0/1");
    case();
    println!("consumer: {consumer} | {how} | {suite} | 1/0");
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checker {
    /// As it is.
    None,
    /// Under valgrind's memcheck, children included.
    Memcheck,
}

/// Runs a program with two fresh job servers of the given kind.
pub fn run(program: &str, library: Library, gearmand: &str, checker: Checker) -> Outcome {
    let executable = compiled(program);
    let servers = [Server::start(gearmand), Server::start(gearmand)];
    let mut command = match checker {
        Checker::None => Command::new(&executable),
        Checker::Memcheck => {
            let mut command = Command::new("valgrind");
            command
                .args(["--quiet", "--error-exitcode=99", "--trace-children=yes"])
                // Job servers that the program starts.
                .arg("--trace-children-skip=*/gearmand")
                .args(["--leak-check=full", "--errors-for-leak-kinds=definite"])
                .args(["--show-leak-kinds=definite", "--num-callers=30"])
                .arg(&executable)
                .env("GEARMAN_TEST_SCALE", "5");
            command
        }
    };
    command.args(servers.iter().map(|server| server.port.to_string())).stdin(Stdio::null());
    put_on(&mut command, library);
    finish(command, program, if checker == Checker::None { 30 } else { 120 })
}
