//! Checks that the simulation finds each deliberate defect within a limited number of steps.
//!
//! `cargo test -p gearman-cluster --features defects defects -- --nocapture` prints a table:
//! the rule that found each defect, and the number of seeds and steps.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gearman_broker::defects::{Defect, activate};

use crate::check;

/// Each defect, and the number of steps within which it must be found.
const DEFECTS: [(Defect, u64); 22] = [
    (Defect::NoopDropped, 1_000_000),
    (Defect::HandleReused, 1_000_000),
    (Defect::HeldGrabForgotten, 30_000_000),
    (Defect::HeldAckForgotten, 60_000_000),
    (Defect::ResultMisdirected, 1_000_000),
    (Defect::JobLostWithWorker, 30_000_000),
    (Defect::PriorityInverted, 10_000_000),
    (Defect::QueueInverted, 1_000_000),
    (Defect::JoinForgotten, 1_000_000),
    (Defect::DelayedJobDropped, 1_000_000),
    (Defect::DoneJobRequeued, 1_000_000),
    (Defect::SleeperNotTold, 1_000_000),
    (Defect::MoreNotWoken, 60_000_000),
    (Defect::PartialPacketCut, 1_000_000),
    (Defect::SendNotResumed, 1_000_000),
    (Defect::ByteSentTwice, 1_000_000),
    (Defect::AcknowledgedBeforeCommit, 30_000_000),
    (Defect::RefusedFunctionKept, 30_000_000),
    (Defect::FunctionNotRegained, 30_000_000),
    (Defect::ForeignReportAccepted, 10_000_000),
    (Defect::UnreadLimitIgnored, 30_000_000),
    (Defect::ShareExceeded, 1_000_000),
];

/// The seeds at which the searches for the rarest defects begin: before those that find them now. From
/// the first seed on they take three quarters of the time of all.
const FIRST_SEEDS: [(Defect, u64); 5] = [
    (Defect::HeldAckForgotten, 1_600),
    (Defect::RefusedFunctionKept, 620),
    (Defect::JobLostWithWorker, 420),
    (Defect::MoreNotWoken, 150),
    (Defect::UnreadLimitIgnored, 140),
];

/// The rule that found a defect, the number of seeds, and of all steps.
type Finding = (&'static str, u64, u64);

/// Runs seeds until one fails.
fn find(defect: Defect, most: u64) -> Option<Finding> {
    let first = FIRST_SEEDS.iter().find(|(rare, _)| *rare == defect).map_or(0, |(_, seed)| *seed);
    let mut steps = 0;
    for seed in first.. {
        activate(Some(defect));
        let outcome = check(seed);
        activate(None);
        match outcome {
            Ok(summary) => steps += summary.steps,
            Err(failure) => return Some((failure.rule, seed - first + 1, steps + failure.steps)),
        }
        if steps > most {
            return None;
        }
    }
    None
}

/// Tries to find each defect, on all processors. A defect is active in one thread only.
fn find_all() -> Vec<(Defect, Option<Finding>)> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&(defect, most)) = DEFECTS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = find(defect, most);
            found.lock().expect("no search panics").push((defect, outcome));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    found.into_inner().expect("no search panics")
}

#[test]
fn each_deliberate_defect_is_found() {
    let mut missed = Vec::new();
    let outcomes = find_all();
    assert_eq!(outcomes.len(), DEFECTS.len());
    println!("| defect | rule | seeds | steps |");
    println!("|---|---|---|---|");
    for (defect, outcome) in outcomes {
        match outcome {
            Some((rule, seeds, steps)) => println!("| {defect:?} | {rule} | {seeds} | {steps} |"),
            None => missed.push(defect),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn a_build_with_defects_contains_the_marker() {
    let program = std::fs::read(std::env::current_exe().expect("a program")).expect("readable");
    let marker = b"built with deliberate defects";
    assert!(program.windows(marker.len()).any(|bytes| bytes == marker));
}
