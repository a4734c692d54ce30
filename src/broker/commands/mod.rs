//! Handling of packets: one file per group of commands, and here the match that
//! dispatches each packet to its handler.
//!
//! Must not: change lists, counters or timers of jobs; `lifecycle` does.

mod abilities;
mod grab;
mod session;
mod status;
mod submit;
mod work;

use super::connection::Connection;
use super::errors::{self, Refusal};
use super::slab::Id;
use super::{Broker, ConnectionKey, Incoming, Now, Outbox};
use gearman_protocol::{Command, Magic};
use submit::Submission;

pub(super) use abilities::offered_function;

impl Broker {
    /// Handles a packet. A packet of a removed connection is ignored.
    pub fn packet(
        &mut self,
        from: ConnectionKey,
        packet: Incoming<'_>,
        now: Now,
        out: &mut dyn Outbox,
    ) {
        let Some(from) = self.connections.find(from) else { return };
        self.now = now;
        self.interrupt_long_poll(from, out);
        if packet.packet.command() != Command::PreSleep {
            self.connections[from].empty_grabs.other_packet();
        }
        if packet.packet.header.magic != Magic::Request {
            return self.refuse(from, errors::NOT_A_REQUEST, out);
        }
        let handled = self.dispatch(from, packet, now, out);
        if let Err(refusal) = handled {
            self.refuse(from, refusal, out);
        }
    }

    /// Refuses a packet that has fewer arguments than its command needs.
    pub fn incomplete_packet(&mut self, from: ConnectionKey, out: &mut dyn Outbox) {
        self.interrupt(from, out);
        if let Some(from) = self.connections.find(from) {
            self.refuse(from, errors::MISSING_ARGUMENTS, out);
        }
    }

    fn dispatch(
        &mut self,
        from: Id<Connection>,
        incoming: Incoming<'_>,
        now: Now,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let packet = incoming.packet;
        match packet.command() {
            Command::SubmitJob
            | Command::SubmitJobBg
            | Command::SubmitJobHigh
            | Command::SubmitJobHighBg
            | Command::SubmitJobLow
            | Command::SubmitJobLowBg
            | Command::SubmitJobEpoch
            | Command::SubmitReduceJob
            | Command::SubmitReduceJobBackground => {
                self.submit(from, Submission::parse(incoming)?, out)
            }

            Command::GetStatus => self.get_status(from, packet.text_arg(0), out),
            Command::GetStatusUnique => self.get_status_unique(from, packet.text_arg(0), out),

            Command::CanDo | Command::CanDoTimeout => {
                let (name, timeout_ms) = offered_function(packet);
                self.can_do(from, name, timeout_ms, out);
            }
            Command::CantDo => self.cant_do(from, packet.text_arg(0), out),
            Command::ResetAbilities => self.reset_abilities(from, out),
            Command::PreSleep => self.pre_sleep(from, out),
            Command::GrabJob | Command::GrabJobUniq | Command::GrabJobAll => {
                return self.grab_packet(from, packet.command(), now, out);
            }

            Command::WorkStatus => return self.work_status(from, packet, out),
            Command::WorkData | Command::WorkWarning => return self.work_data(from, incoming, out),
            Command::WorkComplete | Command::WorkFail => return self.work_end(from, incoming, out),
            Command::WorkException => return self.work_exception(from, incoming, out),

            Command::EchoReq => self.echo(from, packet.body(), out),
            Command::OptionReq => return self.option(from, packet, out),
            Command::SetClientId => self.set_client_id(from, packet.text_arg(0)),

            // Commands that only servers send, and those that the original never implemented.
            Command::Text
            | Command::Unused
            | Command::Noop
            | Command::JobCreated
            | Command::NoJob
            | Command::JobAssign
            | Command::EchoRes
            | Command::Error
            | Command::StatusRes
            | Command::AllYours
            | Command::OptionRes
            | Command::JobAssignUniq
            | Command::SubmitJobSched
            | Command::JobAssignAll
            | Command::StatusResUnique => return Err(errors::UNEXPECTED_COMMAND),
        }
        Ok(())
    }

    /// Sends a packet to a connection.
    pub(super) fn reply(
        &self,
        to: Id<Connection>,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
        out: &mut dyn Outbox,
    ) {
        out.send(self.key(to), command, args, body);
    }

    fn refuse(&self, to: Id<Connection>, (code, text): Refusal, out: &mut dyn Outbox) {
        self.reply(to, Command::Error, &[code, text], b"", out);
    }
}

/// Parses the number at the start of an argument as the C library's `strtol` does: spaces
/// and a sign may precede it, anything may follow. `None` if it does not fit into 64 bits.
fn parse_number(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    let mut number = 0_i64;
    for digit in digits {
        number = number.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn a_number_ends_at_the_first_other_character() {
        assert_eq!(parse_number(b"12x"), Some(12));
        assert_eq!(parse_number(b" -7\0"), Some(-7));
        assert_eq!(parse_number(b"junk"), Some(0));
        assert_eq!(parse_number(b""), Some(0));
        assert_eq!(parse_number(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_number(b"9223372036854775808"), None);
        assert_eq!(parse_number(b"-9223372036854775808"), Some(i64::MIN));
    }
}
