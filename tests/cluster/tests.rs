//! Runs of the simulated cluster: a short one by default, or a long one.
//!
//! `GEARMAN_CLUSTER_SEED=n` runs one seed; `GEARMAN_CLUSTER_KEEP=1,2,3` runs only these of
//! its actions; `GEARMAN_CLUSTER_TRACE=1` prints every packet.
//! `GEARMAN_CLUSTER_SECONDS=n` runs new seeds for this time:
//!
//! ```sh
//! GEARMAN_CLUSTER_SECONDS=3600 cargo test --release -p gearman-cluster cluster -- --nocapture
//! ```

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::processors::on_all_processors;
use crate::script::Script;
use crate::{Summary, replay, simulate};

/// Seeds of the short run.
const SEEDS: u64 = 2000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64, sum: &mut Summary) {
    match simulate(seed) {
        Ok(summary) => add(&summary, sum),
        Err(report) => panic!("{report}"),
    }
}

fn add(summary: &Summary, sum: &mut Summary) {
    sum.steps += summary.steps;
    sum.time_us += summary.time_us;
    sum.jobs += summary.jobs;
    sum.calls += summary.calls;
}

/// Runs seeds on all processors.
fn run_all(seeds: Range<u64>, sum: &mut Summary) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut own = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return own;
            }
            run(seed, &mut own);
        }
    };
    on_all_processors(work).iter().for_each(|own| add(own, sum));
}

#[test]
fn a_cluster_violates_no_rule_under_faults() {
    let (began, mut sum) = (Instant::now(), Summary::default());
    let mut count = 0_u64;
    if let Some(seed) = number("GEARMAN_CLUSTER_SEED") {
        if let Ok(kept) = std::env::var("GEARMAN_CLUSTER_KEEP") {
            let kept: Vec<usize> = kept.split(',').filter_map(|n| n.parse().ok()).collect();
            if let Err(failure) = replay(seed, &kept) {
                panic!("{failure}");
            }
            return;
        }
        run(seed, &mut sum);
        count = 1;
    } else if let Some(seconds) = number("GEARMAN_CLUSTER_SECONDS") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let first = now.as_secs() << 20;
        while began.elapsed() < Duration::from_secs(seconds) {
            run(first + count, &mut sum);
            count += 1;
        }
    } else {
        run_all(0..SEEDS, &mut sum);
        count = SEEDS;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{count} seeds, {} steps ({:.0} a second), {} simulated seconds, {} jobs, {} calls",
        sum.steps,
        sum.steps as f64 / seconds,
        sum.time_us / 1_000_000,
        sum.jobs,
        sum.calls
    );
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    let with_tls = (0..).find(|&seed| Script::of(seed).plan.has_tls).expect("one of many");
    let attacked = (0..).filter(|&seed| Script::of(seed).plan.adversaries > 0);
    for seed in [1, 2, 3, 4, 5, with_tls].into_iter().chain(attacked.take(5)) {
        let runs =
            [simulate(seed), simulate(seed)].map(|run| run.map(|sum| (sum.digest, sum.steps)));
        match &runs {
            [Ok(first), Ok(second)] => assert_eq!(first, second, "seed {seed}"),
            [Err(report), _] | [_, Err(report)] => panic!("{report}"),
        }
    }
}
