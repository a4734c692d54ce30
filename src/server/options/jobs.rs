//! ServerOptions about jobs and the workers that do them.
//!
//! Must not: know what the broker makes of them.

use clap::Args;

use super::values::parse_prefix;
use gearman_broker::DelayedReplies;
use gearman_broker::delayed::{ACK_DELAY_MS_DEFAULT, DELAY_MS_MAX, GRAB_HOLD_MS_DEFAULT};

#[derive(Debug, Args)]
#[command(next_help_heading = "JobOptions")]
pub(crate) struct JobOptions {
    /// How many milliseconds JOB_CREATED may wait for the result of its job, at a
    /// client that is seen to do nothing in between, so that one send does for both.
    /// 0 sends it at once.
    #[arg(long, value_name = "MS", default_value_t = ACK_DELAY_MS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=DELAY_MS_MAX))]
    ack_delay: u64,

    /// Send exceptions also to clients that did not ask for them.
    #[arg(long)]
    pub(crate) exceptions: bool,

    /// How many milliseconds GRAB_JOB may wait for a job, from a worker whose jobs
    /// follow each other closely, before NO_JOB is the answer. 0 answers at once.
    #[arg(long, value_name = "MS", default_value_t = GRAB_HOLD_MS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=DELAY_MS_MAX))]
    grab_hold: u64,

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

impl JobOptions {
    /// How long replies may be held.
    pub(crate) fn delayed_replies(&self) -> DelayedReplies {
        DelayedReplies { grab_hold_ms: self.grab_hold, ack_delay_ms: self.ack_delay }
    }
}
