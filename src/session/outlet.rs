//! [`Outlet`]: the outbox of the broker. Packets go to sessions, reports to the journal.
//!
//! Owns the send class of each packet: packets that let a peer continue its work are
//! urgent.
//!
//! Must not: decide which packets are sent.

use bytes::Bytes;

use crate::host::{Host, Journal};
use crate::sessions::Sessions;
use gearman_broker::{
    BrokerEvent, ConnectionKey, DriverTimer, Millis, Outbox, SHARED_BODY_BYTES_MIN, UnixSeconds,
};
use gearman_protocol::{Command, Magic, encode, encode_head};

/// Class of a packet in the send order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendClass {
    /// JOB_CREATED for a foreground job; normal, and may be held for the next packet.
    Acknowledgement,
    /// Normal: no work depends on the packet.
    Normal,
    /// A worker's report on a job; urgent.
    Report {
        /// Whether the job ends with it.
        is_last: bool,
    },
    /// Urgent: the receiver can continue its work, for example with a job or a NOOP.
    Urgent,
}

impl SendClass {
    fn of(command: Command) -> SendClass {
        match command {
            Command::JobCreated | Command::NoJob => SendClass::Normal,
            Command::WorkComplete | Command::WorkFail | Command::WorkException => {
                SendClass::Report { is_last: true }
            }
            Command::WorkData | Command::WorkWarning | Command::WorkStatus => {
                SendClass::Report { is_last: false }
            }
            _ => SendClass::Urgent,
        }
    }
}

/// The outbox of the broker, for one call.
pub(crate) struct Outlet<'a, H: Host> {
    pub(crate) sessions: &'a mut Sessions<H>,
    pub(crate) journal: &'a mut H::Journal,
}

impl<H: Host> Outlet<'_, H> {
    fn write(
        &mut self,
        class: SendClass,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<Millis> {
        self.sessions.append(to, class, |queue| {
            encode(queue.bytes(), Magic::Response, command, args, body);
        })
    }

    /// Sends an ERROR that is reported elsewhere.
    pub(crate) fn send_denial(&mut self, to: ConnectionKey, code: &[u8], text: &[u8]) {
        self.write(SendClass::Urgent, to, Command::Error, &[code, text], b"");
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
        self.write(SendClass::of(command), to, command, args, body);
    }

    fn send_delayable(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<Millis> {
        self.write(SendClass::Acknowledgement, to, command, args, body)
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        if body.len() < SHARED_BODY_BYTES_MIN {
            return self.send(to, command, args, body);
        }
        let is_payload =
            matches!(command, Command::JobAssign | Command::JobAssignUniq | Command::JobAssignAll);
        self.sessions.append(to, SendClass::of(command), |queue| {
            encode_head(queue.bytes(), Magic::Response, command, args, body.len());
            match is_payload {
                true => queue.push_payload(body.clone()),
                false => queue.push_body(body.clone()),
            }
        });
        self.sessions.has_large = true;
    }

    fn send_after_commit(&mut self, to: ConnectionKey, handle: &[u8], operation: u64) {
        self.sessions.acknowledge_after_commit(to, handle, operation);
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>) {
        self.journal.accepted(function, unique, due);
    }

    #[cold]
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        self.journal.gave_up(handle, function, unique, attempts);
    }

    #[cold]
    fn offer_refused(&mut self, worker: ConnectionKey, function: &[u8], why: &[&[u8]]) {
        self.report_refusal(worker, &[&[&b"CAN_DO"[..], function], why].concat());
    }

    #[cold]
    fn event(&mut self, event: BrokerEvent<'_>) {
        self.journal.event(event);
    }

    fn timer(&mut self, timer: DriverTimer, due: Millis) {
        match timer {
            DriverTimer::DelayedAck(key) => self.sessions.expire_ack(key, due),
            DriverTimer::StoreWait => self.sessions.is_store_wait_over = true,
            DriverTimer::FetchRetry => self.sessions.is_fetch_due = true,
            other => self.sessions.fired.push(other),
        }
    }
}
