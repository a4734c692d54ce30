//! Binary packets: decoding in place, as bytes arrive, and encoding.
//!
//! A packet is a 12-byte header and a payload of NUL-separated arguments and, for some
//! commands, a body of any bytes at the end. Decoding borrows from the receive buffer, and
//! returns header and arguments before the body has arrived, so that a caller can receive a
//! large body directly into the memory that will keep it.
//!
//! Must not: copy payloads when decoding, or interpret arguments.

use super::command::Command;
use super::limits::{HEADER_SIZE, MAX_ARGS, MAX_ARGS_SIZE, MAX_PAYLOAD};
use gearman_buf::find;
use thiserror::Error;

/// The direction of a packet.
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

/// Why bytes are not a packet. The connection cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The first four bytes are neither magic.
    #[error("invalid magic {0:02x?}")]
    Magic([u8; 4]),
    /// The number names no command.
    #[error("unknown command number {0}")]
    Command(u32),
    /// The declared payload is larger than [`MAX_PAYLOAD`].
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
    /// The direction of the packet.
    pub magic: Magic,
    /// The packet type.
    pub command: Command,
    /// Size of the payload behind the header, in bytes.
    pub length: u32,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// An unknown magic or command number, or a length above [`MAX_PAYLOAD`].
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
    /// The bytes of the packet that have arrived, header included.
    bytes: &'a [u8],
    ends: Ends,
    /// The offset of the body; for a command without one, the packet's size.
    body_at: u32,
}

/// The offset of each argument's end from the packet's start; 0 for arguments that the
/// command does not have.
pub type Ends = [u16; MAX_ARGS];

impl<'a> Packet<'a> {
    /// The packet's command.
    pub fn command(&self) -> Command {
        self.header.command
    }

    /// The argument with this index, without its NUL; empty if the command does not have it.
    pub fn arg(&self, index: usize) -> &'a [u8] {
        let spec = self.header.command.spec();
        if index >= spec.args {
            return &[];
        }
        let start = if index == 0 { HEADER_SIZE } else { usize::from(self.ends[index - 1]) + 1 };
        let end = usize::from(self.ends[index]);
        self.bytes.get(start..end).unwrap_or(&[])
    }

    /// The bytes of the packet that have arrived, header included.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the whole packet has arrived.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == HEADER_SIZE + self.header.length as usize
    }

    /// Size of header and arguments in bytes, which is the offset of the body.
    #[inline]
    pub fn head_size(&self) -> usize {
        self.body_at as usize
    }

    /// The offset of each argument's end.
    #[inline]
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// The argument up to its first NUL: some peers end the last argument of a packet with
    /// one, others do not.
    #[inline]
    pub fn text_arg(&self, index: usize) -> &'a [u8] {
        until_nul(self.arg(index))
    }

    /// The bytes of the body that have arrived.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.body_at as usize..).unwrap_or(&[])
    }

    /// Size of the whole body in bytes.
    #[inline]
    pub fn body_size(&self) -> usize {
        HEADER_SIZE + self.header.length as usize - self.body_at as usize
    }
}

/// The bytes before the first NUL; all bytes if they contain none.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..find(0, bytes).unwrap_or(bytes.len())]
}

/// The packet at the start of a buffer, as far as it has arrived.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// Header or arguments are incomplete.
    Incomplete {
        /// Bytes that the buffer must hold, in all, before decoding can get further.
        need: usize,
    },
    /// Header and arguments have arrived, the body is incomplete.
    Head {
        /// The packet. Its `body()` is the part that has arrived.
        packet: Packet<'a>,
        /// Size of header and arguments in bytes, which is the offset of the body.
        used: usize,
    },
    /// A whole packet.
    Whole {
        /// The packet.
        packet: Packet<'a>,
        /// Size of the packet in bytes.
        used: usize,
    },
}

/// Reads the packet at the start of `buffer`.
///
/// # Errors
/// When the bytes are not the start of a packet, whatever follows.
// Inlined, as each packet is decoded: a caller that needs only parts of the packet does
// not have it assembled.
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

/// Decodes a packet without a body, whose last argument is the rest of the payload.
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
            // Some servers send an ERROR without a text.
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

/// The result for a packet with a body, one of whose arguments does not end within the
/// `arrived` bytes of its payload.
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

/// Decodes fewer bytes than a header. Bytes that cannot start a packet are refused at once:
/// the peer may wait for a reply before it sends more.
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

/// Appends header and arguments of a packet to `out`. The caller sends a body of `body_size`
/// bytes behind them. A NUL follows every argument, except the last one of a command
/// without a body.
///
/// The caller guarantees that the arguments contain no NUL, and that the payload is at most
/// [`MAX_PAYLOAD`] bytes.
// Inlined, as each packet is encoded: with a known number of arguments the loops are
// unrolled.
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
    // One allocation at most, not one for each argument.
    out.reserve(HEADER_SIZE + size - body_size);
    out.extend_from_slice(&Header { magic, command, length: size as u32 }.bytes());
    for (index, arg) in args.iter().enumerate() {
        out.extend_from_slice(arg);
        if index < separators {
            out.push(0);
        }
    }
}

/// Appends a whole packet to `out`, with the conditions of [`encode_head`].
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
    fn an_encoded_submit_job_is_decoded_as_it_was() {
        let bytes = packet(Command::SubmitJob, &[b"reverse", b"u1"], b"a\0b");
        let (p, used) = whole(&bytes);
        assert_eq!(used, bytes.len());
        assert_eq!((p.arg(0), p.arg(1), p.body()), (&b"reverse"[..], &b"u1"[..], &b"a\0b"[..]));
        assert_eq!(p.body_size(), 3);
    }

    #[test]
    fn an_encoded_packet_has_the_documented_bytes() {
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
    fn a_packet_cut_anywhere_is_incomplete_or_a_head() {
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
    fn bytes_behind_a_packet_are_not_part_of_it() {
        let mut bytes = packet(Command::EchoReq, &[], b"x");
        let size = bytes.len();
        bytes.extend_from_slice(b"\0REQ");
        assert_eq!(whole(&bytes).1, size);
    }

    #[test]
    fn bytes_that_are_not_a_packet_are_refused_with_the_reason() {
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
    fn a_wrong_magic_is_refused_before_the_header_is_complete() {
        assert_eq!(decode(b"OK").unwrap_err(), ProtocolError::Magic(*b"OK\0\0"));
        assert!(decode(b"\0REX").is_err());
        assert!(decode(b"\0RE").is_ok() && decode(b"").is_ok());
    }

    #[test]
    fn arguments_longer_than_their_limit_are_refused() {
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
    fn an_error_packet_without_a_text_has_an_empty_text() {
        let (p, _) = whole(b"\0RES\0\0\0\x13\0\0\0\x04oops");
        assert_eq!((p.arg(0), p.arg(1)), (&b"oops"[..], &b""[..]));
    }

    #[test]
    fn an_empty_argument_is_decoded_as_empty() {
        let (p, _) = whole(b"\0RES\0\0\0\x14\0\0\0\x07H\x001\x000\0\0");
        assert_eq!((p.arg(0), p.arg(1), p.arg(2)), (&b"H"[..], &b"1"[..], &b"0"[..]));
        assert_eq!((p.arg(3), p.arg(4)), (&b""[..], &b""[..]));
    }
}
