//! How the server ends: at once, or when it has finished its jobs; and the signals
//! that say so.
//!
//! Must not: decide what becomes of a job; that is the broker's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook_mio::v1_0::Signals;

use super::{LastResults, Server};
use crate::http::Phase;
use crate::log::Level;
use crate::systemd;
use gearman_broker::DriverTimer;

/// Milliseconds that the last results of a drained server may take to reach their
/// clients.
const DRAIN_DEADLINE_MS: u64 = 10_000;

impl Server {
    /// Whether the server drains, and nothing is left that it could still do: no
    /// job, and no result that has not left.
    pub(super) fn is_finished(&mut self) -> bool {
        if !self.jobs.broker.is_drained() {
            return false;
        }
        if self.last_results == LastResults::NotYet {
            self.last_results = LastResults::Leaving;
            let count = self.jobs.fail_remaining_jobs();
            if count > 0 {
                self.jobs.journal.write(
                    Level::Warning,
                    format_args!("dropped {count} jobs: no connected worker can run them"),
                );
            }
            self.jobs.set_timer(DRAIN_DEADLINE_MS, DriverTimer::DrainDeadline);
        }
        self.flush();
        self.jobs.is_all_sent() || self.last_results == LastResults::Overdue
    }

    /// Takes on nobody and no job any more, and ends when what is here is done.
    pub(super) fn drain(&mut self) {
        systemd::stopping();
        self.enter(Phase::Draining);
        self.jobs.broker.drain();
        self.is_accepting_due = false;
        self.listeners.clear();
    }

    /// Does what signals have asked for.
    pub(super) fn take_signals(&mut self) {
        let pending: Vec<_> = self.signals.pending().collect();
        for signal in pending {
            match signal {
                SIGHUP => self.jobs.journal.reopen(),
                SIGUSR1 => {
                    let count = self.jobs.broker.job_count();
                    self.jobs
                        .journal
                        .write(Level::Notice, format_args!("SIGUSR1, jobs to finish: {count}"));
                    self.drain();
                }
                _ => self.stop(),
            }
        }
    }

    /// Ends with this turn.
    pub(super) fn stop(&mut self) {
        self.running = false;
    }
}

/// Starts watching for signals.
///
/// # Errors
/// When the system refuses a handler.
pub(super) fn catch_signals() -> io::Result<Signals> {
    end_at_a_second_signal()?;
    Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGHUP])
}

/// A first signal to end lets the server finish its turn; a second one does not
/// even wait for that.
fn end_at_a_second_signal() -> io::Result<()> {
    let is_first_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first one finds the flag not set yet.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_first_over))?;
        flag::register(signal, Arc::clone(&is_first_over))?;
    }
    Ok(())
}
