//! Runs simulations by seed, and shrinks the script of a failing one.
//!
//! Must not: know the simulated parts.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::checker::Failure;
use crate::script::{Script, Timed};
use crate::world::{self, Summary};

/// A failing seed, and the shortest script that still fails.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The failure of the whole script.
    pub failure: Failure,
    /// The failure of the shortest script.
    pub shortest: Failure,
    /// The numbers of the actions in the shortest script.
    pub kept: Vec<usize>,
    /// The shortest script as text.
    script: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept: Vec<String> = self.kept.iter().map(ToString::to_string).collect();
        writeln!(f, "seed {} fails: {}", self.seed, self.failure)?;
        writeln!(f, "the shortest script that fails: {}", self.shortest)?;
        writeln!(f, "GEARMAN_CLUSTER_SEED={} GEARMAN_CLUSTER_KEEP={}", self.seed, kept.join(","))?;
        f.write_str(&self.script)
    }
}

/// Runs the simulation of a seed.
///
/// # Errors
/// The rule that it violates, with the shortest script that violates it.
pub fn simulate(seed: u64) -> Result<Summary, Box<Report>> {
    let script = Script::of(seed);
    run(&script).map_err(|failure| Box::new(shrink(&script, failure)))
}

/// Runs the simulation of a seed without shrinking.
///
/// # Errors
/// The rule that it violates.
pub fn check(seed: u64) -> Result<Summary, Failure> {
    run(&Script::of(seed))
}

/// Runs the simulation of a seed with only these of its actions.
///
/// # Errors
/// The rule that it violates.
pub fn replay(seed: u64, kept: &[usize]) -> Result<Summary, Failure> {
    let script = Script::of(seed);
    let actions = script.actions.iter().filter(|timed| kept.contains(&timed.number));
    run(&script.with_actions(actions.copied().collect()))
}

/// Runs a script. A panic counts as a violation of the rule `panic`.
fn run(script: &Script) -> Result<Summary, Failure> {
    catch_unwind(AssertUnwindSafe(|| world::run(script))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
        Err(Failure { rule: "panic", text: text.unwrap_or_default(), steps: world::last_steps() })
    })
}

/// Leaves out as many actions as possible: first halves of the script, then quarters, and
/// so on.
fn shrink(script: &Script, failure: Failure) -> Report {
    let mut best = (script.clone(), failure.clone());
    let mut size = script.actions.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let mut has_shrunk = false;
        while at < best.0.actions.len() {
            let mut rest: Vec<Timed> = best.0.actions.clone();
            rest.drain(at..(at + size).min(rest.len()));
            let shorter = script.with_actions(rest);
            match run(&shorter) {
                Err(found) if found.rule == failure.rule => {
                    best = (shorter, found);
                    has_shrunk = true;
                }
                _ => at += size,
            }
        }
        if !has_shrunk || size > 1 {
            size /= 2;
        }
    }
    let (shortest_script, shortest) = best;
    let kept = shortest_script.actions.iter().map(|timed| timed.number).collect();
    let line = |timed: &Timed| format!("  {:>8} us  {:?}", timed.at_us, timed.action);
    let lines: Vec<String> = shortest_script.actions.iter().map(line).collect();
    let text = format!("{:#?}\n{}", script.plan, lines.join("\n"));
    Report { seed: script.seed, failure, shortest, kept, script: text }
}
