//! From bytes to packets and lines: what a peer sent is taken apart in the buffer that
//! it was received into, and handed to the broker or to the text protocol.
//!
//! Must not: wait, or send; answers are left in the sessions' queues.

use std::io;

use bytes::Bytes;

use crate::CloseReason;
use crate::host::{Clock, Host, Journal};
use crate::job_server::{JobServer, Request};
use crate::outlet::{Kind, Outlet};
use crate::session::{LARGE, Received, SLACK};
use gearman_admin::{Answer, Context};
use gearman_broker::{ConnectionKey, Incoming, Now, Outbox};
use gearman_protocol::admin::{Line, is_text, line};
use gearman_protocol::limits::HEADER_SIZE;
use gearman_protocol::{Command, Decoded, Header, Packet, ProtocolError, decode};

/// What the start of a buffer led to.
enum Step {
    /// This many bytes are dealt with. There may be fewer yet: what comes of
    /// them later is not looked at.
    Used(usize),
    /// The buffer must hold this many bytes first.
    Need(usize),
    /// No sense can be made of it, and never will.
    Broken(String),
}

/// Whether a buffer is there for little else than one large packet, which is
/// whole.
fn fills(input: &Vec<u8>) -> bool {
    let Some(Ok(header)) = input.first_chunk().map(Header::parse) else { return false };
    let size = HEADER_SIZE + header.length as usize;
    size > LARGE && size <= input.len() && input.capacity() - size <= SLACK + size / 8
}

impl<H: Host> JobServer<H> {
    /// Receives from a connection and handles what came.
    pub(crate) fn serve(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.queued = false;
        if !session.is_ready() {
            return;
        }
        let key = session.key;
        let mut received = if session.input.len() >= session.need {
            // Handled as far as the peer reads its answers; now it reads on.
            Ok(Received::Nothing)
        } else if session.expects_large() {
            session.receive_large(&mut self.landing)
        } else if session.input.is_empty() {
            session.receive(&mut self.scratch)
        } else {
            session.receive_more()
        };
        // Twice at most: the rest of a large packet may have come with its head.
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

    /// A connection says no more. If it is not broken, it may still read what it
    /// asked for.
    fn end_of_stream(&mut self, key: ConnectionKey, error: Option<io::Error>) {
        self.end_wait(key);
        let Some(session) = self.sessions.get_mut(key.index()) else { return };
        match error {
            Some(error) => self.sessions.close(key.index(), CloseReason::broken(&error)),
            None if session.backlog() > 0 => session.ended = true,
            None => self.sessions.close(key.index(), CloseReason::PEER_CLOSED),
        }
    }

    /// Lets a worker wait no longer for a job, which it would take with it when its
    /// connection is closed.
    fn end_wait(&mut self, key: ConnectionKey) {
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.interrupt(key, outlet);
    }

    /// Handles what a connection's own buffer holds. A large packet keeps the
    /// memory that it came in.
    fn handle_input(&mut self, key: ConnectionKey) {
        let Some(session) = self.sessions.get_mut(key.index()) else { return };
        let input = std::mem::take(&mut session.input);
        let (input, used) = if session.skip == 0 && fills(&input) {
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
                self.landing = memory;
            }
        }
    }

    /// Handles what a connection said, until there is too little of it or too
    /// much waits to be sent. Returns how much of it is dealt with. `memory` is
    /// what it lies in, if that can be kept.
    fn handle(&mut self, key: ConnectionKey, input: &[u8], memory: Option<&Bytes>) -> usize {
        // What a worker has so many milliseconds for begins when it is handed out; for
        // seconds the turn's time will do.
        let now = Now { ticks: self.clock.ticks(), ..self.now };
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
            if session.is_backpressured() || session.listing.is_some() || rest.is_empty() {
                session.need = 1;
                return used;
            }
            let step = if session.need > rest.len() {
                Step::Need(session.need)
            } else if is_text(rest[0]) {
                self.handle_line(key, rest)
            } else {
                self.handle_packet(key, rest, memory, now)
            };
            let Some(session) = self.sessions.get_mut(key.index()) else { return used };
            match step {
                Step::Used(count) => {
                    if count <= rest.len() {
                        session.note_size(count);
                    }
                    session.skip = count;
                    session.need = 1;
                }
                Step::Need(need) => {
                    session.need = need;
                    return used;
                }
                Step::Broken(why) => {
                    self.end_wait(key);
                    self.sessions.close(key.index(), CloseReason::fault(why));
                    return input.len();
                }
            }
        }
    }

    fn handle_line(&mut self, key: ConnectionKey, input: &[u8]) -> Step {
        let (text, used) = match line(input) {
            Line::Incomplete => return Step::Need(input.len() + 1),
            Line::TooLong => return Step::Broken("a line without end".into()),
            Line::Whole(text, used) => (text, used),
        };
        let mut reply = Vec::new();
        self.end_wait(key);
        let level = self.journal.level_name();
        let (uptime, delayed_replies) = (self.uptime(), self.delayed_reply_counts());
        let mut context = Context {
            broker: &mut self.broker,
            packets: &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal },
            level,
            allow_shutdown: self.settings.allow_shutdown,
            uptime,
            delayed_replies,
        };
        let answer = gearman_admin::answer(text, &mut context, &mut reply);
        self.sessions.append(key, Kind::Answer, |output| output.bytes().append(&mut reply));
        match answer {
            Answer::Text => {}
            Answer::List(list) => self.begin_list(key, list),
            Answer::Stop => self.request = Some(Request::Stop),
            Answer::Drain => {
                self.broker.drain();
                // A stop that was asked for before stays.
                self.request.get_or_insert(Request::Drain);
            }
            Answer::TooManyWords => return Step::Broken("a line of too many words".into()),
        }
        Step::Used(used)
    }

    fn handle_packet(
        &mut self,
        key: ConnectionKey,
        input: &[u8],
        memory: Option<&Bytes>,
        now: Now,
    ) -> Step {
        match decode(input) {
            Ok(Decoded::Whole { packet, .. } | Decoded::Head { packet, .. })
                if packet.header.length > self.settings.packet_limit =>
            {
                self.refuse_size(key, &packet);
                Step::Used(HEADER_SIZE + packet.header.length as usize)
            }
            Ok(Decoded::Whole { packet, used }) => {
                self.journal.packet(key, packet.command());
                let outlet =
                    &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                self.broker.packet(key, Incoming { packet: &packet, memory }, now, outlet);
                Step::Used(used)
            }
            Ok(Decoded::Head { packet, .. }) => {
                Step::Need(HEADER_SIZE + packet.header.length as usize)
            }
            Ok(Decoded::Incomplete { need }) => Step::Need(need),
            // The packet is all there: what follows it can be read.
            Err(ProtocolError::MissingArgument(_)) => {
                let outlet =
                    &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                self.broker.incomplete_packet(key, outlet);
                let header = input.first_chunk().map(Header::parse);
                match header {
                    Some(Ok(header)) => Step::Used(HEADER_SIZE + header.length as usize),
                    _ => Step::Broken("an incomplete packet".into()),
                }
            }
            Err(error) => Step::Broken(error.to_string()),
        }
    }

    /// Answers a packet that is too large. The connection stays: its bytes are
    /// received and forgotten, so that whoever sends them gets to the answer.
    fn refuse_size(&mut self, key: ConnectionKey, packet: &Packet<'_>) {
        let limit = self.settings.packet_limit;
        let why = format!("A packet may have {limit} bytes, this one has {}", packet.header.length);
        self.end_wait(key);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        outlet.send(key, Command::Error, &[b"ARGUMENT_TOO_LARGE", why.as_bytes()], b"");
        self.broker.oversized_packet(key, packet, outlet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_protocol::{Magic, encode};

    /// A packet with a body of this size, in memory with this much room behind it.
    fn packet(body: usize, room: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, Magic::Request, Command::EchoReq, &[], &vec![b'x'; body]);
        let mut exact = Vec::with_capacity(bytes.len() + room);
        exact.append(&mut bytes);
        exact
    }

    #[test]
    fn a_large_packet_fills_its_memory_but_for_what_a_small_one_behind_it_needs() {
        assert!(fills(&packet(100_000, 0)));
        let mut input = packet(100_000, SLACK);
        input.extend_from_slice(&packet(0, 0));
        assert!(fills(&input));
        assert!(fills(&packet(LARGE, 0)) && !fills(&packet(LARGE - HEADER_SIZE, 0)));
    }

    #[test]
    fn memory_that_holds_little_of_what_it_could_is_not_kept_for_it() {
        assert!(fills(&packet(100_000, 5_000)));
        assert!(!fills(&packet(100_000, 20_000)));
        assert!(!fills(&[packet(100_000, 0), packet(100_000, 0)].concat()));
    }

    #[test]
    fn a_packet_that_is_not_whole_fills_nothing() {
        let mut input = packet(100_000, 0);
        input.pop();
        assert!(!fills(&input));
        assert!(!fills(&Vec::new()) && !fills(&b"status\n".to_vec()));
    }
}
