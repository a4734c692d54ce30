//! Sizes that the protocol and the C headers fix.
//!
//! Must not: hold tunables of the server or the library.

/// Bytes of a packet header: magic, command and length.
pub const HEADER_SIZE: usize = 12;
/// The fixed arguments of a packet, with their NUL bytes, must fit into this.
pub const MAX_ARGS_SIZE: usize = 8192;
/// The largest declared payload; the value above is refused by every server.
pub const MAX_PAYLOAD: u32 = u32::MAX - 1;
/// The most bytes that can be sent to be sent back (`GEARMAN_MAX_ECHO_SIZE`).
pub const MAX_ECHO_SIZE: usize = u32::MAX as usize - 128;
/// The longest name of a server option (`GEARMAN_MAX_OPTION_SIZE`).
pub const MAX_OPTION_SIZE: usize = u32::MAX as usize - 128;
/// A job handle with its NUL (`GEARMAN_JOB_HANDLE_SIZE`).
pub const JOB_HANDLE_SIZE: usize = 64;
/// A unique id with its NUL (`GEARMAN_MAX_UNIQUE_SIZE`).
pub const UNIQUE_SIZE: usize = 64;
/// The longest function name, without a namespace (`GEARMAN_FUNCTION_MAX_SIZE`).
pub const FUNCTION_MAX_SIZE: usize = 512;
/// The longest client identifier (`GEARMAN_MAX_IDENTIFIER`).
pub const MAX_IDENTIFIER: usize = 254;
/// Most arguments a packet can have (`GEARMAN_MAX_COMMAND_ARGS`).
pub const MAX_ARGS: usize = 8;
/// The registered TCP port (`GEARMAN_DEFAULT_TCP_PORT`).
pub const DEFAULT_PORT: u16 = 4730;
/// The host that an empty host name stands for (`GEARMAN_DEFAULT_TCP_HOST`).
pub const DEFAULT_HOST: &str = "localhost";
/// An admin line, without its newline, must fit into this.
pub const MAX_TEXT_LINE: usize = 8192;
