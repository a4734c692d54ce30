//! Limits that the protocol and the C headers fix. Sizes are in bytes.
//!
//! Must not: hold limits that the server or the library can change.

/// Size of a packet header: magic, command and length.
pub const HEADER_SIZE: usize = 12;
/// The largest size of a packet's fixed arguments, with their NUL bytes.
pub const MAX_ARGS_SIZE: usize = 8192;
/// The largest payload that a header may declare. Every server refuses a larger one.
pub const MAX_PAYLOAD: u32 = u32::MAX - 1;
/// The largest body of an ECHO_REQ (`GEARMAN_MAX_ECHO_SIZE`).
pub const MAX_ECHO_SIZE: usize = u32::MAX as usize - 128;
/// The longest name of a server option (`GEARMAN_MAX_OPTION_SIZE`).
pub const MAX_OPTION_SIZE: usize = u32::MAX as usize - 128;
/// Size of a job handle with its NUL (`GEARMAN_JOB_HANDLE_SIZE`).
pub const JOB_HANDLE_SIZE: usize = 64;
/// Size of a unique id with its NUL (`GEARMAN_MAX_UNIQUE_SIZE`).
pub const UNIQUE_SIZE: usize = 64;
/// The longest function name, without a namespace (`GEARMAN_FUNCTION_MAX_SIZE`).
pub const FUNCTION_MAX_SIZE: usize = 512;
/// The longest client identifier (`GEARMAN_MAX_IDENTIFIER`).
pub const MAX_IDENTIFIER: usize = 254;
/// The most arguments of a packet (`GEARMAN_MAX_COMMAND_ARGS`).
pub const MAX_ARGS: usize = 8;
/// The registered TCP port (`GEARMAN_DEFAULT_TCP_PORT`).
pub const DEFAULT_PORT: u16 = 4730;
/// The host for an empty host name (`GEARMAN_DEFAULT_TCP_HOST`).
pub const DEFAULT_HOST: &str = "localhost";
/// The largest admin line, without its newline.
pub const MAX_TEXT_LINE: usize = 8192;
