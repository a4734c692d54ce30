//! [`Progress`]: the progress bar on a terminal.
//!
//! Must not: write when standard error is not a terminal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use super::job::SubmittedJob;

/// The interval at which the bar is drawn again, so that its time advances.
pub(crate) const REDRAW_INTERVAL: Duration = Duration::from_millis(250);
/// The most bars of single jobs, so that all fit on a screen.
const JOB_BARS_MAX: usize = 8;

/// A bar for all jobs, and one for each running job that reports its status.
#[derive(Debug)]
pub(crate) struct Progress {
    bars: MultiProgress,
    total: ProgressBar,
    /// By job handle.
    jobs: HashMap<Vec<u8>, ProgressBar>,
    sent: u64,
    failed: u64,
}

/// The style of a bar.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // Writing into the bar's own text does not fail.
            let _ = write!(out, "{:.1}/s", state.per_sec());
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // Without a job that is done there is nothing to estimate from.
            if state.pos() > 0 && state.len().is_some_and(|jobs| state.pos() < jobs) {
                let _ = write!(out, ", about {:#} left", HumanDuration(state.eta()));
            }
        })
}

impl Progress {
    /// Shows the bar. None if standard error is not a terminal.
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

    /// Sets the number of jobs, once it is known.
    pub(crate) fn expect(&mut self, jobs: u64) {
        self.total.set_length(jobs);
        self.total.set_style(style("[{bar:24}] {pos}/{len} done, {msg}, {rate}, {elapsed}{left}"));
    }

    /// The number of jobs that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Counts a job that was sent.
    pub(crate) fn count_sent(&mut self) {
        self.sent += 1;
        self.show_counts();
    }

    /// Shows the numerator and denominator of a WORK_STATUS.
    pub(crate) fn status(&mut self, job: &SubmittedJob, numerator: u32, denominator: u32) {
        if self.jobs.len() >= JOB_BARS_MAX && !self.jobs.contains_key(&job.handle) {
            return;
        }
        let bars = &self.bars;
        let bar = self.jobs.entry(job.handle.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::no_length());
            bar.set_prefix(format!("{} {}", printable(&job.function), printable(&job.handle)));
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

    /// Counts a job that has ended.
    pub(crate) fn end(&mut self, job: &SubmittedJob, succeeded: bool) {
        if let Some(bar) = self.jobs.remove(&job.handle) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.total.inc(1);
        if !succeeded {
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

    /// Draws the bar again, with the time that has passed.
    pub(crate) fn tick(&self) {
        self.total.tick();
    }

    /// Calls `write` while the bars are hidden.
    pub(crate) fn around<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bars.suspend(write)
    }
}

impl Drop for Progress {
    /// Removes the bars of single jobs and leaves the total on the screen.
    fn drop(&mut self) {
        for (_, bar) in self.jobs.drain() {
            bar.finish_and_clear();
        }
        self.total.abandon();
    }
}

/// A name without its control characters, which could change the terminal.
fn printable(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    match text.chars().any(char::is_control) {
        true => text.chars().filter(|c| !c.is_control()).collect::<String>().into(),
        false => text,
    }
}
