//! ServerOptions about sockets: where to listen, and what a peer may cost.
//!
//! Must not: resolve names, or open anything.

use std::path::PathBuf;

use clap::Args;

use super::unsupported::{UnsupportedOptions, UnsupportedTable};
use super::values::{parse_mode, parse_port_or};
use gearman_protocol::limits::{DEFAULT_PORT, MAX_PAYLOAD};

/// The original's 32 are too few when all workers of a restarted server come back
/// at once: each that finds the queue full loses a second or more. This is what
/// Linux allows unless it is told otherwise.
const BACKLOG: i32 = 4096;

/// The largest seconds and numbers that Linux takes for keepalive.
const KEEPALIVE_SECONDS_MAX: i64 = 32_767;
const KEEPALIVE_COUNT_MAX: i64 = 127;

#[derive(Debug, Args)]
#[command(next_help_heading = "NetworkOptions")]
pub(crate) struct NetworkOptions {
    /// Number of connections that may wait to be accepted, if the system allows
    /// so many; a negative number is as many as it allows.
    #[arg(short = 'b', long, value_name = "N", default_value_t = BACKLOG)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) backlog: i32,

    /// Accepted for compatibility: keepalive is always on.
    #[arg(long)]
    keepalive: bool,

    /// Seconds of silence before keepalive asks the peer; -1 is 60, 0
    /// the system's.
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..=KEEPALIVE_SECONDS_MAX))]
    pub(crate) keepalive_idle: i32,

    /// Seconds between keepalive's questions; -1 is 10, 0 the system's.
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..=KEEPALIVE_SECONDS_MAX))]
    pub(crate) keepalive_interval: i32,

    /// Unanswered questions before a connection is given up; -1 is 6,
    /// 0 the system's.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..=KEEPALIVE_COUNT_MAX))]
    pub(crate) keepalive_count: i32,

    /// Address, name or path of a Unix socket (/path, or unix:path) to listen on;
    /// may be given more than once. Default is every address, which is also what
    /// "*" and an empty word stand for.
    #[arg(short = 'L', long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,

    /// Largest packet that a peer may send, without its header.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_PAYLOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAYLOAD)))]
    pub(crate) max_packet_size: u32,

    /// Bytes that may wait for a peer that does not read, before it is
    /// disconnected.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) output_limit: usize,

    /// Port to listen on, by number or as a service; 0 is any free one. The
    /// environment's GEARMAND_PORT takes the place of 4730.
    #[arg(short = 'p', long, default_value_t = DEFAULT_PORT)]
    #[arg(value_parser = parse_port_or::<DEFAULT_PORT>)]
    pub(crate) port: u16,

    /// File to write the port to, once the server listens.
    #[arg(long, value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,

    /// Who may use Unix sockets, as an octal mode.
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = parse_mode)]
    pub(crate) socket_mode: u32,

    /// Speak TLS.
    #[arg(long, help_heading = "TLS, not in this build")]
    pub(super) ssl: bool,

    #[command(flatten)]
    tls: UnsupportedOptions<Tls>,
}

/// What TLS needs to know where it is built in.
#[derive(Debug)]
struct Tls;

impl UnsupportedTable for Tls {
    const OPTIONS: &'static [super::unsupported::OptionGroup] = &[(
        "TLS, not in this build",
        &[
            ("ssl-ca-file", Some(("FILE", None)), "Certificates to trust"),
            ("ssl-certificate", Some(("FILE", None)), "The server's certificate"),
            ("ssl-key", Some(("FILE", None)), "The certificate's key"),
        ],
    )];
}
