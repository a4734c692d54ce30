//! Every packet in every state of its sender, byte for byte as the original
//! answers it, to the sender and to everybody else.

use super::original::{Turn, original, play};
use super::support::*;

/// Who sends the packet that is looked at.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A connection that has said nothing yet.
    Fresh,
    /// A client whose job waits.
    Client,
    /// A worker of another function that sleeps.
    Asleep,
    /// A worker that has the client's job.
    Working,
}

/// Connections by their part.
const CLIENT: usize = 0;
const WORKER: usize = 1;
const BYSTANDER: usize = 2;

/// A packet of this number, with the arguments that it has.
fn packet(number: u32, function: &str, handle: &str) -> Vec<u8> {
    match number {
        1 | 2 => request(number, &["another"]),
        7 | 18 | 21 | 32 | 33 | 34 => request(number, &[function, "", "x"]),
        12 => request(number, &[handle, "1", "2"]),
        13 | 25 | 28 | 29 => request(number, &[handle, "said"]),
        14 | 15 => request(number, &[handle]),
        16 => request(number, &["an echo"]),
        22 => request(number, &["a name"]),
        23 => request(number, &["another", "5000"]),
        26 => request(number, &["exceptions"]),
        35 => request(number, &[function, "", "*", "*", "*", "*", "*", "x"]),
        36 => request(number, &[function, "", "1", "x"]),
        37 | 38 => request(number, &[function, "", "reducer", "", "x"]),
        41 => request(number, &[&format!("unique of {function}")]),
        3 | 4 | 9 | 30 | 39 => request(number, NOTHING),
        // Only a server sends these, or nobody.
        _ => request(number, &["a"; 8]),
    }
}

/// One packet in one state, after `jobs` jobs: what is played, and how many jobs
/// there were then.
fn scene(number: u32, state: State, jobs: &mut u32) -> Vec<Turn> {
    *jobs += 1;
    let (function, handle) = (format!("f{jobs}"), format!("H:t:{jobs}"));
    let unique = format!("unique of {function}");
    let mut turns: Vec<Turn> = vec![(CLIENT, request(7, &[&function[..], &unique, "x"]))];
    let sender = match state {
        State::Fresh => BYSTANDER,
        State::Client => CLIENT,
        State::Asleep => {
            turns.push((WORKER, request(1, &[format!("{function} too")])));
            turns.push((WORKER, request(4, NOTHING)));
            WORKER
        }
        State::Working => {
            turns.push((WORKER, request(1, &[&function])));
            turns.push((WORKER, request(30, NOTHING)));
            WORKER
        }
    };
    turns.push((sender, packet(number, &function, &handle)));
    if matches!(number, 0 | 43) {
        // That was the end of the connection.
        return turns;
    }
    let watcher = if sender == CLIENT { BYSTANDER } else { CLIENT };
    // What it has come to.
    turns.push((watcher, request(15, &[&handle])));
    turns.push((watcher, request(41, &[&unique])));
    if matches!(number, 7 | 18 | 21 | 32..=34 | 36..=38) {
        *jobs += 1;
    }
    turns
}

#[test]
fn every_packet_is_answered_alike_in_every_state() {
    let Some(original) = original() else { return };
    let ours = Server::start(&["-w", "0"]);
    let mut jobs = 0;
    for state in [State::Fresh, State::Client, State::Asleep, State::Working] {
        for number in 0..=43 {
            let turns = scene(number, state, &mut jobs);
            let theirs = play(&original, 3, &turns);
            for (theirs, ours) in theirs.iter().zip(play(&ours, 3, &turns)) {
                assert_eq!(*theirs, ours, "{number} in {state:?}: the original is on the left");
            }
        }
    }
}
