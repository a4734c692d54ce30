//! Writes the events of the job server as log lines.
//!
//! Must not: leave out events; the log level and the throttle do.

use crate::log::{Level, Log};
use gearman_access::{Denial, Permission};
use gearman_broker::{BrokerEvent, ConnectionKey, FailureCause, UnixSeconds};
use gearman_protocol::Command;
use gearman_session::{CloseReason, Journal, Origin, Requester, StoreEvent};

impl Journal for Log {
    fn level_name(&self) -> &'static str {
        self.level().name()
    }

    #[inline]
    fn packet(&mut self, from: ConnectionKey, command: Command) {
        if self.level() >= Level::Debug {
            self.write(Level::Debug, format_args!("{} from {from:?}", command.name()));
        }
    }

    fn closed(&mut self, origin: Origin, reason: &CloseReason) {
        let line = format_args!("Disconnected {origin}: {}", reason.text);
        match reason.is_fault {
            true => self.write_about_peer(Level::Error, line),
            false => self.write(Level::Info, line),
        }
    }

    fn refused(&mut self, origin: Origin, why: &[u8]) {
        self.write_about_peer(
            Level::Info,
            format_args!("Refused a packet from {origin}: {}", why.escape_ascii()),
        );
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>) {
        if !self.has_submissions() {
            return;
        }
        let (function, unique) = (function.escape_ascii(), unique.escape_ascii());
        let due = due.map_or(0, |due| due.0);
        self.write(Level::Notice, format_args!("accepted,{function},{unique},{due}"));
    }

    #[cold]
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let name = function;
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.write_loss(
            "no result after the last attempt (--job-retries)",
            name,
            format_args!(
                "Failed job {handle} of function {function}, unique {unique}: no result after \
                 {attempts} attempts (--job-retries)"
            ),
        );
    }

    #[cold]
    fn event(&mut self, event: BrokerEvent<'_>) {
        match event {
            BrokerEvent::WorkerCame { worker, function } => {
                let function = function.escape_ascii();
                self.write_event(format_args!("Worker {worker} offers function {function}"));
            }
            BrokerEvent::WorkerLeft { worker, functions, running } => {
                self.write_event(format_args!(
                    "Worker {worker} has left: it offered {functions} functions and had {running} \
                     unfinished jobs"
                ));
            }
            BrokerEvent::FunctionOffered { function, worker } => {
                let function = function.escape_ascii();
                self.write_event(format_args!("Function {function} has a worker: {worker}"));
            }
            BrokerEvent::FunctionAbandoned { function, worker, waiting } => {
                let function = function.escape_ascii();
                self.write_event(format_args!(
                    "Function {function} has no worker any more: {worker} was the last, {waiting} \
                     jobs wait"
                ));
            }
            BrokerEvent::JobFailed { cause, handle, function: name, unique, worker } => {
                let [handle, function, unique] = [handle, name, unique].map(<[u8]>::escape_ascii);
                match cause {
                    FailureCause::Worker => self.write_event(format_args!(
                        "Worker {worker} failed job {handle} of function {function}, unique \
                         {unique}"
                    )),
                    FailureCause::TooLarge => self.write_loss(
                        "a result above --max-packet-size",
                        name,
                        format_args!(
                            "Failed job {handle} of function {function}, unique {unique}: worker \
                             {worker} sent a result above --max-packet-size"
                        ),
                    ),
                }
            }
            BrokerEvent::JobsDropped { function, jobs } => {
                let function = function.escape_ascii();
                self.write(
                    Level::Warning,
                    format_args!("Dropped {jobs} jobs of function {function}: by a command"),
                );
            }
        }
    }

    #[cold]
    fn denied(&mut self, who: &Requester, permission: Permission, on: &[u8], why: Denial) {
        let (permission, on) = (permission.name(), on.escape_ascii());
        self.write_about_peer(
            Level::Warning,
            format_args!("Denied {who}: {permission} of {on}: {why}"),
        );
    }

    #[cold]
    fn administered(&mut self, who: &Requester, line: &[u8], answer: &[u8], is_denied: bool) {
        let answer = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let [line, answer] = [line, answer].map(|text| text.trim_ascii_end().escape_ascii());
        self.audit(format_args!("{who}: {line} -> {answer}"), is_denied);
    }

    #[cold]
    fn store(&mut self, event: StoreEvent<'_>) {
        match event {
            StoreEvent::Suspended(reason) => self.write(
                Level::Error,
                format_args!(
                    "The queue takes no jobs: {reason}; submissions get QUEUE_ERROR until it does"
                ),
            ),
            StoreEvent::Resumed => {
                self.write(Level::Notice, format_args!("The queue takes jobs again"));
            }
            StoreEvent::Loaded(jobs) => {
                self.write(Level::Info, format_args!("Found {jobs} jobs in the queue"));
            }
            StoreEvent::Unreadable(reason) => self.write_about_peer(
                Level::Error,
                format_args!("Cannot read jobs from the queue: {reason}"),
            ),
            StoreEvent::NotStored(count, reason) => self.write_about_peer(
                Level::Error,
                format_args!("Refused {count} background jobs with QUEUE_ERROR: {reason}"),
            ),
        }
    }
}
