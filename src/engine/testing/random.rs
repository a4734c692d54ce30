//! Scripts from a seed, for tests that compare two ways of doing the same.
//!
//! Must not: be used for secrets.

use super::{Peer, packets};
pub(crate) use gearman_test_support::random::Random;
use std::fmt::{Debug, Formatter, Result as Written};
use std::time::Duration;

/// How many scripts are compared.
pub(crate) const SEEDS: u64 = 3_000;

/// What a peer does with an answer of its own making.
#[derive(Clone)]
pub(crate) enum Turn {
    Sends(Vec<u8>),
    Pauses(u64),
    Closes,
}

/// A time limit that never ends at the very moment at which a peer does something: which
/// of the two is noticed then depends on how often a call waits.
pub(crate) fn time_limit(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds) + Duration::from_nanos(1)
}

impl Debug for Turn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        match self {
            Turn::Sends(bytes) => write!(f, "sends {}", packets(bytes)),
            Turn::Pauses(milliseconds) => write!(f, "pauses {milliseconds} ms"),
            Turn::Closes => write!(f, "closes"),
        }
    }
}

/// How an answer arrives: mostly at once, else in pieces cut anywhere, with pauses
/// between them, or cut off by the end of the connection.
pub(crate) fn arrival(random: &mut Random, answer: &[u8]) -> Vec<Turn> {
    let mut turns = Vec::new();
    if random.one_in(4) {
        turns.push(Turn::Pauses(random.pick(&[1, 20, 150])));
    }
    let pieces = if random.one_in(3) { 1 + random.below(4) } else { 1 };
    let mut rest = answer;
    for piece in (0..pieces).rev() {
        let size = if piece == 0 { rest.len() } else { random.below(rest.len() + 1) };
        let (first, after) = rest.split_at(size);
        rest = after;
        if !first.is_empty() {
            turns.push(Turn::Sends(first.to_vec()));
        }
        if random.one_in(60) {
            turns.push(Turn::Closes);
            return turns;
        }
        if piece > 0 && random.one_in(3) {
            turns.push(Turn::Pauses(random.pick(&[1, 20, 150])));
        }
    }
    if random.one_in(40) {
        turns.push(Turn::Closes);
    }
    turns
}

impl Peer {
    /// Adds turns to the script.
    pub(crate) fn takes_turns(&mut self, turns: &[Turn]) {
        for turn in turns {
            match turn {
                Turn::Sends(bytes) => self.sends(bytes),
                Turn::Pauses(milliseconds) => self.pauses(*milliseconds),
                Turn::Closes => self.closes(),
            };
        }
    }
}

/// Names the seed of a test that panics while this is alive.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// Compares what was seen after each deed of a script that was played both ways.
///
/// # Errors
/// The deeds up to the first difference, and that.
pub(crate) fn differences(
    seed: u64,
    deeds: &[impl Debug],
    quick: &[String],
    ordinary: &[String],
) -> Result<(), String> {
    let mut seen = quick.iter().zip(ordinary);
    let Some(at) = seen.position(|(quick, ordinary)| quick != ordinary) else {
        assert_eq!(quick.len(), ordinary.len());
        return Ok(());
    };
    let mut text = format!("seed {seed}:\n");
    for deed in &deeds[..=at] {
        text += &format!("  {deed:?}\n");
    }
    Err(text + &format!("shortcut: {}\nordinary: {}", quick[at], ordinary[at]))
}

/// Compares many seeds, and fails with the shortest script that shows a difference.
/// Returns the sum of what `compare` returns.
pub(crate) fn same_for_every_seed(compare: impl Fn(u64) -> Result<usize, String>) -> usize {
    let (mut sum, mut failures) = (0, Vec::new());
    for seed in 0..SEEDS {
        match compare(seed) {
            Ok(count) => sum += count,
            Err(text) => failures.push(text),
        }
    }
    let count = failures.len();
    if let Some(text) = failures.into_iter().min_by_key(|text| text.lines().count()) {
        panic!("{count} of {SEEDS} seeds show a difference; the shortest: {text}");
    }
    sum
}
