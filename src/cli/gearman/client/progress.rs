//! [`Progress`]: the bar on a terminal.
//!
//! Must not: be there when standard error is no terminal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::job::Job;

/// How often the bar is drawn again though nothing has happened.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// Bars of single jobs that fit on a screen.
const MOST_JOBS: usize = 8;

/// The bars.
#[derive(Debug)]
pub(crate) struct Progress {
    bars: MultiProgress,
    total: ProgressBar,
    /// By job handle.
    jobs: HashMap<Vec<u8>, ProgressBar>,
    sent: u64,
    failed: u64,
}

/// A style from a template that is right.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ").with_key(
        "rate",
        |state: &ProgressState, out: &mut dyn fmt::Write| {
            // Where a rate cannot be written nobody can be told.
            let _ = write!(out, "{:.1}/s", state.per_sec());
        },
    )
}

impl Progress {
    /// None when standard error is no terminal.
    pub(crate) fn new() -> Option<Progress> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = bars.add(ProgressBar::no_length());
        total.set_style(style("{spinner} {pos} done, {msg}, {rate}, {elapsed}"));
        let mut progress = Progress { bars, total, jobs: HashMap::new(), sent: 0, failed: 0 };
        progress.show_counts();
        Some(progress)
    }

    /// How many jobs there will be, now that it is known.
    pub(crate) fn expect(&mut self, jobs: u64) {
        self.total.set_length(jobs);
        self.total.set_style(style("[{bar:24}] {pos}/{len} done, {msg}, {rate}, {elapsed}"));
    }

    /// How many jobs were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// A job was sent.
    pub(crate) fn send(&mut self) {
        self.sent += 1;
        self.show_counts();
    }

    /// How far a job is.
    pub(crate) fn status(&mut self, job: &Job, numerator: u32, denominator: u32) {
        if self.jobs.len() >= MOST_JOBS && !self.jobs.contains_key(&job.handle) {
            return;
        }
        let bars = &self.bars;
        let bar = self.jobs.entry(job.handle.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::no_length());
            bar.set_prefix(format!("{} {}", shown(&job.function), shown(&job.handle)));
            bar
        });
        if denominator == 0 {
            bar.unset_length();
            bar.set_style(style("  {prefix}  {pos}"));
        } else {
            bar.set_length(denominator.into());
            bar.set_style(style("  {prefix}  [{bar:24}] {percent}% ({pos}/{len})"));
        }
        bar.set_position(numerator.into());
        bar.tick();
    }

    /// A job has ended, well or not.
    pub(crate) fn end(&mut self, job: &Job, well: bool) {
        if let Some(bar) = self.jobs.remove(&job.handle) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.total.inc(1);
        if !well {
            self.failed += 1;
            self.show_counts();
        }
    }

    fn show_counts(&mut self) {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        self.total.set_message(format!("{} sent{failed}", self.sent));
    }

    /// Draws the time that has passed.
    pub(crate) fn tick(&self) {
        self.total.tick();
    }

    /// Writes something without the bars in the way.
    pub(crate) fn around<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bars.suspend(write)
    }
}

impl Drop for Progress {
    /// Leaves the last state of the whole on the screen.
    fn drop(&mut self) {
        for (_, bar) in self.jobs.drain() {
            bar.finish_and_clear();
        }
        self.total.abandon();
    }
}

/// A name that does nothing to a terminal.
fn shown(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    match text.chars().any(char::is_control) {
        true => text.chars().filter(|c| !c.is_control()).collect::<String>().into(),
        false => text,
    }
}
