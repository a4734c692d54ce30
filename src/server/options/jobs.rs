//! Options about jobs and workers.
//!
//! Must not: know what the broker makes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::{number, parse_limits, parse_prefix};
use gearman_broker::delayed::{ACK_DELAY_MS_DEFAULT, DELAY_MS_MAX, GRAB_HOLD_MS_DEFAULT};
use gearman_broker::{DelayedReplies, FunctionSettings, HANDLE_PREFIX_BYTES_MAX};

#[derive(Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobOptions {
    /// Hold JOB_CREATED for up to this many milliseconds and send it together with
    /// the job's result, if the client was seen to do nothing between the two. 0
    /// sends it at once.
    #[arg(long = "ack-delay", value_name = "MS", default_value_t = ACK_DELAY_MS_DEFAULT)]
    #[arg(value_parser = number(0..=DELAY_MS_MAX, "milliseconds"))]
    ack_delay_ms: u64,

    /// Send WORK_EXCEPTION to every client, not only to those that asked for it.
    #[arg(long)]
    pub(crate) exceptions: bool,

    /// Hold an empty GRAB_JOB for up to this many milliseconds until a job arrives,
    /// if the worker's jobs follow each other closely. 0 answers NO_JOB at once.
    #[arg(long = "grab-hold", value_name = "MS", default_value_t = GRAB_HOLD_MS_DEFAULT)]
    #[arg(value_parser = number(0..=DELAY_MS_MAX, "milliseconds"))]
    grab_hold_ms: u64,

    /// Ignored, accepted for compatibility: tables grow and shrink with their use.
    #[arg(long, value_name = "N", default_value_t = 991)]
    #[arg(value_parser = number(1..=u32::MAX, "buckets"))]
    hashtable_buckets: u32,

    // The help has the number of bytes from the constant.
    #[arg(long, value_name = "PREFIX", value_parser = parse_prefix, help = prefix_help())]
    pub(crate) job_handle_prefix: Option<String>,

    /// Number of times a job is handed to a worker before it fails, if every worker
    /// disconnects without finishing it; -1 and 0 mean no limit. The original takes 0
    /// for no limit up to version 2.0.0, and later for a single attempt.
    #[arg(short = 'j', long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = number::<i16>(-1..=255, "attempts"))]
    pub(crate) job_retries: i16,

    /// Refuse jobs of a function from this number of its jobs on, as the command
    /// maxqueue does: FUNCTION=LIMIT, or FUNCTION=HIGH,NORMAL,LOW by priority; 0 is no
    /// limit. May be given more than once.
    #[arg(long, value_name = "FUNCTION=LIMIT", value_parser = parse_limits)]
    maxqueue: Vec<FunctionSettings>,

    /// Pause a function at the start, as the command "pause function" does. May be given
    /// more than once.
    #[arg(long, value_name = "FUNCTION")]
    pause: Vec<String>,

    /// Keep limits and pauses that administrators set in this file, so that they survive
    /// the server. --maxqueue and --pause come after it. Default with the queue
    /// "libsqlite3": the file of --libsqlite3-db with "-functions" behind its name.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(overrides_with = "function_settings")]
    pub(crate) function_settings: Option<PathBuf>,

    /// Ignored, accepted for compatibility: a worker's functions always take turns.
    #[arg(short = 'R', long)]
    round_robin: bool,

    /// Number of sleeping workers to wake for a job; 0 wakes all. Default: one, and
    /// more while the job stays queued.
    #[arg(short = 'w', long, value_name = "N", value_parser = number::<u8>(0..=255, "workers"))]
    pub(crate) worker_wakeup: Option<u8>,
}

/// The help of `--job-handle-prefix`, with the limit of the broker.
fn prefix_help() -> String {
    format!(
        "Prefix of job handles, at most {HANDLE_PREFIX_BYTES_MAX} bytes. Default: \"H:\" and the \
         host name"
    )
}

impl JobOptions {
    /// The functions that the command line limits or pauses.
    pub(crate) fn configured_functions(&self) -> Vec<FunctionSettings> {
        let mut all: BTreeMap<&[u8], FunctionSettings> = BTreeMap::new();
        for settings in &self.maxqueue {
            all.insert(&settings.function, settings.clone());
        }
        for name in &self.pause {
            let settings = all.entry(name.as_bytes()).or_insert_with(|| FunctionSettings {
                function: name.as_bytes().into(),
                limits: [0; 3],
                is_paused: true,
            });
            settings.is_paused = true;
        }
        all.into_values().collect()
    }

    /// The limits on how long replies are held.
    pub(crate) fn delayed_replies(&self) -> DelayedReplies {
        DelayedReplies { grab_hold_ms: self.grab_hold_ms, ack_delay_ms: self.ack_delay_ms }
    }
}
