//! Options about jobs and the workers that do them.
//!
//! Must not: know what the broker makes of them.

use clap::Args;

use super::values::parse_prefix;

#[derive(Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct Jobs {
    /// Send exceptions also to clients that did not ask for them.
    #[arg(long)]
    pub(crate) exceptions: bool,

    /// Accepted for compatibility: tables grow and shrink by themselves.
    #[arg(long, value_name = "N", default_value_t = 991)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    hashtable_buckets: u32,

    /// What job handles start with. Default is "H:" and the host's name.
    #[arg(long, value_name = "PREFIX", value_parser = parse_prefix)]
    pub(crate) job_handle_prefix: Option<String>,

    /// How often a job is handed out before the server gives it up, as when each
    /// worker ended in it; 1 is once. -1 and 0 are without limit. For 0 that is
    /// the meaning up to gearmand 2.0.0; the original's later versions take it for
    /// once.
    #[arg(short = 'j', long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i16).range(-1..=255))]
    pub(crate) job_retries: i16,

    /// Accepted for compatibility: functions always take turns.
    #[arg(short = 'R', long)]
    round_robin: bool,

    /// How many sleeping workers to wake per job; 0 is all of them. Default is
    /// one, and more if the job still waits a moment later.
    #[arg(short = 'w', long, value_name = "N")]
    pub(crate) worker_wakeup: Option<u8>,
}
