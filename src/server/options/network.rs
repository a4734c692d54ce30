//! Options about sockets: where to listen, and limits on peers.
//!
//! Must not: resolve names, or open anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::values::{number, parse_mode, parse_port_or};
use gearman_protocol::limits::{DEFAULT_PORT, MAX_PAYLOAD};

/// Default length of the accept queue: what Linux allows unless configured otherwise.
/// The original's 32 are too few when all workers of a restarted server reconnect at
/// once, since each that finds the queue full loses a second or more.
const BACKLOG: i32 = 4096;

/// Longest keepalive times that Linux accepts.
const KEEPALIVE_SECONDS_MAX: i32 = 32_767;
/// Most keepalive probes that Linux accepts.
const KEEPALIVE_COUNT_MAX: i32 = 127;

/// Default time after which a worker that acknowledges nothing is disconnected: that of keepalive.
const WORKER_ACK_TIMEOUT_SECONDS: u64 = 120;

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Longest queue of connections that wait to be accepted, capped by the system
    /// (net.core.somaxconn); a negative number is the system's maximum.
    #[arg(short = 'b', long, value_name = "N", default_value_t = BACKLOG)]
    #[arg(allow_negative_numbers = true)]
    #[arg(value_parser = number(i32::MIN..=i32::MAX, "connections"))]
    pub(crate) backlog: i32,

    /// Ignored, accepted for compatibility: TCP keepalive is always on.
    #[arg(long)]
    keepalive: bool,

    /// Seconds without traffic before the first TCP keepalive probe; -1 means 60,
    /// 0 the system's value.
    #[arg(long = "keepalive-idle", value_name = "SECONDS", default_value_t = -1)]
    #[arg(allow_negative_numbers = true)]
    #[arg(value_parser = number(-1..=KEEPALIVE_SECONDS_MAX, "seconds"))]
    pub(crate) keepalive_idle_seconds: i32,

    /// Seconds between TCP keepalive probes; -1 means 10, 0 the system's
    /// value.
    #[arg(long = "keepalive-interval", value_name = "SECONDS", default_value_t = -1)]
    #[arg(allow_negative_numbers = true)]
    #[arg(value_parser = number(-1..=KEEPALIVE_SECONDS_MAX, "seconds"))]
    pub(crate) keepalive_interval_seconds: i32,

    /// Number of unanswered TCP keepalive probes after which a connection is closed;
    /// -1 means 6, 0 the system's value.
    #[arg(long = "keepalive-count", value_name = "N", default_value_t = -1)]
    #[arg(allow_negative_numbers = true)]
    #[arg(value_parser = number(-1..=KEEPALIVE_COUNT_MAX, "probes"))]
    pub(crate) keepalive_probes: i32,

    /// Seconds after which a worker is disconnected that does not acknowledge sent bytes, as one
    /// whose machine vanished when it was given a job; -1 means 120, 0 the system's value.
    #[arg(long = "worker-ack-timeout", value_name = "SECONDS", default_value_t = -1)]
    #[arg(allow_negative_numbers = true)]
    #[arg(value_parser = number(-1..=KEEPALIVE_SECONDS_MAX, "seconds"))]
    pub(crate) worker_ack_timeout_seconds: i32,

    /// Address, host name or path of a Unix socket (/path or unix:path) to listen
    /// on; may be given more than once. "*" and "" are every address. Default: every
    /// address.
    #[arg(short = 'L', long, value_name = "ADDRESS", value_hint = ValueHint::Hostname)]
    pub(crate) listen: Vec<String>,

    /// Largest packet to accept, in bytes without its header.
    #[arg(long = "max-packet-size", value_name = "BYTES", default_value_t = MAX_PAYLOAD)]
    #[arg(value_parser = number(1..=MAX_PAYLOAD, "bytes"))]
    pub(crate) packet_bytes_max: u32,

    /// Disconnect a peer that leaves more than this many bytes of replies unread.
    #[arg(long = "output-limit", value_name = "BYTES", default_value_t = 1 << 30)]
    #[arg(value_parser = number(0..=usize::MAX, "bytes"))]
    pub(crate) unread_bytes_max: usize,

    /// When all peers together leave more than this many bytes of replies unread, disconnect those
    /// with the most. Payloads of jobs do not count.
    #[arg(long = "output-limit-total", value_name = "BYTES", default_value_t = 4 << 30)]
    #[arg(value_parser = number(0..=u64::MAX, "bytes"))]
    pub(crate) all_unread_bytes_max: u64,

    /// Port to listen on, as a number or a service name; 0 picks a free port. The
    /// environment variable GEARMAND_PORT replaces 4730.
    #[arg(short = 'p', long, default_value_t = DEFAULT_PORT)]
    #[arg(value_parser = parse_port_or::<DEFAULT_PORT>)]
    pub(crate) port: u16,

    /// Write the port to this file once the server listens.
    #[arg(long, value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,

    /// Permissions of Unix sockets, as an octal mode.
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = parse_mode)]
    pub(crate) socket_mode: u32,
}

impl NetworkOptions {
    /// The time after which a worker that acknowledges nothing is disconnected, unless it is the
    /// system's.
    pub(crate) fn worker_ack_timeout(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.worker_ack_timeout_seconds);
        Some(Duration::from_secs(seconds.unwrap_or(WORKER_ACK_TIMEOUT_SECONDS)))
            .filter(|timeout| !timeout.is_zero())
    }
}
