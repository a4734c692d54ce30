//! The broker's way out: packets go to sessions, reports to the journal.
//!
//! Owns the send order: which packets are urgent because they let a peer go on.
//!
//! Must not: decide what is sent.

use bytes::Bytes;

use crate::host::{Host, Journal};
use crate::sessions::Sessions;
use gearman_broker::{ConnectionKey, DriverTimer, Outbox, SHARED};
use gearman_protocol::{Command, Magic, encode, encode_head};

/// What a packet is to its receiver, as far as it matters for when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JOB_CREATED for a job whose result is waited for. It may wait for what comes
    /// next.
    Acknowledgement,
    /// An answer that no work depends on.
    Answer,
    /// A worker's report on its job.
    Report {
        /// Whether the job ends with it.
        is_last: bool,
    },
    /// What work begins with, or goes on: a job, or NOOP.
    Call,
}

impl Kind {
    fn of(command: Command) -> Kind {
        match command {
            Command::JobCreated | Command::NoJob => Kind::Answer,
            Command::WorkComplete | Command::WorkFail | Command::WorkException => {
                Kind::Report { is_last: true }
            }
            Command::WorkData | Command::WorkWarning | Command::WorkStatus => {
                Kind::Report { is_last: false }
            }
            _ => Kind::Call,
        }
    }
}

/// The broker's way out, for one call.
pub(crate) struct Outlet<'a, H: Host> {
    pub(crate) sessions: &'a mut Sessions<H>,
    pub(crate) journal: &'a mut H::Journal,
}

impl<H: Host> Outlet<'_, H> {
    fn write(
        &mut self,
        kind: Kind,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<u64> {
        self.sessions.append(to, kind, |queue| {
            encode(queue.bytes(), Magic::Response, command, args, body);
        })
    }

    #[cold]
    fn report_refusal(&mut self, to: ConnectionKey, args: &[&[u8]]) {
        if let Some(session) = self.sessions.get_mut(to.index()) {
            self.journal.refused(session.origin, &args.join(&b' '));
        }
    }
}

impl<H: Host> Outbox for Outlet<'_, H> {
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        if command == Command::Error {
            self.report_refusal(to, args);
        }
        self.write(Kind::of(command), to, command, args, body);
    }

    fn send_with_next(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<u64> {
        self.write(Kind::Acknowledgement, to, command, args, body)
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        if body.len() < SHARED {
            return self.send(to, command, args, body);
        }
        self.sessions.append(to, Kind::of(command), |queue| {
            encode_head(queue.bytes(), Magic::Response, command, args, body.len());
            queue.push_body(body.clone());
        });
        self.sessions.has_large = true;
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64) {
        self.journal.accepted(function, unique, due);
    }

    #[cold]
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        self.journal.gave_up(handle, function, unique, attempts);
    }

    fn timer(&mut self, timer: DriverTimer, due: u64) {
        match timer {
            DriverTimer::DelayedAck(key) => self.sessions.expire_ack(key, due),
            other => self.sessions.fired.push(other),
        }
    }
}
