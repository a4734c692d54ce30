//! Running a C program against a library and a job server, and making its output comparable.
//!
//! A program is compiled once, linked against the distribution's libgearman; which library it
//! then runs on is a matter of `LD_LIBRARY_PATH` alone.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where the distribution puts its job server.
const GEARMAND: &str = "/usr/sbin/gearmand";
/// The installed headers, without which nothing can be compiled.
const HEADER: &str = "/usr/include/libgearman/gearman.h";

/// The job server of this package, when it is built.
pub(crate) const OWN_GEARMAND: Option<&str> = option_env!("CARGO_BIN_EXE_gearmand");

/// Why the programs cannot run here, if they cannot.
pub(crate) fn missing_peer() -> Option<String> {
    if !Path::new(HEADER).exists() {
        return Some(format!("{HEADER} is missing: install libgearman-dev"));
    }
    if !Path::new(GEARMAND).exists() {
        return Some(format!("{GEARMAND} is missing: install gearman-job-server"));
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
pub(crate) fn missing_peer_of(program: &str) -> Option<String> {
    missing_peer().or_else(|| {
        let Companion { header, package, .. } =
            companion(program).filter(|companion| !Path::new(companion.header).exists())?;
        Some(format!("{header} is missing: install {package}"))
    })
}

/// Whether valgrind is installed.
pub(crate) fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok()
}

/// The directory of the C programs.
pub(crate) fn programs_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// The names of all programs, sorted.
pub(crate) fn programs_in_dir() -> Vec<String> {
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
pub(crate) fn source(program: &str) -> PathBuf {
    let c = programs_dir().join(format!("{program}.c"));
    if c.exists() { c } else { programs_dir().join(format!("{program}.cpp")) }
}

/// What ours is meant to print when that differs from the original: the part of
/// `PROGRAM.differs` after the reason.
pub(crate) fn meant_to_differ(program: &str) -> Option<String> {
    meant_to_differ_in(&programs_dir(), program)
}

/// The same for a program of another directory.
pub(crate) fn meant_to_differ_in(directory: &Path, program: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join(format!("{program}.differs"))).ok()?;
    let (reason, expected) =
        text.split_once("\n---\n").unwrap_or_else(|| panic!("{program}.differs has no line ---"));
    assert!(!reason.trim().is_empty(), "{program}.differs gives no reason");
    Some(expected.to_owned())
}

/// A directory for what the tests make.
fn scratch() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    fs::create_dir_all(&dir).expect("a scratch directory");
    dir
}

/// Compiles a program, once for all tests of this process; the path of the executable.
pub(crate) fn compiled(program: &str) -> PathBuf {
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

/// The shared library that cargo has built beside this test, in a directory of its own under the
/// name that the programs ask for.
pub(crate) fn own_library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = scratch().join(format!("lib-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory for the library");
        let link = dir.join("libgearman.so.8");
        let _ = fs::remove_file(&link);
        symlink(own_library(), &link).expect("a link to the library");
        dir
    })
}

/// The newest `libgearman.so` beside the test executable or one level up.
pub(crate) fn own_library() -> PathBuf {
    let executable = std::env::current_exe().expect("the test's own path");
    let deps = executable.parent().expect("a directory");
    [deps.join("libgearman.so"), deps.parent().expect("a profile").join("libgearman.so")]
        .into_iter()
        .filter(|path| path.exists())
        .max_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).expect("a time"))
        .expect("cargo builds libgearman.so with the tests")
}

/// Which library a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// The distribution's.
    Original,
    /// Ours, found through `LD_LIBRARY_PATH`.
    Ours,
    /// Ours, put in front of the distribution's by `LD_PRELOAD`.
    Preloaded,
    /// Ours, in the very place of the distribution's: mounted over its file, for
    /// the program and its children alone. Needs root.
    InPlace,
}

impl Library {
    /// How the program comes to use this library, for people.
    pub(crate) fn how(self) -> &'static str {
        match self {
            Library::Original => "the original",
            Library::Ours => "LD_LIBRARY_PATH",
            Library::Preloaded => "LD_PRELOAD",
            Library::InPlace => "in its place",
        }
    }

    /// Every way to use ours that this user has.
    pub(crate) fn ways() -> &'static [Library] {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } == 0 {
            &[Library::Ours, Library::Preloaded, Library::InPlace]
        } else {
            println!("skipped: only root can mount our library in the original's place");
            &[Library::Ours, Library::Preloaded]
        }
    }
}

/// Runs one case of a consumer's suite. What it prints is counted for the table
/// of consumers in `src/COMPAT.md`: see `tests/consumers.awk`.
pub(crate) fn trial(consumer: &str, how: &str, suite: &str, case: impl FnOnce()) {
    println!("consumer: {consumer} | {how} | {suite} | 0/1");
    case();
    println!("consumer: {consumer} | {how} | {suite} | 1/0");
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checker {
    /// As it is.
    None,
    /// Under valgrind's memcheck, children included.
    Memcheck,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Normalised.
    pub(crate) stdout: String,
    /// As it was written.
    pub(crate) stderr: String,
    /// None when it had to be stopped.
    pub(crate) status: Option<ExitStatus>,
}

impl Outcome {
    /// Panics unless the program ended by itself with code 0.
    pub(crate) fn assert_ended_well(&self, what: &str) {
        let ended = match self.status {
            None => "was stopped after its time".to_owned(),
            Some(status) if status.success() => return,
            Some(status) => match status.signal() {
                Some(signal) => format!("died of signal {signal}"),
                None => format!("ended with code {}", status.code().unwrap_or(-1)),
            },
        };
        panic!("{what} {ended}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }
}

/// Runs a program with two fresh job servers of the given kind.
pub(crate) fn run(program: &str, library: Library, gearmand: &str, checker: Checker) -> Outcome {
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

/// Has a command find the given library, and nothing else of the caller's environment.
pub(crate) fn put_on(command: &mut Command, library: Library) {
    command.env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD").env_remove("GEARMAN_SERVERS");
    match library {
        Library::Original => {}
        Library::Ours => {
            command.env("LD_LIBRARY_PATH", own_library_dir());
        }
        Library::Preloaded => {
            command.env("LD_PRELOAD", own_library());
        }
        Library::InPlace => mount_own_library(command),
    }
}

/// The distribution's library.
pub(crate) fn original_library() -> PathBuf {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let link = Path::new("/usr/lib").join(triplet).join("libgearman.so.8");
    link.canonicalize().expect("the distribution's library")
}

/// Has a command see ours where the distribution's library is.
fn mount_own_library(command: &mut Command) {
    let name = |path: PathBuf| CString::new(path.into_os_string().into_vec()).expect("no NUL");
    let own = name(own_library().canonicalize().expect("our library"));
    let place = name(original_library());
    let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let mount = move || {
        let no_text = std::ptr::null();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: unshare takes a number; mount takes strings that end with NUL
        // and live in the closure, and allows NULL where nothing is to be said.
        unsafe {
            check(libc::unshare(libc::CLONE_NEWNS))?;
            check(libc::mount(no_text, c"/".as_ptr(), no_text, private, no_text.cast()))?;
            let bind = libc::MS_BIND;
            check(libc::mount(own.as_ptr(), place.as_ptr(), no_text, bind, no_text.cast()))
        }
    };
    // SAFETY: between fork and exec the closure makes three system calls and
    // allocates nothing.
    unsafe { command.pre_exec(mount) };
}

/// Runs a command to its end, at most for so many seconds, and ends what it left running.
pub(crate) fn finish(mut command: Command, name: &str, seconds: u64) -> Outcome {
    let name = unique_name(name);
    let (out, err) = (name.with_extension("out"), name.with_extension("err"));
    command
        .stdout(File::create(&out).expect("a file for stdout"))
        .stderr(File::create(&err).expect("a file for stderr"))
        .process_group(0);

    let mut child = command.spawn().expect("the program starts");
    let status = wait_at_most(&mut child, Duration::from_secs(seconds));
    end_group(&child);
    let status = status.or_else(|| {
        child.wait().expect("the program can be waited for");
        None
    });
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).expect("output")).into_owned();
    Outcome { stdout: normalise(&read(&out)), stderr: read(&err), status }
}

/// A path that no other run uses.
fn unique_name(program: &str) -> PathBuf {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    scratch().join(format!("{program}-{}-{run}", std::process::id()))
}

fn wait_at_most(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            return Some(status);
        }
        sleep(Duration::from_millis(2));
    }
    None
}

/// Waits until something is so.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Ends what is left of a child's process group.
fn end_group(child: &Child) {
    let group = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: kill takes numbers only; the group was made for this child, and as long as it has a
    // member or the child is unreaped its number is not given to anybody else.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

/// A job server on a free loopback port, ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts one and waits until it accepts connections.
    pub(crate) fn start(gearmand: &str) -> Self {
        for _ in 0..10 {
            if let Some(server) = Self::try_start(gearmand, free_port()) {
                return server;
            }
        }
        panic!("{gearmand} does not start");
    }

    /// Starts one on a port where another has been.
    pub(crate) fn start_at(gearmand: &str, port: u16) -> Self {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Some(server) = Self::try_start(gearmand, port) {
                return server;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{gearmand} does not start again");
    }

    /// The answer to a text command that is answered by a list.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        writeln!(stream, "{command}").expect("the command is sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b".\n") {
            let mut piece = [0; 4096];
            let size = stream.read(&mut piece).expect("an answer");
            assert_ne!(size, 0, "the answer to {command} ends with a dot");
            answer.extend_from_slice(&piece[..size]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// None when the port was taken by somebody else in the meantime.
    fn try_start(gearmand: &str, port: u16) -> Option<Self> {
        let mut child = Command::new(gearmand)
            .args(["--listen=127.0.0.1", &format!("--port={port}"), "--log-file=none"])
            .arg(format!("--pid-file={}", scratch().join(format!("{port}.pid")).display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the job server starts");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if child.try_wait().expect("the job server can be waited for").is_some() {
                return None;
            }
            match process_behind(port) {
                Some(id) if id == child.id() => return Some(Self { child, port }),
                // Somebody else's server was faster.
                Some(_) => break,
                None => {}
            }
            sleep(Duration::from_millis(2));
        }
        Self { child, port };
        None
    }
}

/// The process id that a job server tells of itself.
fn process_behind(port: u16) -> Option<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"getpid\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.strip_prefix("OK ")?.trim_end().parse().ok()
}

impl Drop for Server {
    /// SIGKILL: the original does not end by SIGTERM while a job is due in the future.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    fn ask() -> io::Result<u16> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
    }
    ask().expect("a free port")
}

/// How many bytes at the start of a text are to be replaced, if any.
type Rule = fn(&str) -> Option<usize>;

/// Replaces what differs from run to run: job handles, UUIDs, process ids, source positions and
/// loopback ports.
pub(crate) fn normalise(text: &str) -> String {
    const RULES: [(Rule, &str); 5] = [
        (handle, "HANDLE"),
        (uuid, "UUID"),
        (|s| number_between(s, "pid(", ")"), "pid(PID)"),
        (source_position, "-> FILE:LINE"),
        (|s| number_between(s, "127.0.0.1:", ""), "127.0.0.1:PORT"),
    ];
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    'next: while let Some(first) = rest.chars().next() {
        let inside_word = result.ends_with(|c: char| c.is_ascii_alphanumeric());
        for (rule, replacement) in RULES {
            if inside_word {
                break;
            }
            if let Some(length) = rule(rest) {
                result.push_str(replacement);
                rest = &rest[length..];
                continue 'next;
            }
        }
        result.push(first);
        rest = &rest[first.len_utf8()..];
    }
    result
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `H:host:12`
fn handle(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("H:")?;
    let host = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        .count();
    let number = digits(rest[host..].strip_prefix(':')?);
    (host > 0 && number > 0).then_some(2 + host + 1 + number)
}

/// `01234567-89ab-cdef-0123-456789abcdef`
fn uuid(text: &str) -> Option<usize> {
    let candidate = text.as_bytes().get(..36)?;
    let fits = candidate.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    });
    fits.then_some(36)
}

/// A number with something before and after it.
fn number_between(text: &str, before: &str, after: &str) -> Option<usize> {
    let rest = text.strip_prefix(before)?;
    let number = digits(rest);
    (number > 0 && rest[number..].starts_with(after)).then_some(before.len() + number + after.len())
}

/// `-> dir/file.cc:123`
fn source_position(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("-> ")?;
    let word = &rest[..rest.find([' ', '\n']).unwrap_or(rest.len())];
    let (path, line) = word.split_once(':')?;
    let line = digits(line);
    (!path.is_empty() && line > 0).then_some(3 + path.len() + 1 + line)
}

/// The first lines in which two texts differ, for a message; None when they are equal.
pub(crate) fn difference(wanted: &str, got: &str) -> Option<String> {
    if wanted == got {
        return None;
    }
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.lines().collect(), got.lines().collect());
    let at = wanted.iter().zip(&got).take_while(|(w, g)| w == g).count();
    let mut text = String::new();
    for line in &wanted[at.saturating_sub(3)..at] {
        text += &format!("    {line}\n");
    }
    for line in wanted.iter().skip(at).take(8) {
        text += &format!("  - {line}\n");
    }
    for line in got.iter().skip(at).take(8) {
        text += &format!("  + {line}\n");
    }
    Some(format!("from line {} on (- wanted, + got):\n{text}", at + 1))
}
