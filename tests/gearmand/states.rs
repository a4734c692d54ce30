//! Every packet in every state of its sender: the answers to the sender and to all others are
//! those of the original, byte for byte.

use gearman::protocol::Sender;
use gearman::protocol::command::TABLE;

use super::original::{Turn, original, send_turns};
use super::support::*;

/// The state of the connection that sends the packet under test.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A connection that has sent nothing yet.
    Fresh,
    /// A client whose job waits.
    Client,
    /// A worker of another function that sleeps.
    Asleep,
    /// A worker that has the client's job.
    Working,
}

/// Connections by their role.
const CLIENT: usize = 0;
const WORKER: usize = 1;
const OTHER_CLIENT: usize = 2;

/// A packet of this command, with the arguments that it has, or of an unknown one.
fn packet(command: Option<Command>, function: &str, handle: &str) -> Vec<u8> {
    let Some(command) = command else { return numbered_request(UNKNOWN_COMMANDS[0], &["a"; 8]) };
    match command {
        CanDo | CantDo => request(command, &["another"]),
        SubmitJob | SubmitJobBg | SubmitJobHigh | SubmitJobHighBg | SubmitJobLow
        | SubmitJobLowBg => request(command, &[function, "", "x"]),
        WorkStatus => request(command, &[handle, "1", "2"]),
        WorkComplete | WorkException | WorkData | WorkWarning => {
            request(command, &[handle, "said"])
        }
        WorkFail | GetStatus => request(command, &[handle]),
        EchoReq => request(command, &["an echo"]),
        SetClientId => request(command, &["a name"]),
        CanDoTimeout => request(command, &["another", "5000"]),
        OptionReq => request(command, &["exceptions"]),
        SubmitJobSched => request(command, &[function, "", "*", "*", "*", "*", "*", "x"]),
        SubmitJobEpoch => request(command, &[function, "", "1", "x"]),
        SubmitReduceJob | SubmitReduceJobBackground => {
            request(command, &[function, "", "reducer", "", "x"])
        }
        GetStatusUnique => request(command, &[&format!("unique of {function}")]),
        ResetAbilities | PreSleep | GrabJob | GrabJobUniq | GrabJobAll => request(command, NOTHING),
        // Only a server sends these, or nothing does.
        _ => request(command, &["a"; 8]),
    }
}

/// The turns that send one packet in one state, after `jobs` jobs. Counts the jobs that they
/// submit.
fn scene(command: Option<Command>, state: State, jobs: &mut u32) -> Vec<Turn> {
    *jobs += 1;
    let (function, handle) = (format!("f{jobs}"), format!("H:t:{jobs}"));
    let unique = format!("unique of {function}");
    let mut turns: Vec<Turn> = vec![(CLIENT, request(SubmitJob, &[&function[..], &unique, "x"]))];
    let sender = match state {
        State::Fresh => OTHER_CLIENT,
        State::Client => CLIENT,
        State::Asleep => {
            turns.push((WORKER, request(CanDo, &[format!("{function} too")])));
            turns.push((WORKER, request(PreSleep, NOTHING)));
            WORKER
        }
        State::Working => {
            turns.push((WORKER, request(CanDo, &[&function])));
            turns.push((WORKER, request(GrabJobUniq, NOTHING)));
            WORKER
        }
    };
    turns.push((sender, packet(command, &function, &handle)));
    if matches!(command, Some(Text) | None) {
        // The server has closed the connection.
        return turns;
    }
    let watcher = if sender == CLIENT { OTHER_CLIENT } else { CLIENT };
    // The state of the job afterwards.
    turns.push((watcher, request(GetStatus, &[&handle])));
    turns.push((watcher, request(GetStatusUnique, &[&unique])));
    let submits = |command: Command| {
        command.spec().sender == Sender::Client && command.name().starts_with("SUBMIT_")
    };
    if command.is_some_and(submits) {
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
        for command in TABLE.iter().map(|spec| Some(spec.command)).chain([None]) {
            let turns = scene(command, state, &mut jobs);
            let theirs = send_turns(&original, 3, &turns);
            for (theirs, ours) in theirs.iter().zip(send_turns(&ours, 3, &turns)) {
                assert_eq!(*theirs, ours, "{command:?} in {state:?}: the original is on the left");
            }
        }
    }
}
