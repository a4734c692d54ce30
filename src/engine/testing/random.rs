//! Random scripts from a seed, for tests that compare a shortcut with the regular path.
//!
//! Must not: be used for secrets.

use super::{ScriptPeer, packets};
pub(crate) use gearman_test_support::random::Random;
use std::fmt::{Debug, Formatter, Result as Written};
use std::time::Duration;

/// Number of seeds that a test compares.
pub(crate) const SEEDS: u64 = 3_000;

/// One step of a peer that sends a reply.
#[derive(Clone)]
pub(crate) enum Turn {
    Sends(Vec<u8>),
    PausesMs(u64),
    Closes,
}

/// A timeout that never ends at the very time of a peer's action. If both were equal, their
/// order would depend on how often a call waits.
pub(crate) fn time_limit(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds) + Duration::from_nanos(1)
}

impl Debug for Turn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        match self {
            Turn::Sends(bytes) => write!(f, "sends {}", packets(bytes)),
            Turn::PausesMs(milliseconds) => write!(f, "pauses {milliseconds} ms"),
            Turn::Closes => write!(f, "closes"),
        }
    }
}

/// A random way for a reply to arrive: mostly at once, otherwise in pieces split anywhere,
/// with pauses, or cut short by the end of the connection.
pub(crate) fn arrival(random: &mut Random, answer: &[u8]) -> Vec<Turn> {
    let mut turns = Vec::new();
    if random.one_in(4) {
        turns.push(Turn::PausesMs(random.pick(&[1, 20, 150])));
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
            turns.push(Turn::PausesMs(random.pick(&[1, 20, 150])));
        }
    }
    if random.one_in(40) {
        turns.push(Turn::Closes);
    }
    turns
}

impl ScriptPeer {
    /// Appends turns to the script.
    pub(crate) fn takes_turns(&mut self, turns: &[Turn]) {
        for turn in turns {
            match turn {
                Turn::Sends(bytes) => self.sends(bytes),
                Turn::PausesMs(milliseconds) => self.pauses(*milliseconds),
                Turn::Closes => self.closes(),
            };
        }
    }
}

/// Prints the seed of a test that panics while this value exists.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// Compares what was observed after each action of a script that ran both ways.
///
/// # Errors
/// The actions up to the first difference, and the difference.
pub(crate) fn differences(
    seed: u64,
    actions: &[impl Debug],
    quick: &[String],
    ordinary: &[String],
) -> Result<(), String> {
    let mut seen = quick.iter().zip(ordinary);
    let Some(at) = seen.position(|(quick, ordinary)| quick != ordinary) else {
        assert_eq!(quick.len(), ordinary.len());
        return Ok(());
    };
    let mut text = format!("seed {seed}:\n");
    for action in &actions[..=at] {
        text += &format!("  {action:?}\n");
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
