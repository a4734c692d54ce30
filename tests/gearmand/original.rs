//! The same bytes to the original server and to ours: the answers must be equal,
//! except where ours differs on purpose. What differs on purpose has a test of
//! its own elsewhere.
//!
//! The original here is the one that Debian packages, 1.1.20.

use std::net::TcpListener;
use std::process::Command;

use super::support::*;

/// The original on a port that was free a moment ago. None where it is not installed.
pub(super) fn original() -> Option<Server> {
    original_with(&[])
}

pub(crate) fn original_with(arguments: &[&str]) -> Option<Server> {
    if !have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        return None;
    }
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let mut command = Command::new(ORIGINAL_GEARMAND);
    // Without -R it hands out one function's jobs before the next one's, which later versions
    // do not.
    command.args(["-R", "--listen", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--log-file", "stderr", "--verbose", "INFO", "--job-handle-prefix", "H:t"]);
    // Not /dev/null: the original unlinks the file, and as root it may.
    let pid_file = format!("{}/original-{port}.pid", env!("CARGO_TARGET_TMPDIR"));
    command.args(["--pid-file", &pid_file]);
    command.args(arguments);
    Some(Server::run(command))
}

/// Bytes that one of several connections sends.
pub(super) type Turn = (usize, Vec<u8>);

/// Sends the bytes of each turn; returns what every connection got after it.
pub(super) fn send_turns(server: &Server, connections: usize, turns: &[Turn]) -> Vec<String> {
    let mut peers: Vec<_> = (0..connections).map(|_| server.connect()).collect();
    peers.iter_mut().for_each(|peer| {
        peer.settle();
    });
    let mut received = Vec::new();
    for (who, bytes) in turns {
        peers[*who].send(bytes);
        // The sender first: when it is answered, its packet has been handled.
        for receiver in std::iter::once(*who).chain((0..connections).filter(|n| n != who)) {
            let text = peers[receiver].transcript().escape_ascii().to_string();
            received.push(format!("{} -> {receiver} receives {text}", bytes.escape_ascii()));
        }
    }
    received
}

#[track_caller]
fn compare(connections: usize, turns: &[Turn]) {
    let Some(original) = original() else { return };
    let theirs = send_turns(&original, connections, turns);
    let ours = send_turns(&Server::start(&["-w", "0"]), connections, turns);
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs, ours, "the original is on the left");
    }
}

#[test]
fn jobs_are_passed_on_alike() {
    compare(
        3,
        &[
            (0, request(SubmitJob, &["f", "u", "x"])),
            (0, request(SubmitJob, &["f", "u", "y"])),
            (1, request(SubmitJob, &["f", "u", "z"])),
            (0, request(GetStatus, &["H:t:1"])),
            (0, request(GetStatusUnique, &["u"])),
            (2, request(CanDo, &["f"])),
            (2, request(GrabJobUniq, NOTHING)),
            (2, request(GrabJob, NOTHING)),
            (2, request(WorkStatus, &["H:t:1", "3", "7"])),
            (0, request(GetStatus, &["H:t:1"])),
            (0, request(GetStatusUnique, &["u"])),
            (2, request(WorkStatus, &["H:t:1", "abc", "-7"])),
            (0, request(GetStatus, &["H:t:1"])),
            (2, request(WorkStatus, &["H:t:1", "99999999999", "12x"])),
            (0, request(GetStatus, &["H:t:1"])),
            (2, request(WorkData, &["H:t:1", "a", "b"])),
            (2, request(WorkWarning, &["H:t:1", "w"])),
            (1, request(WorkComplete, &["H:t:1", "not mine"])),
            (2, request(WorkComplete, &["H:t:1", "done"])),
            (2, request(WorkComplete, &["H:t:1", "again"])),
            (0, request(GetStatus, &["H:t:1"])),
        ],
    );
}

#[test]
fn failures_and_exceptions_are_the_same() {
    let mut turns = vec![(2, request(CanDo, &["f"])), (1, request(OptionReq, &["exceptions"]))];
    for number in 1..=3 {
        let handle = format!("H:t:{number}");
        turns.push((0, request(SubmitJob, &["f", "u", "x"])));
        turns.push((1, request(SubmitJob, &["f", "u", "x"])));
        turns.push((2, request(GrabJobAll, NOTHING)));
        turns.push(match number {
            1 => (2, request(WorkFail, &[&handle])),
            2 => (2, request(WorkFail, &[format!("{handle}\0")])),
            _ => (2, request(WorkException, &[&handle[..], "boo"])),
        });
        turns.push((2, request(WorkFail, &[&handle])));
    }
    for option in ["exceptions", "EXceptions\0", "foo", "", &"x".repeat(64)] {
        turns.push((0, request(OptionReq, &[option])));
    }
    compare(3, &turns);
}

#[test]
fn refusals_are_the_same() {
    let mut turns = Vec::new();
    for command in [
        Unused,
        Noop,
        JobCreated,
        NoJob,
        JobAssign,
        EchoRes,
        Error,
        StatusRes,
        AllYours,
        OptionRes,
        JobAssignUniq,
        SubmitJobSched,
        JobAssignAll,
        StatusResUnique,
    ] {
        turns.push((0, request(command, &["a"; 8])));
    }
    turns.push((0, response(EchoReq, &["a response"])));
    for handle in ["H:t:1", "", "nonsense", "H:t:1\0", &"h".repeat(63)] {
        turns.push((0, request(GetStatus, &[handle])));
        turns.push((0, request(GetStatusUnique, &[handle])));
        turns.push((0, request(WorkFail, &[handle])));
        turns.push((0, request(WorkComplete, &[handle, "x"])));
        turns.push((0, request(WorkException, &[handle, "x"])));
        turns.push((0, request(WorkData, &[handle, "x"])));
        turns.push((0, request(WorkWarning, &[handle, "x"])));
        turns.push((0, request(WorkStatus, &[handle, "1", "2"])));
    }
    turns.push((0, request(SubmitJob, &["f", &"u".repeat(65), "x"])));
    turns.push((0, request(SubmitJob, &["f", &"u".repeat(63), "x"])));
    turns.push((0, request(EchoReq, NOTHING)));
    turns.push((0, request(EchoReq, &["a", "b"])));
    turns.push((0, request(GrabJob, &["a payload without use"])));
    compare(1, &turns);
}

#[test]
fn invalid_packets_close_the_connection_in_both() {
    // u32::MAX, the last of them, ends the original as a whole.
    let unknown = UNKNOWN_COMMANDS[..2].iter().map(|&number| numbered_request(number, &["x"]));
    let nothing = numbered_request(UNKNOWN_COMMANDS[0], NOTHING);
    for bytes in unknown.chain([request(Text, NOTHING), nothing]) {
        compare(2, &[(0, bytes)]);
    }
}

#[test]
fn uniques_and_dashes_coalesce_alike() {
    let mut turns: Vec<Turn> = Vec::new();
    for (function, unique, payload) in [
        ("f", "u", "1"),
        ("f", "u", "2"),
        ("g", "u", "3"),
        ("f", "-", "x"),
        ("f", "-", "x"),
        ("f", "-", "y"),
        ("f", "-", ""),
        ("f", "-", ""),
        ("f", "", "x"),
        ("f", "", "x"),
        ("", "", ""),
    ] {
        turns.push((0, request(SubmitJobBg, &[function, unique, payload])));
    }
    for unique in ["u", "-", "", "v"] {
        turns.push((0, request(GetStatusUnique, &[unique])));
    }
    turns.extend(["f", "g", ""].map(|function| (1, request(CanDo, &[function]))));
    turns.extend((0..4).map(|_| (1, request(GrabJobUniq, NOTHING))));
    compare(2, &turns);
}

#[test]
fn functions_take_turns_alike() {
    let mut turns: Vec<Turn> = ["a", "b", "c"].map(|f| (1, request(CanDo, &[f]))).into();
    for round in 0..3 {
        for function in ["a", "b", "c"] {
            turns.push((0, request(SubmitJobBg, &[function, "", &format!("{function}{round}")])));
        }
    }
    turns.extend((0..10).map(|_| (1, request(GrabJob, NOTHING))));
    compare(2, &turns);
}

#[test]
fn sleepers_are_woken_alike() {
    compare(
        3,
        &[
            (1, request(CanDo, &["f"])),
            (1, request(PreSleep, NOTHING)),
            (2, request(PreSleep, NOTHING)),
            (2, request(PreSleep, NOTHING)),
            (2, request(CanDo, &["f"])),
            (0, request(SubmitJobBg, &["f", "", "1"])),
            (0, request(SubmitJobBg, &["f", "", "2"])),
            (1, request(PreSleep, NOTHING)),
            (1, request(PreSleep, NOTHING)),
            (1, request(GrabJob, NOTHING)),
            (1, request(GrabJob, NOTHING)),
            (1, request(GrabJob, NOTHING)),
            (1, request(CantDo, &["f"])),
            (1, request(PreSleep, NOTHING)),
            (0, request(SubmitJobBg, &["f", "", "3"])),
        ],
    );
}

#[test]
fn reducers_are_handed_out_alike() {
    let mut turns: Vec<Turn> = vec![(1, request(CanDo, &["f"]))];
    for (unique, reducer) in [("1", "r"), ("2", "r"), ("3", "r"), ("4", "")] {
        turns.push((0, request(SubmitReduceJob, &["f", unique, reducer, "unused", "x"])));
    }
    turns.extend(
        [GrabJobAll, GrabJobUniq, GrabJob, GrabJobAll, GrabJobAll]
            .map(|grab| (1, request(grab, NOTHING))),
    );
    turns.push((0, request(SubmitReduceJobBackground, &["f", "5", "r", "", "x"])));
    turns.push((1, request(GrabJobAll, NOTHING)));
    compare(2, &turns);
}

/// Lines of the text protocol: commands, their misuse, and lines that are no command.
const TEXT_LINES: &[&str] = &[
    "status",
    "STATUS x",
    "prioritystatus",
    "show jobs",
    "show unique jobs",
    "show",
    "show foo",
    "show unique",
    "show unique foo",
    "show jobs x",
    "show unique jobs x",
    "show a b c",
    "show jobs x y",
    "SHOW JOBS",
    "Show Unique JOBS",
    "show  jobs",
    "show jobs ",
    "show jobs      x",
    "show   unique    jobs",
    "status      ",
    "create  function x",
    "create function x ",
    "drop function x ",
    "cancel job ",
    "cancel  job    H:t:1",
    "cancel ",
    "maxqueue ",
    "maxqueue  1",
    "workers\t",
    "cancel",
    "cancel job",
    "cancel job H:x",
    "cancel foo",
    "cancel foo H:x",
    "cancel job H:x y",
    "cancel a b c",
    "cancel unique f u",
    "CANCEL JOB H:x",
    "create",
    "create function",
    "create foo x",
    "create function a b",
    "create function  ",
    "create  function x",
    "CREATE FUNCTION abc",
    "create function abc",
    "create function abd",
    "create function zz",
    "create function aa",
    "status",
    "prioritystatus",
    "drop",
    "drop function",
    "drop function nothing",
    "drop function ABC",
    "drop foo x",
    "drop function a b",
    "drop a",
    "status",
    "maxqueue",
    "maxqueue nothing",
    "maxqueue zz 1",
    "maxqueue zz 1 2",
    "maxqueue zz 1 2 3",
    "maxqueue zz a b c",
    "maxqueue zz -1",
    "maxqueue zz 99999999999",
    "maxqueue zz 4294967295 1 x",
    "status a b c d",
    "prioritystatus x",
    "verbose",
    "verbose x",
    "shutdown",
    "shutdown graceful",
    "help",
    "",
    " ",
    "  a",
    " status",
    "foo",
    "foo bar",
    "FOO",
    "a b c d e",
    "a+b%c&d",
    "status\tx",
    "status\r",
    "ver\0sion",
];

#[test]
fn the_text_protocol_is_the_same() {
    // With "\r\n": of a function's name the original cuts two bytes, whatever they are.
    let turns: Vec<Turn> =
        TEXT_LINES.iter().map(|line| (0, format!("{line}\r\n").into_bytes())).collect();
    compare(1, &turns);
}

#[test]
fn lists_count_alike() {
    let admin = |line: &str| (2, format!("{line}\r\n").into_bytes());
    let mut turns = vec![
        (0, request(SubmitJobBg, &["f", "1", ""])),
        (0, request(SubmitJobHighBg, &["f", "2", ""])),
        (0, request(SubmitJobLowBg, &["g", "3", ""])),
        (0, request(SubmitJobEpoch, &["g", "4", "4000000000", ""])),
        (1, request(CanDo, &["f"])),
        (1, request(CanDo, &["f"])),
        (1, request(CanDoTimeout, &["h", "5000"])),
        admin("status"),
        admin("prioritystatus"),
        (1, request(GrabJob, NOTHING)),
        admin("status"),
        admin("prioritystatus"),
        (1, request(CantDo, &["f"])),
        admin("status"),
        (1, request(ResetAbilities, NOTHING)),
        admin("status"),
        admin("drop function f"),
        admin("maxqueue g 2"),
        (0, request(SubmitJobBg, &["g", "5", ""])),
        (0, request(SubmitJobBg, &["g", "3", ""])),
    ];
    turns.extend(["maxqueue g 3 4", "maxqueue g x", "maxqueue g"].map(admin));
    turns.push((0, request(SubmitJobBg, &["g", "6", ""])));
    compare(3, &turns);
}

#[test]
fn jobs_are_listed_alike_while_they_run_and_after_they_were_lost() {
    let admin = |line: &str| (2, format!("{line}\r\n").into_bytes());
    let lists = ["show jobs", "show unique jobs", "status", "prioritystatus"].map(admin);
    let mut turns = vec![
        (0, request(SubmitJobBg, &["f", "1", ""])),
        (0, request(SubmitJobHigh, &["f", "2", ""])),
        (0, request(SubmitJobEpoch, &["g", "3", "4000000000", ""])),
        (0, request(SubmitJob, &["f", "4", ""])),
    ];
    turns.extend(lists.clone());
    turns.extend([
        (1, request(CanDo, &["f"])),
        (1, request(GrabJobUniq, NOTHING)),
        (1, request(GrabJobUniq, NOTHING)),
    ]);
    turns.extend(lists.clone());
    turns.push((1, request(CantDo, &["f"])));
    turns.extend(lists.clone());
    turns.extend([
        (1, request(CanDo, &["f"])),
        (1, request(GrabJobUniq, NOTHING)),
        (1, request(GrabJobUniq, NOTHING)),
    ]);
    turns.extend(lists.clone());
    turns.push((1, request(ResetAbilities, NOTHING)));
    turns.extend(lists);
    compare(3, &turns);
}

#[test]
fn too_many_words_and_endless_lines_close_the_connection_in_both() {
    for line in ["a b c d e f\r\n", "status a b c d e\r\n", "a b c d e \r\n"] {
        compare(2, &[(0, line.as_bytes().to_vec())]);
    }
}

#[test]
fn lists_are_in_the_same_order() {
    let admin = |line: &str| (1, format!("{line}\r\n").into_bytes());
    let mut turns = Vec::new();
    let mut jobs = Vec::new();
    for number in 0..120 {
        let function = ["a_function", "größe", "f", "another-one", ""][number % 5];
        let unique = match number % 6 {
            0 => String::new(),
            1 => "-".into(),
            2 => format!("ü{number}"),
            _ => format!("a unique of number {}", number / 2),
        };
        let payload = if number % 4 == 0 { String::new() } else { format!("größe {number}") };
        jobs.extend(request(SubmitJobBg, &[function, &unique, &payload]));
        jobs.extend(request(SubmitJobBg, &[format!("only {number}"), "same".into(), payload]));
    }
    turns.push((0, jobs));
    turns.extend(["status", "prioritystatus", "show jobs", "show unique jobs"].map(admin));
    compare(2, &turns);
}

/// The same with a server that accepts each connection before the next one is made, and with
/// descriptors left out.
fn workers_list(server: &Server) -> Vec<String> {
    let mut peers = Vec::new();
    let mut lists = Vec::new();
    for number in 0..5 {
        let mut peer = server.connect();
        if number > 0 {
            ["f", "g", "h"].iter().for_each(|f| {
                peer.send(&request(CanDo, &[f]));
            });
        }
        if number > 1 {
            peer.send(&request(SetClientId, &[format!("a worker of number {number}")]));
        }
        peer.settle();
        peers.push(peer);
    }
    let mut ask = |peers: &mut Vec<Peer>| {
        let list = peers[0].list("workers x");
        let without_descriptor = |line: &str| line.split_once(' ').map(|(_, rest)| rest.into());
        lists.extend(list.lines().map(|line| without_descriptor(line).unwrap_or(line.to_string())));
    };
    ask(&mut peers);
    for function in ["f", "g", "h", "h"] {
        peers[0].send(&request(SubmitJobBg, &[function, "", ""])).expect(b"").transcript();
        peers[1].send(&request(GrabJob, NOTHING)).transcript();
        ask(&mut peers);
    }
    peers[2].send(&request(CantDo, &["g"])).settle();
    peers[3].send(&request(ResetAbilities, NOTHING)).settle();
    ask(&mut peers);
    lists
}

#[test]
fn workers_are_listed_alike() {
    // With one thread its connections are in one list.
    let Some(original) = original_with(&["--threads", "1"]) else { return };
    assert_eq!(workers_list(&original), workers_list(&Server::start(&["-w", "0"])));
}

#[test]
fn single_values_have_the_same_form() {
    let Some(original) = original() else { return };
    for server in [&original, &Server::start(&[])] {
        let mut peer = server.connect();
        peer.ask(b"getpid\r\n", format!("OK {}\n", server.pid()).as_bytes());
        peer.ask(b"GETPID x\n", format!("OK {}\n", server.pid()).as_bytes());
        peer.send(b"version\r\n");
        let version = String::from_utf8(peer.transcript()).expect("text");
        assert!(version.starts_with("OK ") && version.ends_with('\n'), "{version:?}");
        assert!(!version.contains('\r'), "{version:?}");
        peer.ask(b"verbose\r\n", b"OK INFO\n");
    }
}
