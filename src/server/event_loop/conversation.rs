//! From bytes to packets and lines: what a connection said is taken apart in
//! the buffer that it was received into, and handed to the broker or to the
//! text protocol.
//!
//! Must not: wait, or send; answers are left in the connections' buffers.

use std::io;

use bytes::Bytes;

use super::Server;
use super::peer::{LARGE, Received, SLACK};
use super::peers::{CLOSED, Kind, Outlet};
use crate::log::Level;
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

impl Server {
    /// Receives from a connection and handles what came.
    pub(super) fn serve(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.queued = false;
        if !peer.is_ready() {
            return;
        }
        let key = peer.key;
        let mut received = if peer.input.len() >= peer.need {
            // Handled as far as the peer reads its answers; now it reads on.
            Ok(Received::Nothing)
        } else if peer.expects_large() {
            peer.receive_large(&mut self.landing)
        } else if peer.input.is_empty() {
            peer.receive(&mut self.scratch)
        } else {
            peer.receive_more()
        };
        // Twice at most: the rest of a large packet may have come with its head.
        for is_first in [true, false] {
            let Some(peer) = self.peers.get_mut(index) else { return };
            match received {
                Err(_) | Ok(Received::End) => return self.hear_the_end(key, received.err()),
                Ok(Received::Bytes(count)) if peer.input.is_empty() => {
                    let scratch = std::mem::take(&mut self.scratch);
                    let used = self.handle(key, &scratch[..count], None);
                    if let Some(peer) = self.peers.get_mut(index) {
                        peer.keep(&scratch[used..count]);
                    }
                    self.scratch = scratch;
                }
                Ok(_) => self.handle_input(key),
            }
            let Some(peer) = self.peers.get_mut(index) else { return };
            if !is_first || !peer.is_amid_large() || peer.doom.is_some() {
                break;
            }
            received = peer.receive_more();
        }
        if let Some(peer) = self.peers.get_mut(index)
            && peer.is_ready()
            && !std::mem::replace(&mut peer.queued, true)
        {
            self.ready.push(index);
        }
    }

    /// A connection says no more. If it is not broken, it may still read what it
    /// asked for.
    fn hear_the_end(&mut self, key: ConnectionKey, error: Option<io::Error>) {
        self.end_wait(key);
        let Some(peer) = self.peers.get_mut(key.index()) else { return };
        match error {
            Some(error) => self.peers.doom(key.index(), error.to_string()),
            None if peer.backlog() > 0 => peer.ended = true,
            None => self.peers.doom(key.index(), CLOSED.into()),
        }
    }

    /// Lets a worker wait no longer for a job, which it would take with it when its
    /// connection is closed.
    fn end_wait(&mut self, key: ConnectionKey) {
        let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
        self.broker.interrupt(key, outlet);
    }

    /// Handles what a connection's own buffer holds. A large packet keeps the
    /// memory that it came in.
    fn handle_input(&mut self, key: ConnectionKey) {
        let Some(peer) = self.peers.get_mut(key.index()) else { return };
        let input = std::mem::take(&mut peer.input);
        let (input, used) = if peer.skip == 0 && fills(&input) {
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
        if let Some(peer) = self.peers.get_mut(key.index()) {
            peer.input = input;
            if let Some(memory) = peer.consume(used) {
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
        let now = Now { ticks: self.ticks(), ..self.now };
        let mut used = 0;
        loop {
            let Some(peer) = self.peers.get_mut(key.index()) else { return used };
            if peer.doom.is_some() {
                return input.len();
            }
            let skipped = peer.skip.min(input.len() - used);
            peer.skip -= skipped;
            used += skipped;
            let rest = &input[used..];
            if peer.is_crowded() || peer.listing.is_some() || rest.is_empty() {
                peer.need = 1;
                return used;
            }
            let step = if peer.need > rest.len() {
                Step::Need(peer.need)
            } else if is_text(rest[0]) {
                self.handle_line(key, rest)
            } else {
                self.handle_packet(key, rest, memory, now)
            };
            let Some(peer) = self.peers.get_mut(key.index()) else { return used };
            match step {
                Step::Used(count) => {
                    if count <= rest.len() {
                        peer.note_size(count);
                    }
                    peer.skip = count;
                    peer.need = 1;
                }
                Step::Need(need) => {
                    peer.need = need;
                    return used;
                }
                Step::Broken(why) => {
                    self.end_wait(key);
                    self.peers.condemn(key.index(), why);
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
        let level = self.log.level().name();
        let mut context = Context {
            broker: &mut self.broker,
            packets: &mut Outlet { peers: &mut self.peers, log: &mut self.log },
            level,
            allow_shutdown: self.settings.allow_shutdown,
            uptime: self.started.elapsed().as_secs(),
        };
        let answer = gearman_admin::answer(text, &mut context, &mut reply);
        self.peers.append(key, Kind::Answer, |output| output.bytes().append(&mut reply));
        match answer {
            Answer::Text => {}
            Answer::List(list) => self.begin_list(key, list),
            Answer::Stop => self.stop(),
            Answer::Drain => self.drain(),
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
                self.log
                    .write(Level::Debug, format_args!("{} from {key:?}", packet.command().name()));
                let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
                self.broker.packet(key, Incoming { packet: &packet, memory }, now, outlet);
                Step::Used(used)
            }
            Ok(Decoded::Head { packet, .. }) => {
                Step::Need(HEADER_SIZE + packet.header.length as usize)
            }
            Ok(Decoded::Incomplete { need }) => Step::Need(need),
            // The packet is all there: what follows it can be read.
            Err(ProtocolError::MissingArgument(_)) => {
                let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
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
        let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
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
