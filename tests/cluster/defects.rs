//! Checks that the simulation finds each deliberate defect within a limited number of steps.
//!
//! `cargo test -p gearman-cluster --features defects defects -- --nocapture` prints a table:
//! the rule that found each defect, and the number of seeds and steps.

use std::sync::atomic::{AtomicUsize, Ordering};

use gearman_broker::defects::{Defect, activate};

use crate::check;
use crate::processors::on_all_processors;

/// Each defect, the seed at which its search begins, and the number of steps within which it must be
/// found. From the first seed on, the searches for the rarest five take three quarters of all steps.
const DEFECTS: [(Defect, u64, u64); 22] = [
    (Defect::NoopDropped, 0, 1_000_000),
    (Defect::HandleReused, 0, 1_000_000),
    (Defect::HeldGrabForgotten, 0, 30_000_000),
    (Defect::HeldAckForgotten, 1_600, 60_000_000),
    (Defect::ResultMisdirected, 0, 1_000_000),
    (Defect::JobLostWithWorker, 420, 30_000_000),
    (Defect::PriorityInverted, 0, 10_000_000),
    (Defect::QueueInverted, 0, 1_000_000),
    (Defect::JoinForgotten, 0, 1_000_000),
    (Defect::DelayedJobDropped, 0, 1_000_000),
    (Defect::DoneJobRequeued, 0, 1_000_000),
    (Defect::SleeperNotTold, 0, 1_000_000),
    (Defect::MoreNotWoken, 150, 60_000_000),
    (Defect::PartialPacketCut, 0, 1_000_000),
    (Defect::SendNotResumed, 0, 1_000_000),
    (Defect::ByteSentTwice, 0, 1_000_000),
    (Defect::AcknowledgedBeforeCommit, 0, 30_000_000),
    (Defect::RefusedFunctionKept, 620, 30_000_000),
    (Defect::FunctionNotRegained, 0, 30_000_000),
    (Defect::ForeignReportAccepted, 0, 10_000_000),
    (Defect::UnreadLimitIgnored, 140, 30_000_000),
    (Defect::ShareExceeded, 0, 1_000_000),
];

/// The rule that found a defect, the number of seeds, and of all steps.
type Finding = (&'static str, u64, u64);

/// Runs seeds from `first` on until one fails.
fn find(defect: Defect, first: u64, most: u64) -> Option<Finding> {
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
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || DEFECTS.get(next.fetch_add(1, Ordering::Relaxed));
        let search = |&(defect, first, most): &_| (defect, find(defect, first, most));
        std::iter::from_fn(take).map(search).collect::<Vec<_>>()
    };
    on_all_processors(work).concat()
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
