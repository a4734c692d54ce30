//! Packets with the name of their command and text arguments.

use std::fmt::Display;

pub use gearman_protocol::Command;
use gearman_protocol::Magic;

/// The arguments of a packet without a payload.
pub const NOTHING: &[&str] = &[];

/// A number that is no command's, above the highest one.
pub const UNKNOWN_COMMAND: u32 = 99;

/// A packet to the server. NUL separates the parts.
pub fn request(command: Command, parts: &[impl Display]) -> Vec<u8> {
    packet(Magic::Request, command.number(), parts)
}

/// A packet from the server. NUL separates the parts.
pub fn response(command: Command, parts: &[impl Display]) -> Vec<u8> {
    packet(Magic::Response, command.number(), parts)
}

/// A packet to the server whose number need not be a command's.
pub fn numbered_request(number: u32, parts: &[impl Display]) -> Vec<u8> {
    packet(Magic::Request, number, parts)
}

/// Encoded here, not by `gearman_protocol::encode`, which refuses packets that do not fit
/// their command.
fn packet(magic: Magic, number: u32, parts: &[impl Display]) -> Vec<u8> {
    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let payload = parts.join("\0");
    let mut bytes = match magic {
        Magic::Request => b"\0REQ".to_vec(),
        Magic::Response => b"\0RES".to_vec(),
    };
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}
