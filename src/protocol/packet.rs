//! Binary packets: decoding in place, as bytes arrive, and encoding.
//!
//! A packet is a 12-byte header and a payload of NUL-separated arguments with,
//! for some commands, a body of any bytes at the end. Decoding borrows from the
//! receive buffer and says as early as it can what it knows, so that a caller
//! can receive a large body straight into the memory that will keep it.
//!
//! Must not: allocate, copy payloads, or interpret arguments.

use super::command::Command;
use super::limits::{HEADER_SIZE, MAX_ARGS, MAX_ARGS_SIZE, MAX_PAYLOAD};
use gearman_buf::find;
use thiserror::Error;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// `\0REQ`: to the server.
    Request,
    /// `\0RES`: from the server.
    Response,
}

impl Magic {
    /// The four bytes on the wire.
    pub const fn bytes(self) -> [u8; 4] {
        match self {
            Magic::Request => *b"\0REQ",
            Magic::Response => *b"\0RES",
        }
    }
}

/// Why bytes are not a packet. The connection cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The first four bytes are neither magic.
    #[error("invalid magic {0:02x?}")]
    Magic([u8; 4]),
    /// The number names no command.
    #[error("unknown command number {0}")]
    Command(u32),
    /// The declared payload is larger than the protocol allows.
    #[error("declared payload of {0} bytes is too large")]
    TooLarge(u32),
    /// The fixed arguments do not end within 8192 bytes.
    #[error("arguments of {} are longer than {MAX_ARGS_SIZE} bytes", .0.name())]
    ArgumentsTooLong(Command),
    /// The payload ended before the last fixed argument did.
    #[error("{} has fewer arguments than it needs", .0.name())]
    MissingArgument(Command),
}

/// The fixed part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which way the packet goes.
    pub magic: Magic,
    /// What it says.
    pub command: Command,
    /// Bytes of payload after the header.
    pub length: u32,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// Unknown magic or number, or a length above [`MAX_PAYLOAD`].
    #[inline]
    pub fn parse(bytes: &[u8; HEADER_SIZE]) -> Result<Header, ProtocolError> {
        let [m0, m1, m2, m3, c0, c1, c2, c3, l0, l1, l2, l3] = *bytes;
        let magic = match [m0, m1, m2, m3] {
            m if m == Magic::Request.bytes() => Magic::Request,
            m if m == Magic::Response.bytes() => Magic::Response,
            m => return Err(ProtocolError::Magic(m)),
        };
        let number = u32::from_be_bytes([c0, c1, c2, c3]);
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        match Command::from_number(number) {
            None | Some(Command::Text) => Err(ProtocolError::Command(number)),
            Some(_) if length > MAX_PAYLOAD => Err(ProtocolError::TooLarge(length)),
            Some(command) => Ok(Header { magic, command, length }),
        }
    }

    /// The twelve bytes on the wire.
    #[inline]
    pub fn bytes(self) -> [u8; HEADER_SIZE] {
        let mut out = [0; HEADER_SIZE];
        out[..4].copy_from_slice(&self.magic.bytes());
        out[4..8].copy_from_slice(&self.command.number().to_be_bytes());
        out[8..].copy_from_slice(&self.length.to_be_bytes());
        out
    }
}

/// A packet whose header and fixed arguments are in the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The packet's header.
    pub header: Header,
    /// What has arrived of it, and nothing of the next.
    bytes: &'a [u8],
    ends: Ends,
    /// Where the body starts: at the packet's end for a command without.
    body_at: u32,
}

/// Where each argument of a packet ends, counted from the packet's start; 0 for those
/// that its command does not have.
pub type Ends = [u16; MAX_ARGS];

impl<'a> Packet<'a> {
    /// The packet's command.
    pub fn command(&self) -> Command {
        self.header.command
    }

    /// The argument with this index, without its NUL; empty when the command
    /// has no such argument.
    pub fn arg(&self, index: usize) -> &'a [u8] {
        let spec = self.header.command.spec();
        if index >= spec.args {
            return &[];
        }
        let start = if index == 0 { HEADER_SIZE } else { usize::from(self.ends[index - 1]) + 1 };
        let end = usize::from(self.ends[index]);
        self.bytes.get(start..end).unwrap_or(&[])
    }

    /// What has arrived of the packet, header included.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether all of it has arrived.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == HEADER_SIZE + self.header.length as usize
    }

    /// Bytes of header and arguments: where the body starts.
    #[inline]
    pub fn head_size(&self) -> usize {
        self.body_at as usize
    }

    /// Where each argument ends.
    #[inline]
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// The argument up to its first NUL: peers differ in whether they end the
    /// last argument of a packet with one.
    #[inline]
    pub fn text_arg(&self, index: usize) -> &'a [u8] {
        until_nul(self.arg(index))
    }

    /// What has arrived of the body.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.body_at as usize..).unwrap_or(&[])
    }

    /// The body's whole size.
    #[inline]
    pub fn body_size(&self) -> usize {
        HEADER_SIZE + self.header.length as usize - self.body_at as usize
    }
}

/// The bytes before the first NUL, all of them without one.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..find(0, bytes).unwrap_or(bytes.len())]
}

/// What the bytes at hand amount to.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// Nothing can be said before the buffer holds `need` bytes in all.
    Incomplete {
        /// Bytes that the buffer must hold before the next try.
        need: usize,
    },
    /// Header and arguments are here, the body is not yet.
    Head {
        /// The packet; its `body()` is what has arrived.
        packet: Packet<'a>,
        /// Bytes of header and arguments: where the body starts in the buffer.
        used: usize,
    },
    /// A whole packet.
    Whole {
        /// The packet.
        packet: Packet<'a>,
        /// Bytes of the buffer that it took.
        used: usize,
    },
}

/// Reads the packet at the start of `buffer`.
///
/// # Errors
/// When no further bytes can make a packet of it.
// It is on every packet's way, and where a packet is not handed on its parts need
// not be put together.
#[inline(always)]
pub fn decode(buffer: &[u8]) -> Result<Decoded<'_>, ProtocolError> {
    let Some(head) = buffer.first_chunk::<HEADER_SIZE>() else {
        return check_start(buffer);
    };
    let header = Header::parse(head)?;
    let spec = header.command.spec();
    let length = header.length as usize;
    if !spec.body {
        return decode_bodiless(header, buffer);
    }
    let whole = HEADER_SIZE + length;
    let bytes = &buffer[..whole.min(buffer.len())];
    let searched = &bytes[..bytes.len().min(HEADER_SIZE + MAX_ARGS_SIZE)];
    let mut ends: Ends = [0; MAX_ARGS];
    let mut start = HEADER_SIZE;
    for end in &mut ends[..spec.args] {
        let Some(at) = searched.get(start..).and_then(|rest| find(0, rest)) else {
            return endless_argument(header, bytes.len() - HEADER_SIZE);
        };
        *end = (start + at) as u16;
        start += at + 1;
    }
    let packet = Packet { header, bytes, ends, body_at: start as u32 };
    if bytes.len() < whole {
        return Ok(Decoded::Head { packet, used: start });
    }
    Ok(Decoded::Whole { packet, used: whole })
}

/// Reads a packet without a body, whose last argument is the rest of the payload.
fn decode_bodiless(header: Header, buffer: &[u8]) -> Result<Decoded<'_>, ProtocolError> {
    let spec = header.command.spec();
    let length = header.length as usize;
    if length > MAX_ARGS_SIZE {
        return Err(ProtocolError::ArgumentsTooLong(header.command));
    }
    let whole = HEADER_SIZE + length;
    let Some(bytes) = buffer.get(..whole) else {
        return Ok(Decoded::Incomplete { need: whole });
    };
    let mut ends: Ends = [0; MAX_ARGS];
    let mut start = HEADER_SIZE;
    for (index, end) in ends.iter_mut().enumerate().take(spec.args) {
        let rest = bytes.get(start..).unwrap_or(&[]);
        let stop = match find(0, rest) {
            Some(at) if index + 1 < spec.args => start + at,
            // Some servers send an error code without a text.
            None if index + 1 < spec.args && header.command != Command::Error => {
                return Err(ProtocolError::MissingArgument(header.command));
            }
            _ => whole.max(start),
        };
        *end = stop as u16;
        start = stop + 1;
    }
    Ok(Decoded::Whole {
        packet: Packet { header, bytes, ends, body_at: whole as u32 },
        used: whole,
    })
}

/// An argument does not end in what has arrived of a packet with a body.
#[cold]
#[inline(never)]
fn endless_argument<'a>(header: Header, arrived: usize) -> Result<Decoded<'a>, ProtocolError> {
    if arrived >= MAX_ARGS_SIZE {
        Err(ProtocolError::ArgumentsTooLong(header.command))
    } else if arrived == header.length as usize {
        Err(ProtocolError::MissingArgument(header.command))
    } else {
        Ok(Decoded::Incomplete { need: HEADER_SIZE + arrived + 1 })
    }
}

/// Looks at bytes that are too few for a header, and refuses those that can be no
/// packet: a peer that sent them may be waiting for an answer.
#[cold]
#[inline(never)]
fn check_start<'a>(bytes: &[u8]) -> Result<Decoded<'a>, ProtocolError> {
    let bytes = &bytes[..bytes.len().min(4)];
    let possible = [Magic::Request, Magic::Response].iter().any(|m| m.bytes().starts_with(bytes));
    if possible {
        return Ok(Decoded::Incomplete { need: HEADER_SIZE });
    }
    let mut magic = [0; 4];
    magic[..bytes.len()].copy_from_slice(bytes);
    Err(ProtocolError::Magic(magic))
}

/// Appends header and arguments of a packet whose body of `body_size` bytes
/// follows. Every argument but a bodiless command's last is followed by a NUL.
///
/// The caller guarantees that arguments hold no NUL bytes and that the payload
/// stays within [`MAX_PAYLOAD`].
// With the arguments' number known the loops go away; it is on every packet's way.
#[inline(always)]
pub fn encode_head(
    out: &mut Vec<u8>,
    magic: Magic,
    command: Command,
    args: &[&[u8]],
    body_size: usize,
) {
    let spec = command.spec();
    debug_assert_eq!(args.len(), spec.args, "{}", spec.name);
    let separators = if spec.body { args.len() } else { args.len().saturating_sub(1) };
    let size = args.iter().map(|a| a.len()).sum::<usize>() + separators + body_size;
    debug_assert!(size <= MAX_PAYLOAD as usize);
    // Makes room once, not argument by argument.
    out.reserve(HEADER_SIZE + size - body_size);
    out.extend_from_slice(&Header { magic, command, length: size as u32 }.bytes());
    for (index, arg) in args.iter().enumerate() {
        out.extend_from_slice(arg);
        if index < separators {
            out.push(0);
        }
    }
}

/// Appends a whole packet. See [`encode_head`].
pub fn encode(out: &mut Vec<u8>, magic: Magic, command: Command, args: &[&[u8]], body: &[u8]) {
    encode_head(out, magic, command, args, body.len());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, Magic::Request, command, args, body);
        out
    }

    fn whole(buffer: &[u8]) -> (Packet<'_>, usize) {
        match decode(buffer) {
            Ok(Decoded::Whole { packet, used }) => (packet, used),
            other => panic!("not a whole packet: {other:?}"),
        }
    }

    #[test]
    fn submit_job_survives_the_round_trip() {
        let bytes = packet(Command::SubmitJob, &[b"reverse", b"u1"], b"a\0b");
        let (p, used) = whole(&bytes);
        assert_eq!(used, bytes.len());
        assert_eq!((p.arg(0), p.arg(1), p.body()), (&b"reverse"[..], &b"u1"[..], &b"a\0b"[..]));
        assert_eq!(p.body_size(), 3);
    }

    #[test]
    fn the_wire_form_is_the_documented_one() {
        let bytes = packet(Command::CanDo, &[b"abc"], b"");
        assert_eq!(bytes, b"\0REQ\0\0\0\x01\0\0\0\x03abc");
    }

    #[test]
    fn the_last_argument_of_a_bodiless_packet_keeps_its_nul_bytes() {
        let bytes = b"\0RES\0\0\0\x0e\0\0\0\x04H:1\0";
        let (p, _) = whole(bytes);
        assert_eq!(p.arg(0), b"H:1\0");
        assert_eq!(p.text_arg(0), b"H:1");
    }

    #[test]
    fn every_split_of_a_packet_is_incomplete_or_a_head() {
        let bytes = packet(Command::WorkComplete, &[b"H:x:1"], b"result");
        for cut in 0..bytes.len() {
            match decode(&bytes[..cut]).expect("no error before the end") {
                Decoded::Incomplete { need } => assert!(need > cut && need <= bytes.len()),
                Decoded::Head { packet, used } => {
                    assert_eq!(packet.arg(0), b"H:x:1");
                    assert_eq!(used, 12 + 6);
                    assert_eq!(packet.body(), &bytes[used..cut]);
                    assert_eq!(packet.body_size(), 6);
                }
                Decoded::Whole { .. } => panic!("whole at {cut}"),
            }
        }
    }

    #[test]
    fn bytes_after_a_packet_are_left_alone() {
        let mut bytes = packet(Command::EchoReq, &[], b"x");
        let size = bytes.len();
        bytes.extend_from_slice(b"\0REQ");
        assert_eq!(whole(&bytes).1, size);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let error = |b: &[u8]| decode(b).expect_err("must fail").to_string();
        assert_eq!(error(b"status\n\0\0\0\0\0\0"), "invalid magic [73, 74, 61, 74]");
        assert_eq!(error(b"\0REQ\0\0\0\x63\0\0\0\0"), "unknown command number 99");
        assert_eq!(error(b"\0REQ\0\0\0\0\0\0\0\0"), "unknown command number 0");
        assert_eq!(
            error(b"\0REQ\0\0\0\x07\xff\xff\xff\xff"),
            "declared payload of 4294967295 bytes is too large"
        );
        assert_eq!(
            error(b"\0REQ\0\0\0\x07\0\0\0\x04\0bcd"),
            "SUBMIT_JOB has fewer arguments than it needs"
        );
        assert_eq!(
            error(b"\0REQ\0\0\0\x17\0\0\0\x03abc"),
            "CAN_DO_TIMEOUT has fewer arguments than it needs"
        );
    }

    #[test]
    fn a_wrong_magic_is_noticed_before_a_whole_header_is_there() {
        assert_eq!(decode(b"OK").unwrap_err(), ProtocolError::Magic(*b"OK\0\0"));
        assert!(decode(b"\0REX").is_err());
        assert!(decode(b"\0RE").is_ok() && decode(b"").is_ok());
    }

    #[test]
    fn arguments_must_end_within_their_limit() {
        let long = vec![b'f'; MAX_ARGS_SIZE + 1];
        let bytes = packet(Command::SubmitJob, &[&long, b""], b"");
        assert_eq!(
            decode(&bytes).unwrap_err(),
            ProtocolError::ArgumentsTooLong(Command::SubmitJob)
        );
        let bytes = packet(Command::CanDo, &[&long], b"");
        assert_eq!(
            decode(&bytes[..12]).unwrap_err(),
            ProtocolError::ArgumentsTooLong(Command::CanDo)
        );
    }

    #[test]
    fn an_error_without_a_text_has_an_empty_one() {
        let (p, _) = whole(b"\0RES\0\0\0\x13\0\0\0\x04oops");
        assert_eq!((p.arg(0), p.arg(1)), (&b"oops"[..], &b""[..]));
    }

    #[test]
    fn empty_arguments_are_empty() {
        let (p, _) = whole(b"\0RES\0\0\0\x14\0\0\0\x07H\x001\x000\0\0");
        assert_eq!((p.arg(0), p.arg(1), p.arg(2)), (&b"H"[..], &b"1"[..], &b"0"[..]));
        assert_eq!((p.arg(3), p.arg(4)), (&b""[..], &b""[..]));
    }
}
