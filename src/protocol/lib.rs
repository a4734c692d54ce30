//! The Gearman protocol: the table of commands, incremental decoding, encoding, the admin
//! text, server lists, patterns of names, and the limits. Shared by library, server, tools and fuzz targets.
//!
//! Must not: do I/O, know sockets, jobs or tasks, or allocate memory for bytes that have
//! not arrived.

pub mod admin;
pub mod command;
pub mod limits;
pub mod number;
pub mod packet;
pub mod pattern;
pub mod percent;
pub mod servers;

pub use command::{Command, Sender};
pub use packet::{Decoded, Header, Magic, Packet, ProtocolError, decode, encode, encode_head};
