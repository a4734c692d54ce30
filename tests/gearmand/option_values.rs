//! Every option of the original with unusual values, on the original
//! and on ours: zero, nothing, a star, negative numbers, the largest and one more,
//! blanks, nonsense. Both must start and listen at the same addresses, or both must
//! refuse, but for what `DIFFERING` lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::option_tables::*;
use super::support::*;

/// A command line, an environment and a configuration to start both with.
#[derive(Default)]
struct Case {
    /// The row of [`DIFFERING`].
    option: String,
    value: String,
    arguments: Vec<String>,
    port: Option<String>,
    file: Option<&'static str>,
}

impl Case {
    fn is_about_port(&self) -> bool {
        let is_in_file = self.file.is_some_and(|text| text.contains("--port"));
        is_in_file || self.option == "port" || self.port.is_some()
    }

    /// Whether the addresses of the server can differ. Asking the system for them is slow.
    fn is_about_place(&self) -> bool {
        let options = ["", "file", "listen", "http-port", "protocol"];
        self.is_about_port() || options.contains(&&*self.option)
    }
}

/// The options that start a server at known addresses, without those that the case has.
fn base(case: &Case, port: u16, http: u16) -> Vec<String> {
    let says = |long: &str, short: &str| {
        let is_it = |word: &str| {
            word.starts_with(long) || (!word.starts_with("--") && word.starts_with(short))
        };
        let from_file = case.file.into_iter().flat_map(str::split_whitespace);
        case.arguments.iter().map(String::as_str).chain(from_file).any(is_it)
    };
    let mut base = Vec::new();
    for (long, short, value) in [
        ("--listen", "-L", "127.0.0.1".to_string()),
        ("--port", "-p", port.to_string()),
        ("--http-port", "--http-port", http.to_string()),
        ("--log-file", "-l", "none".into()),
        ("--pid-file", "-P", "pid".into()),
    ] {
        let is_from_environment = long == "--port" && case.port.is_some();
        if !is_from_environment && !says(long, short) {
            base.push(format!("{long}={value}"));
        }
    }
    base
}

/// A port that no other process gets: outside the range from which the system takes ports for
/// outgoing connections.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id()
            .wrapping_mul(2003)
            .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + (number % 18_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server that is killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The addresses at which a process listens.
fn listeners(pid: u32) -> BTreeSet<SocketAddr> {
    let mut sockets = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        if let Ok(link) = fs::read_link(entry.path()) {
            let text = link.to_string_lossy().into_owned();
            sockets.extend(text.strip_prefix("socket:[").map(|rest| rest.replace(']', "")));
        }
    }
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if words[3] == "0A" && sockets.contains(words[9]) {
                found.insert(address(words[1]));
            }
        }
    }
    found
}

/// An address as `/proc/net` writes it: words of the machine, in hexadecimal.
fn address(text: &str) -> SocketAddr {
    let (host, port) = text.split_once(':').expect("an address and a port");
    let words: Vec<u8> = (0..host.len() / 8)
        .flat_map(|word| {
            let digits = &host[word * 8..word * 8 + 8];
            u32::from_str_radix(digits, 16).expect("hexadecimal").to_ne_bytes()
        })
        .collect();
    let host = match <[u8; 4]>::try_from(&words[..]) {
        Ok(four) => IpAddr::from(Ipv4Addr::from(four)),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(&words[..]).expect("sixteen")).into(),
    };
    SocketAddr::new(host, u16::from_str_radix(port, 16).expect("hexadecimal"))
}

fn ports(pid: u32, http: u16) -> Vec<u16> {
    listeners(pid).iter().map(SocketAddr::port).filter(|port| *port != http).collect()
}

/// Whether a server answers at an address. Then it listens on all its addresses.
fn answers(place: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(place) else { return false };
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    stream.write_all(b"version\n").and_then(|()| stream.read_exact(&mut [0])).is_ok()
}

/// Starts a server; returns where it listens, or its exit code. Ports that were not asked for
/// count as equal.
fn outcome(program: &str, case: &Case) -> String {
    let directory = Directory::new(&format!("value-{:?}", thread::current().id()));
    let (port, http) = (free_port(), free_port());
    let mut command = Command::new(program);
    command.args(base(case, port, http)).args(&case.arguments);
    command.env_remove("GEARMAND_PORT").current_dir(directory.path());
    if let Some(port) = &case.port {
        command.env("GEARMAND_PORT", port);
    }
    if let Some(text) = case.file {
        fs::write(directory.file("conf"), format!("{text}\n")).expect("written");
        command.arg("--config-file=conf");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("starts"));
    let deadline = Instant::now() + TIMEOUT;
    let loopbacks = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    loop {
        if let Some(status) = running.0.try_wait().expect("is a child") {
            // The original ends with 1 whatever is wrong, ours with 2 for an option.
            return match status.code() {
                Some(1 | 2) => "refuses".into(),
                code => format!("ends with {code:?}"),
            };
        }
        let ports = if case.is_about_port() { ports(running.0.id(), http) } else { vec![port] };
        let mut places = ports.iter().flat_map(|&port| loopbacks.map(|ip| (ip, port)));
        if places.any(|place| answers(place.into())) {
            break;
        }
        assert!(Instant::now() < deadline, "neither ends nor answers: {:?}", case.arguments);
        // Neither sends an event: the log is one of the options.
        thread::sleep(Duration::from_millis(2));
    }
    if !case.is_about_place() {
        return "listens".into();
    }
    let named = |place: &SocketAddr| match place.port() {
        found if found == port => format!("{} PORT", place.ip()),
        found if found == http => format!("{} HTTP", place.ip()),
        found @ (1 | 80 | 4730 | 65535) => format!("{} {found}", place.ip()),
        _ => format!("{} any", place.ip()),
    };
    let places: BTreeSet<String> = listeners(running.0.id()).iter().map(named).collect();
    format!("listens at {places:?}")
}

/// Whether a port that a case names belongs to another server.
fn is_taken(case: &Case) -> bool {
    let value = case.port.as_ref().unwrap_or(&case.value);
    let ports: &[u16] = match (case.option.as_str(), value.as_str()) {
        ("port" | "GEARMAND_PORT", "" | "gearman") => &[4730],
        ("port" | "GEARMAND_PORT", "http") => &[80],
        ("port" | "GEARMAND_PORT", _) => &[1, 65535],
        _ => &[],
    };
    ports.iter().any(|&port| {
        let bound = TcpListener::bind(("127.0.0.1", port));
        bound.is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse)
    })
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (long, short, values) in VALUED {
        for value in *values {
            let mut forms = vec![
                vec![format!("--{long}={value}")],
                vec![format!("--{long}"), value.to_string()],
            ];
            if let Some(short) = short {
                forms.push(vec![format!("-{short}"), value.to_string()]);
                forms.push(vec![format!("-{short}{value}")]);
            }
            cases.extend(forms.into_iter().map(|arguments| Case {
                option: long.to_string(),
                value: value.to_string(),
                arguments,
                ..Case::default()
            }));
        }
    }
    for switch in SWITCHES {
        for value in ["(none)", "", "0", "1", "*"] {
            let argument = match value {
                "(none)" => switch.to_string(),
                value => format!("{switch}={value}"),
            };
            cases.push(Case {
                option: switch.to_string(),
                value: value.into(),
                arguments: vec![argument],
                ..Case::default()
            });
        }
    }
    for value in PORTS {
        cases.push(Case {
            option: "GEARMAND_PORT".into(),
            value: value.to_string(),
            port: Some(value.to_string()),
            ..Case::default()
        });
    }
    for text in FILES {
        cases.push(Case {
            option: "file".into(),
            value: text.to_string(),
            file: Some(text),
            ..Case::default()
        });
    }
    cases
}

#[test]
fn options_take_and_refuse_the_values_that_the_original_does() {
    if !have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        return;
    }
    let cases = cases();
    let count = cases.len();
    let queue = Mutex::new(cases);
    let found = Mutex::new(BTreeMap::<(String, String), Vec<String>>::new());
    // Cases that name a port would disturb each other.
    let by_port = Mutex::new(());
    let work = || {
        while let Some(case) = { queue.lock().expect("no panic").pop() } {
            let _alone = case.is_about_port().then(|| by_port.lock());
            if case.is_about_port() && is_taken(&case) {
                skip(&format!("the port of {} '{}' is in use", case.option, case.value));
                continue;
            }
            let theirs = outcome(ORIGINAL_GEARMAND, &case);
            let ours = outcome(env!("CARGO_BIN_EXE_gearmand"), &case);
            if theirs != ours {
                let what = format!("{:?}: they {theirs}, ours {ours}", case.arguments);
                let mut found = found.lock().expect("no panic");
                found.entry((case.option, case.value)).or_default().push(what);
            }
        }
    };
    thread::scope(|scope| {
        (0..4).for_each(|_| {
            scope.spawn(work);
        });
    });
    let mut found = found.into_inner().expect("no panic");
    let differing: usize = found.values().map(Vec::len).sum();
    eprintln!("{count} command lines, environments and files; {differing} differ");
    for (option, ours, values) in DIFFERING {
        for value in *values {
            let same = found.remove(&(option.to_string(), value.to_string()));
            // Whether a port can be had, and which services have names, is up to the
            // machine.
            let is_up_to_the_machine = option.to_lowercase().ends_with("port");
            assert!(same.is_some() || is_up_to_the_machine, "{option} '{value}' is the same");
            for what in same.into_iter().flatten() {
                assert_eq!(
                    what.contains("ours listens"),
                    *ours == Ours::Starts,
                    "{option}: {what}"
                );
            }
        }
    }
    assert!(found.is_empty(), "not meant to differ: {found:#?}");
}

#[test]
fn published_command_lines_start_as_with_the_original() {
    if !have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        return;
    }
    for (source, line) in PUBLISHED {
        let words = line.split(' ').map(String::from).collect();
        let as_arguments = Case { arguments: words, ..Case::default() };
        let mut forms = vec![as_arguments];
        if !line.contains(" -") || line.contains("--") {
            forms.push(Case { file: Some(line), ..Case::default() });
        }
        for case in forms {
            let ours = outcome(env!("CARGO_BIN_EXE_gearmand"), &case);
            assert!(ours.starts_with("listens"), "{source}: {line} {ours}");
            assert_eq!(ours, outcome(ORIGINAL_GEARMAND, &case), "{source}: {line}");
        }
    }
}
