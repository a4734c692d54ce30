//! Shutdown at once, shutdown after a drain, and the signals that request them.
//!
//! Must not: decide what happens to a job; the broker does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook_mio::v1_0::Signals;

use super::handshakes::Handshakes;
use super::{DrainProgress, EventLoop};
use crate::http::Phase;
use crate::log::Level;
use crate::systemd;
use gearman_access::ListenerRole;
use gearman_broker::{DriverTimer, LostJobs};

/// Deadline for sending the last results after all jobs of a drain are done.
const DRAIN_DEADLINE_MS: u64 = 10_000;

/// Time between two reports of a drain. systemd waits for several of them.
const DRAIN_REPORT_PERIOD_MS: u64 = 5_000;
const _: () = assert!(DRAIN_REPORT_PERIOD_MS * 4 <= systemd::DRAIN_TIMEOUT.as_millis() as u64);

/// Functions that are named when their jobs are lost. The others are summed up.
const LOST_FUNCTIONS_NAMED: usize = 20;

impl EventLoop {
    /// Whether a drain is complete: no job is left that a connected worker can run, and
    /// all results are sent or the deadline has passed.
    pub(super) fn is_finished(&mut self) -> bool {
        if !self.jobs.broker.is_drained() {
            return false;
        }
        if self.drain_progress == DrainProgress::JobsLeft {
            self.drain_progress = DrainProgress::Flushing;
            let dropped = self.jobs.fail_remaining_jobs();
            self.report_lost(Level::Warning, &dropped, "no connected worker can run them");
            self.jobs.set_timer(DRAIN_DEADLINE_MS, DriverTimer::DrainDeadline);
        }
        self.flush();
        self.jobs.is_all_sent() || self.drain_progress == DrainProgress::DeadlinePassed
    }

    /// Starts a drain: refuses connections and jobs, and shuts down after the last job.
    /// Administrators can still connect to addresses of their own.
    pub(super) fn drain(&mut self) {
        self.report_drain();
        self.enter(Phase::Draining);
        self.jobs.broker.drain();
        self.is_accepting_due = false;
        for index in 0..self.listeners.len() {
            if self.role(index) == ListenerRole::Jobs {
                self.listeners[index] = None;
            }
        }
        self.handshakes.iter_mut().for_each(Handshakes::clear);
    }

    /// Says how far a drain has come, in the log and to systemd, and sets the timer for the next
    /// time.
    pub(super) fn report_drain(&mut self) {
        // Jobs that are only in the store are not waited for.
        let (left, running) = (self.jobs.broker.job_count(), self.jobs.broker.counts().running);
        let line = format_args!("Draining: {left} jobs left, {running} of them run");
        self.jobs.journal.write(Level::Notice, line);
        systemd::draining(left);
        self.jobs.set_timer(DRAIN_REPORT_PERIOD_MS, DriverTimer::DrainReport);
    }

    /// Reports the jobs that the end of the server loses, by function.
    pub(super) fn report_lost(&mut self, level: Level, lost: &[LostJobs], why: &str) {
        let (named, others) = lost.split_at(lost.len().min(LOST_FUNCTIONS_NAMED));
        for LostJobs { function, jobs } in named {
            let function = function.escape_ascii();
            let line = format_args!("Dropped {jobs} jobs of function {function}: {why}");
            self.jobs.journal.write(level, line);
        }
        if !others.is_empty() {
            let (jobs, functions) =
                (others.iter().map(|lost| lost.jobs).sum::<u64>(), others.len());
            let line = format_args!("Dropped {jobs} jobs of {functions} other functions: {why}");
            self.jobs.journal.write(level, line);
        }
    }

    /// Handles pending signals.
    pub(super) fn take_signals(&mut self) {
        let pending: Vec<_> = self.signals.pending().collect();
        for signal in pending {
            match signal {
                SIGHUP => {
                    self.jobs.journal.reopen();
                    self.reload_access();
                    self.reload_certificate();
                }
                SIGUSR1 => {
                    let count = self.jobs.broker.job_count();
                    self.jobs.journal.write(
                        Level::Notice,
                        format_args!(
                            "SIGUSR1, draining: {count} jobs to finish, no new ones accepted"
                        ),
                    );
                    self.drain();
                }
                _ => self.stop(),
            }
        }
    }

    /// Shuts down after this turn.
    pub(super) fn stop(&mut self) {
        self.running = false;
    }
}

/// Installs the signal handlers.
///
/// # Errors
/// When the system refuses a handler.
pub(super) fn catch_signals() -> io::Result<Signals> {
    exit_at_a_second_signal()?;
    Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGHUP])
}

/// Makes a second SIGTERM or SIGINT exit at once, if the first is not handled yet.
fn exit_at_a_second_signal() -> io::Result<()> {
    let is_first_seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order, the first signal finds the flag unset.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_first_seen))?;
        flag::register(signal, Arc::clone(&is_first_seen))?;
    }
    Ok(())
}
