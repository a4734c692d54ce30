//! Framing: splits received bytes into packets and lines, in the buffer that they were
//! received into, and passes them to the broker or to the text protocol.
//!
//! Must not: block, or send; answers are appended to the send queues of sessions.

use std::io;

use bytes::Bytes;

use crate::CloseReason;
use crate::access::SessionAuthority;
use crate::host::{Clock, Host, Journal};
use crate::job_server::{DriverRequest, JobServer};
use crate::outlet::{Outlet, SendClass};
use crate::session::{FOLLOWING_PACKET_BYTES, Received, SMALL_PACKET_BYTES_MAX};
use crate::storage::Gate;
use gearman_admin::{Answer, Authority, CommandOutcome, Context, QueueView};
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::{ConnectionKey, Incoming, Now, Outbox};
use gearman_protocol::admin::{Line, is_text, line};
use gearman_protocol::limits::{HEADER_SIZE, MAX_TEXT_LINE};
use gearman_protocol::{Command, Decoded, Header, Packet, ProtocolError, decode};

/// Work of one session in one turn, in packets. A session with more to handle goes on in the next
/// turn, behind the others, however many requests its bytes hold. What a packet is about, such as
/// the clients that wait for a job, counts as well.
pub(crate) const WORK_PER_TURN: u32 = 512;
/// Work of all sessions in one turn. It is divided among those that are ready, so that the turn of
/// one that has little to do comes soon, however many others have much.
const WORK_OF_ALL_PER_TURN: u32 = 16 << 10;
/// Smallest share of a session. Being served costs as much.
const WORK_PER_TURN_MIN: u32 = 4;
/// Bytes that a session may receive for each packet that it may have handled. What was received and
/// not handled takes memory.
const RECEIVED_PER_WORK: usize = 512;
/// Bytes of a packet that count as one more.
const BYTES_PER_WORK: usize = 16 << 10;

/// The work that each of so many ready sessions may cause in this turn.
pub(crate) fn share_of_turn(ready: usize) -> u32 {
    let ready = u32::try_from(ready.max(1)).unwrap_or(u32::MAX);
    (WORK_OF_ALL_PER_TURN / ready).clamp(WORK_PER_TURN_MIN, WORK_PER_TURN)
}

/// Result of parsing the start of a buffer.
enum InputStep {
    /// This many bytes were handled. If the buffer has fewer, the rest is discarded when it
    /// arrives.
    Used(usize),
    /// The buffer must hold this many bytes before it can be parsed.
    Need(usize),
    /// The next packet waits for the store.
    Wait,
    /// The packet has more work than a turn has room for, and is handled again in the next one.
    Unfinished,
    /// The bytes violate the protocol, for this reason.
    Broken(String),
}

/// Whether a buffer consists of one complete large packet and little else, so that the
/// packet can keep the buffer.
fn is_mostly_one_large_packet(input: &Vec<u8>) -> bool {
    let Some(Ok(header)) = input.first_chunk().map(Header::parse) else { return false };
    let size = HEADER_SIZE + header.length as usize;
    size > SMALL_PACKET_BYTES_MAX
        && size <= input.len()
        && input.capacity() - size <= FOLLOWING_PACKET_BYTES + size / 8
}

impl<H: Host> JobServer<H> {
    /// Receives from a session, and handles the received packets and lines.
    pub(crate) fn serve(&mut self, key: ConnectionKey) {
        let index = key.index();
        let Some(session) = self.sessions.get_mut(index) else { return };
        if session.key != key {
            // The session has ended, and another one has its place.
            return;
        }
        session.queued = false;
        if !session.is_ready() {
            return;
        }
        self.work_left = if strikes(Defect::ShareExceeded) { u32::MAX } else { self.share };
        // Timers and other sessions have caused it.
        self.broker.take_work();
        let mut received = if session.input.len() >= session.need {
            // Received earlier, and not handled because of backpressure, which has ended.
            Ok(Received::Nothing)
        } else if session.expects_large() {
            session.receive_large(&mut self.large_buffer)
        } else if session.input.is_empty() {
            let room = (self.share as usize * RECEIVED_PER_WORK).min(self.scratch.len());
            session.receive(&mut self.scratch[..room])
        } else {
            session.receive_more()
        };
        // At most twice: the rest of a large packet may have arrived after its head.
        for is_first in [true, false] {
            let Some(session) = self.sessions.get_mut(index) else { return };
            match received {
                Err(_) | Ok(Received::End) => return self.end_of_stream(key, received.err()),
                Ok(Received::Bytes(count)) if session.input.is_empty() => {
                    let scratch = std::mem::take(&mut self.scratch);
                    let used = self.handle(key, &scratch[..count], None);
                    if let Some(session) = self.sessions.get_mut(index) {
                        session.keep(&scratch[used..count]);
                    }
                    self.scratch = scratch;
                }
                Ok(_) => self.handle_input(key),
            }
            let Some(session) = self.sessions.get_mut(index) else { return };
            if !is_first || !session.is_amid_large() || session.close_reason.is_some() {
                break;
            }
            received = session.receive_more();
        }
        self.queue_if_ready(index);
    }

    /// Handles the end of a stream. If it is not broken, its peer may still read the
    /// answers to its requests.
    fn end_of_stream(&mut self, key: ConnectionKey, error: Option<io::Error>) {
        self.interrupt(key);
        let Some(session) = self.sessions.get_mut(key.index()) else { return };
        match error {
            Some(error) => self.sessions.close(key.index(), CloseReason::broken(&error)),
            None if session.backlog() > 0 => session.ended = true,
            None => self.sessions.close(key.index(), CloseReason::PEER_CLOSED),
        }
    }

    /// Ends the long poll of a session, so that its answer is sent before the next one, and
    /// no job is handed to a session that is about to be closed.
    fn interrupt(&mut self, key: ConnectionKey) {
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.interrupt(key, outlet);
    }

    /// Handles the bytes in a session's input buffer. A large packet keeps that buffer.
    fn handle_input(&mut self, key: ConnectionKey) {
        let Some(session) = self.sessions.get_mut(key.index()) else { return };
        let input = std::mem::take(&mut session.input);
        let (input, used) = if session.skip == 0 && is_mostly_one_large_packet(&input) {
            let memory = Bytes::from(input);
            let used = self.handle(key, &memory, Some(&memory));
            match used {
                0 => (memory.into(), 0),
                used => (memory[used..].to_vec(), 0),
            }
        } else {
            let used = self.handle(key, &input, None);
            (input, used)
        };
        if let Some(session) = self.sessions.get_mut(key.index()) {
            session.input = input;
            if let Some(memory) = session.consume(used) {
                self.large_buffer = memory;
            }
        }
    }

    /// Handles packets and lines until the next one is incomplete or the session is
    /// backpressured. Returns the number of bytes handled. `memory` contains `input`, if
    /// packets may keep it.
    fn handle(&mut self, key: ConnectionKey, input: &[u8], memory: Option<&Bytes>) -> usize {
        // The time limit of a job starts when it is handed out, in milliseconds, so the
        // clock is read again. For seconds the time of the turn suffices.
        let now = Now { monotonic: self.clock.monotonic(), ..self.now };
        let mut used = 0;
        loop {
            let Some(session) = self.sessions.get_mut(key.index()) else { return used };
            if session.close_reason.is_some() {
                return input.len();
            }
            let skipped = session.skip.min(input.len() - used);
            session.skip -= skipped;
            used += skipped;
            let rest = &input[used..];
            if self.work_left == 0 && rest.len() >= session.need
                || session.is_backpressured()
                || session.listing.is_some()
                || rest.is_empty()
            {
                session.need = 1;
                return used;
            }
            let step = if session.need > rest.len() {
                InputStep::Need(session.need)
            } else if is_text(rest[0]) {
                self.handle_line(key, rest)
            } else {
                self.handle_packet(key, rest, memory, now)
            };
            let Some(session) = self.sessions.get_mut(key.index()) else { return used };
            match step {
                InputStep::Used(count) => {
                    if std::mem::take(&mut session.is_unfinished) {
                        // It was refused meanwhile.
                        self.broker.abandon_unfinished(key);
                    }
                    let work = 1 + self.broker.take_work() + (count / BYTES_PER_WORK) as u32;
                    self.work_left = self.work_left.saturating_sub(work);
                    if count <= rest.len() {
                        session.note_size(count);
                    }
                    session.skip = count;
                    session.need = 1;
                }
                InputStep::Need(need) => {
                    session.need = need;
                    return used;
                }
                InputStep::Wait | InputStep::Unfinished => {
                    session.is_unfinished = matches!(step, InputStep::Unfinished);
                    session.need = 1;
                    return used;
                }
                InputStep::Broken(why) => {
                    self.interrupt(key);
                    self.sessions.close(key.index(), CloseReason::fault(why));
                    return input.len();
                }
            }
        }
    }

    fn handle_line(&mut self, key: ConnectionKey, input: &[u8]) -> InputStep {
        let (text, used) = match line(input) {
            Line::Incomplete => return InputStep::Need(input.len() + 1),
            Line::TooLong => {
                let why = format!("a text line has more than {MAX_TEXT_LINE} bytes");
                return InputStep::Broken(why);
            }
            Line::Whole(text, used) => (text, used),
        };
        if self.must_line_wait(key, text) {
            return InputStep::Wait;
        }
        let mut reply = Vec::new();
        self.interrupt(key);
        let level = self.journal.level_name();
        let (uptime_seconds, delayed_replies) =
            (self.uptime_seconds(), self.delayed_reply_counts());
        let profile = self.profile(key);
        let mut authority = self.access.as_deref_mut().zip(profile).map(SessionAuthority::new);
        let mut context = Context {
            broker: &mut self.broker,
            packets: &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal },
            level,
            allow_shutdown: self.settings.allow_shutdown,
            uptime_seconds,
            delayed_replies,
            queue: QueueView {
                kind: self.settings.queue_type,
                suspended: self.store.suspended.as_deref(),
                stats: self.store.stats,
            },
            authority: authority.as_mut().map(|authority| authority as &mut dyn Authority),
            outcome: CommandOutcome::Read,
            caller: key,
            is_unfinished: false,
        };
        let answer = gearman_admin::answer(text, &mut context, &mut reply);
        if matches!(answer, Answer::Unfinished) {
            return InputStep::Unfinished;
        }
        let outcome = context.outcome;
        self.audit(key, text, &reply, outcome);
        self.sessions.append(key, SendClass::Normal, |output| output.bytes().append(&mut reply));
        match answer {
            Answer::Text | Answer::Unfinished => {}
            Answer::List(list) => self.begin_list(key, list),
            Answer::Stop => self.request = Some(DriverRequest::Stop),
            Answer::Drain => {
                self.broker.drain();
                // An earlier request to stop takes precedence.
                self.request.get_or_insert(DriverRequest::Drain);
            }
            Answer::TooManyWords => {
                return InputStep::Broken("a text line has too many words".into());
            }
        }
        InputStep::Used(used)
    }

    fn handle_packet(
        &mut self,
        key: ConnectionKey,
        input: &[u8],
        memory: Option<&Bytes>,
        now: Now,
    ) -> InputStep {
        match decode(input) {
            Ok(Decoded::Whole { packet, .. } | Decoded::Head { packet, .. })
                if packet.header.length > self.settings.packet_limit =>
            {
                self.refuse_size(key, &packet);
                InputStep::Used(HEADER_SIZE + packet.header.length as usize)
            }
            Ok(Decoded::Whole { packet, used }) => {
                if self.access.is_some() && !self.admits(key, &packet) {
                    return InputStep::Used(used);
                }
                match self.must_wait(key, &packet) {
                    Gate::Open => {}
                    Gate::Closed => return InputStep::Wait,
                    Gate::Refused => {
                        self.refuse_late(key);
                        return InputStep::Used(used);
                    }
                }
                let session = self.sessions.get_mut(key.index());
                if !session.is_some_and(|session| std::mem::take(&mut session.is_unfinished)) {
                    self.journal.packet(key, packet.command());
                }
                if matches!(packet.command(), Command::CanDo | Command::CanDoTimeout)
                    && let Some(limit) = self.settings.worker_ack_timeout
                    && let Some(session) = self.sessions.get_mut(key.index())
                {
                    session.begin_to_work(limit);
                }
                let outlet =
                    &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                self.broker.packet(key, Incoming { packet: &packet, memory }, now, outlet);
                match self.broker.take_unfinished() {
                    true => InputStep::Unfinished,
                    false => InputStep::Used(used),
                }
            }
            Ok(Decoded::Head { packet, .. }) => {
                InputStep::Need(HEADER_SIZE + packet.header.length as usize)
            }
            Ok(Decoded::Incomplete { need }) => InputStep::Need(need),
            // The packet is complete, so the next one can be parsed.
            Err(ProtocolError::MissingArgument(_)) => {
                let outlet =
                    &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                self.broker.incomplete_packet(key, outlet);
                let header = input.first_chunk().map(Header::parse);
                match header {
                    Some(Ok(header)) => InputStep::Used(HEADER_SIZE + header.length as usize),
                    _ => InputStep::Broken("an incomplete packet".into()),
                }
            }
            Err(error) => InputStep::Broken(error.to_string()),
        }
    }

    /// Refuses a packet that is too large. The session is not closed: the bytes of the
    /// packet are received and discarded, so that the peer reads the answer.
    fn refuse_size(&mut self, key: ConnectionKey, packet: &Packet<'_>) {
        let limit = self.settings.packet_limit;
        let why = format!("A packet may have {limit} bytes, this one has {}", packet.header.length);
        self.interrupt(key);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        outlet.send(key, Command::Error, &[b"ARGUMENT_TOO_LARGE", why.as_bytes()], b"");
        self.broker.oversized_packet(key, packet, outlet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_protocol::{Magic, encode};

    /// A packet with a body of this size, in a buffer with this much spare capacity.
    fn packet(body: usize, room: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, Magic::Request, Command::EchoReq, &[], &vec![b'x'; body]);
        let mut exact = Vec::with_capacity(bytes.len() + room);
        exact.append(&mut bytes);
        exact
    }

    #[test]
    fn a_large_packet_keeps_its_buffer_even_if_a_small_one_follows_it() {
        assert!(is_mostly_one_large_packet(&packet(100_000, 0)));
        let mut input = packet(100_000, FOLLOWING_PACKET_BYTES);
        input.extend_from_slice(&packet(0, 0));
        assert!(is_mostly_one_large_packet(&input));
        assert!(
            is_mostly_one_large_packet(&packet(SMALL_PACKET_BYTES_MAX, 0))
                && !is_mostly_one_large_packet(&packet(SMALL_PACKET_BYTES_MAX - HEADER_SIZE, 0))
        );
    }

    #[test]
    fn a_large_packet_does_not_keep_a_buffer_with_much_unused_space() {
        assert!(is_mostly_one_large_packet(&packet(100_000, 5_000)));
        assert!(!is_mostly_one_large_packet(&packet(100_000, 20_000)));
        assert!(!is_mostly_one_large_packet(&[packet(100_000, 0), packet(100_000, 0)].concat()));
    }

    #[test]
    fn an_incomplete_packet_does_not_keep_its_buffer() {
        let mut input = packet(100_000, 0);
        input.pop();
        assert!(!is_mostly_one_large_packet(&input));
        assert!(
            !is_mostly_one_large_packet(&Vec::new())
                && !is_mostly_one_large_packet(&b"status\n".to_vec())
        );
    }
}
