//! A short run of the fuzz targets on generated input: the same bodies without a fuzzer, and the
//! same input every time.
//!
//! For a long one, with coverage: `cargo install cargo-fuzz`, then
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz packets` (or `admin`,
//! `servers`, `access` or `handshake`). The target `broker` has its short
//! run in `tests/cluster/scenario.rs`.

pub mod bodies;
mod hellos;

use gearman::protocol::{Command, Header, Magic};
use gearman_test_support::random::Random;

/// Inputs per target.
const RUNS: u64 = 200_000;
/// The same for hand-shakes, each of which may take a signature.
const HANDSHAKE_RUNS: u64 = 3_000;

/// Runs a body on generated input; a failure names the input.
fn run(body: fn(&[u8]), generate: fn(&mut Random, &mut Vec<u8>)) {
    run_times(RUNS, body, generate);
}

fn run_times(runs: u64, body: fn(&[u8]), generate: fn(&mut Random, &mut Vec<u8>)) {
    let mut input = Vec::new();
    for seed in 0..runs {
        input.clear();
        generate(&mut Random(seed), &mut input);
        if let Err(panic) = std::panic::catch_unwind(|| body(&input)) {
            eprintln!("input {seed}: {}", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}

/// A few packets in a row: most of them nearly valid, as others are refused early.
fn some_packets(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..=random.small(3) {
        let mut payload = Vec::new();
        // A few have arguments as long as the limit and longer.
        let size = if random.one_in(500) { 8000 + random.small(400) } else { random.small(60) };
        for _ in 0..size {
            let byte = random.bits();
            payload.push(if byte.is_multiple_of(8) { 0 } else { byte as u8 });
        }
        let magic = random.pick(&[Magic::Request, Magic::Response]);
        let number = random.small(48) as u32;
        let command = Command::from_number(number).unwrap_or(Command::EchoReq);
        let mut length = payload.len() as u32;
        if random.one_in(8) {
            length = length.wrapping_add(random.small(9) as u32).wrapping_sub(4);
        }
        if random.one_in(50) {
            length = random.bits() as u32;
        }
        let mut head = Header { magic, command, length }.bytes();
        if random.one_in(10) {
            head[4..8].copy_from_slice(&number.to_be_bytes());
        }
        if random.one_in(10) {
            head[random.small(12)] ^= 1 << random.small(8);
        }
        out.extend_from_slice(&head);
        out.extend_from_slice(&payload);
    }
    if random.one_in(3) {
        out.truncate(random.small(out.len() + 1));
    }
}

fn some_words(random: &mut Random, out: &mut Vec<u8>) {
    const WORDS: [&[u8]; 12] = [
        b"status", b"cancel", b"job", b"H:1", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0", b"\xff",
        b"",
    ];
    if random.one_in(500) {
        out.resize(8000 + random.small(400), b'x');
    }
    for _ in 0..random.small(40) {
        out.extend_from_slice(random.pick(&WORDS));
    }
}

fn some_servers(random: &mut Random, out: &mut Vec<u8>) {
    const PARTS: [&[u8]; 16] = [
        b"localhost",
        b"127.0.0.1",
        b"::1",
        b"fe80::1%eth0",
        b"[",
        b"]",
        b":",
        b",",
        b"4730",
        b"99999999999999999999",
        b"-1",
        b"/run/gearmand.sock",
        b" ",
        b"\0",
        b"\xff",
        b"%",
    ];
    if random.one_in(500) {
        out.resize(random.small(3000), b'h');
    }
    for _ in 0..random.small(12) {
        out.extend_from_slice(random.pick(&PARTS));
    }
}

fn some_rules(random: &mut Random, out: &mut Vec<u8>) {
    const WORDS: [&[u8]; 40] = [
        b"allow",
        b"deny",
        b"define",
        b"from",
        b"for",
        b"and",
        b"submit",
        b"work",
        b"cancel",
        b"view",
        b"admin",
        b"all",
        b"any",
        b"local",
        b"unix",
        b"net:10.0.0.0/8",
        b"net:::/0",
        b"net:10.0.0.1/8",
        b"cert:*.example.org",
        b"cn:web",
        b"san:*",
        b"user:root",
        b"uid:7",
        b"group:root",
        b"gid:9",
        b"user:none",
        b"@a",
        b"@b",
        b"a",
        b"b",
        b"mail.*",
        b"f",
        b"*",
        b"\"",
        b"\\",
        b"\\x2a",
        b"#",
        b"\r",
        b"\xff",
        b"\0",
    ];
    const RULES: [&[u8]; 8] = [
        b"define a any unix\n",
        b"define b @a and local net:10.0.0.0/8\n",
        b"allow submit from any for ",
        b"deny all from @a and @b for ",
        b"allow admin work from ",
        b"deny view from ",
        b"allow all from local\n",
        b"allow view from @b\n",
    ];
    for _ in 0..random.small(8) {
        if random.one_in(2) {
            out.extend_from_slice(random.pick(&RULES));
        }
        for _ in 0..random.small(5) {
            out.extend_from_slice(random.pick(&WORDS));
            out.extend_from_slice(random.pick(&[&b" "[..], b",", b"\t", b"\n", b""]));
        }
        out.push(b'\n');
    }
}

#[test]
fn access_rules_are_read_or_refused_by_line_and_decide_consistently() {
    run(bodies::access, some_rules);
}

#[test]
fn no_first_bytes_complete_a_hand_shake_or_cost_it_more_than_a_bounded_answer() {
    run_times(HANDSHAKE_RUNS, bodies::handshake, hellos::some_handshakes);
}

#[test]
fn packets_decode_the_same_however_they_are_split() {
    run(bodies::packets, some_packets);
}

#[test]
fn text_splits_into_lines_and_words_without_loss() {
    run(bodies::admin, some_words);
}

#[test]
fn server_lists_give_their_entries_that_are_not_blank() {
    run(bodies::servers, some_servers);
}
