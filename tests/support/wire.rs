//! Packets by the name of their command, with valid or invalid arguments.

pub use gearman_protocol::Command;
use gearman_protocol::Magic;
use std::io::Read;

/// The arguments of a packet without a payload.
pub const NOTHING: &[&str] = &[];

/// Numbers that are no command's, from the lowest to the highest.
pub const UNKNOWN_COMMANDS: [u32; 4] =
    [Command::StatusResUnique.number() + 1, 1000, 0x7fff_ffff, u32::MAX];

/// A packet to the server. NUL separates the parts.
pub fn request(command: Command, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    packet(Magic::Request, command.number(), parts)
}

/// A packet from the server. NUL separates the parts.
pub fn response(command: Command, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    packet(Magic::Response, command.number(), parts)
}

/// Reads the next packet: its command and what follows the header. None at the end of the stream,
/// and for a number that is no command's.
pub fn receive(stream: &mut impl Read) -> Option<(Command, Vec<u8>)> {
    let mut header = [0; 12];
    stream.read_exact(&mut header).ok()?;
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four"));
    let mut payload = vec![0; number(8) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((Command::from_number(number(4))?, payload))
}

/// A packet to the server with any number.
pub fn numbered_request(number: u32, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    packet(Magic::Request, number, parts)
}

/// Encodes by itself: `gearman_protocol::encode` does not encode arguments that do not fit
/// their command.
fn packet(magic: Magic, number: u32, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
    let payload = parts.join(&0);
    let mut bytes = match magic {
        Magic::Request => b"\0REQ".to_vec(),
        Magic::Response => b"\0RES".to_vec(),
    };
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}
