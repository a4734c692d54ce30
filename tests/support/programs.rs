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
use std::time::SystemTime;

use crate::library::{Library, own_library_dir, set_library};
use crate::outcome::{Outcome, run_for};
use crate::paths::{ORIGINAL_GEARMAND, repository, scratch};
use crate::requirements::{have_file, have_program};
use crate::sanitizer::Sanitizer;
use crate::server::Server;

/// One of the original's headers, where Debian installs them.
const ORIGINAL_HEADER: &str = "/usr/include/libgearman/gearman.h";

/// Whether the original's headers and job server are installed; skips if not.
pub fn have_original() -> bool {
    have_file(ORIGINAL_HEADER, "libgearman-dev")
        && have_file(ORIGINAL_GEARMAND, "gearman-job-server")
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

/// Whether this program can be compiled here; skips if not.
pub fn can_be_compiled(program: &str) -> bool {
    have_program("gcc", &["--version"])
        && have_program("g++", &["--version"])
        && companion(program).is_none_or(|library| have_file(library.header, library.package))
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

/// What a program prints on the original, as it was recorded in `PROGRAM.expected`.
pub fn recorded(program: &str) -> Option<String> {
    fs::read_to_string(recording(program)).ok()
}

/// Records what a program prints on the original.
pub fn record(program: &str, output: &str) {
    fs::write(recording(program), output).expect("tests/c can be written");
}

fn recording(program: &str) -> PathBuf {
    programs_dir().join(format!("{program}.expected"))
}

/// The executable of a program. It is compiled once for all tests of this process, and not at
/// all if nothing in `tests/c` is newer.
pub fn compiled(program: &str) -> PathBuf {
    static DONE: Mutex<BTreeMap<String, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let cell =
        Arc::clone(DONE.lock().expect("not poisoned").entry(program.to_owned()).or_default());
    cell.get_or_init(|| compile_if_stale(program)).clone()
}

fn compile_if_stale(program: &str) -> PathBuf {
    let executable = executables_dir().join(program);
    let is_fresh = |path: &Path| {
        let compiled = fs::metadata(path).and_then(|metadata| metadata.modified());
        compiled.is_ok_and(|compiled| compiled > last_change())
    };
    match MODULES.iter().find(|(of, _)| *of == program) {
        None if is_fresh(&executable) => {}
        None => compile(program, &source(program), &executable, &["-lgearman"]),
        Some((_, module)) => {
            let library = executable.with_extension("so");
            if !is_fresh(&executable) || !is_fresh(&library) {
                // Optimising leaves out what the program does not use of common.h.
                compile(program, &source(program), &executable, &["-O1"]);
                let module = programs_dir().join("modules").join(module);
                compile(program, &module, &library, &["-shared", "-fPIC", "-lgearman"]);
            }
        }
    }
    executable
}

/// Where executables are kept: those that link the original's library, or those that link ours.
fn executables_dir() -> PathBuf {
    let linked = match Sanitizer::wanted() {
        Some(sanitizer) => sanitizer.name(),
        None if Path::new(ORIGINAL_HEADER).exists() => "original",
        None => "ours",
    };
    let dir = scratch().join(format!("programs-{linked}"));
    fs::create_dir_all(&dir).expect("a directory for executables");
    dir
}

/// When a source, or a header of the sources, was last changed.
fn last_change() -> SystemTime {
    static LAST: OnceLock<SystemTime> = OnceLock::new();
    *LAST.get_or_init(|| {
        let directories = [programs_dir(), programs_dir().join("modules")];
        let entries = directories.iter().flat_map(|dir| fs::read_dir(dir).expect("tests/c"));
        let sources = entries.map(|entry| entry.expect("an entry")).filter(|entry| {
            let path = entry.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("c" | "cpp" | "h"))
        });
        let times = sources.map(|entry| entry.metadata().and_then(|file| file.modified()));
        times.map(|time| time.expect("a time")).max().expect("programs")
    })
}

fn compile(program: &str, source: &Path, target: &Path, args: &[&str]) {
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if cpp { ("g++", "-std=c++17") } else { ("gcc", "-std=c11") };
    // Renamed when it is whole: another process may compile, or run, the same program.
    let mut unfinished = target.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let mut command = Command::new(compiler);
    command.args([standard, "-Wall", "-Wextra", "-Werror", "-g", "-o"]).arg(&unfinished);
    command.arg(source);
    if !Path::new(ORIGINAL_HEADER).exists() {
        command.arg("-I").arg(repository().join("include")).arg("-L").arg(own_library_dir());
    }
    command.args(Sanitizer::wanted().map_or(Vec::new(), Sanitizer::compiler_arguments));
    command.args(args).args(["-ldl", "-lpthread"]);
    command.args(companion(program).map(|companion| companion.flag));
    let output = command.output().expect("the compiler starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, target).expect("the executable can be renamed");
}

/// Runs one case of a consumer's suite. What it prints is counted for the table
/// of consumers in `src/COMPAT.md`: see `tests/consumers.awk`.
pub fn trial(consumer: &str, how: &str, suite: &str, case: impl FnOnce()) {
    if Sanitizer::wanted().is_some() {
        // The same suite is counted without one.
        return case();
    }
    println!("consumer: {consumer} | {how} | {suite} | 0/1");
    case();
    println!("consumer: {consumer} | {how} | {suite} | 1/0");
}

/// A case of a consumer's suite that is the rest of a test: it has passed if the value is dropped
/// without a panic. Counted as by [`trial`].
pub struct Case {
    row: String,
}

impl Case {
    /// Begins the case.
    pub fn begin(consumer: &str, how: &str, suite: &str) -> Self {
        let row = format!("consumer: {consumer} | {how} | {suite}");
        println!("{row} | 0/1");
        Self { row }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            println!("{} | 1/0", self.row);
        }
    }
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checker {
    /// As it is.
    None,
    /// Under valgrind's memcheck, children included.
    Memcheck,
}

/// Runs a program on our library with two job servers and an environment.
pub fn run_in(program: &str, servers: &[Server; 2], environment: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(compiled(program));
    command.args(servers.iter().map(|server| server.port.to_string())).stdin(Stdio::null());
    set_library(&mut command, Library::Ours);
    command.envs(environment.iter().copied());
    run_for(command, program, 60)
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
    set_library(&mut command, library);
    if let (Some(sanitizer), Library::Ours) = (Sanitizer::wanted(), library) {
        sanitizer.configure(&mut command);
    }
    run_for(command, program, if checker == Checker::None { seconds() } else { 300 })
}

/// Seconds that a program may run: `GEARMAN_PROGRAM_SECONDS`, for machines that are emulated.
fn seconds() -> u64 {
    let given = std::env::var("GEARMAN_PROGRAM_SECONDS").ok();
    given.map_or(60, |value| value.parse().expect("GEARMAN_PROGRAM_SECONDS is a number"))
}
