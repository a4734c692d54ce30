//! Writes the events of the job server as log lines.
//!
//! Must not: leave out events; the log level and the throttle do.

use crate::log::{Level, Log};
use gearman_broker::{ConnectionKey, UnixSeconds};
use gearman_protocol::Command;
use gearman_session::{CloseReason, Journal, Origin};

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
        let (function, unique) = (function.escape_ascii(), unique.escape_ascii());
        let due = due.map_or(0, |due| due.0);
        self.write(Level::Notice, format_args!("accepted,{function},{unique},{due}"));
    }

    #[cold]
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.write_about_peer(
            Level::Error,
            format_args!(
                "Failed job {handle} of function {function}, unique {unique}: no result after \
                 {attempts} attempts (--job-retries)"
            ),
        );
    }
}
