//! [`Hint`]: a message for users who left out `-w`.
//!
//! Published articles start a worker with `gearman -f count -- wc -l`, which submits two
//! jobs. It still does; when no worker takes them for a second, a message shows the
//! command line with `-w`.
//!
//! Must not: delay a job.

use std::time::{Duration, Instant};

use gearman_engine::client::Client;
use gearman_engine::slab::SlabId;
use gearman_engine::task::{Callbacks, TaskKind, Token};
use gearman_net::MioNet;

use crate::gearman::options::GearmanOptions;

/// How long a job waits for a worker before the message.
const HINT_DELAY: Duration = Duration::from_secs(1);

/// The state of the message.
#[derive(Debug)]
pub(crate) enum Hint {
    /// There will be no message.
    Off,
    /// Starts with the first job that is created.
    Armed,
    /// At this time the server is asked about the job with this handle.
    Due(Instant, Vec<u8>),
    /// The server was asked with this task, and has not answered.
    Asked(SlabId),
}

impl Hint {
    /// Armed for foreground jobs whose data follow a `--`.
    pub(crate) fn new(options: &GearmanOptions) -> Hint {
        let suspicious =
            options.after_dashes && !options.arguments.is_empty() && !options.background;
        if suspicious { Hint::Armed } else { Hint::Off }
    }

    /// Notes that a job was created.
    pub(crate) fn created(&mut self, handle: &[u8]) {
        if let Hint::Armed = self {
            *self = Hint::Due(Instant::now() + HINT_DELAY, handle.to_vec());
        }
    }

    /// Notes that a worker runs a job: there is nothing to explain.
    pub(crate) fn heard(&mut self) {
        *self = Hint::Off;
    }

    /// When to call `ask`.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Hint::Due(at, _) => Some(*at),
            _ => None,
        }
    }

    /// Asks the server about the job, if it is time to.
    pub(crate) fn ask(&mut self, client: &mut Client<MioNet>) {
        if let Hint::Due(at, handle) = self
            && *at <= Instant::now()
        {
            let (kind, wanted) = (TaskKind::Add, Callbacks::STATUS);
            *self = Hint::Asked(client.add_status(handle, kind, wanted, Token::NONE));
        }
    }

    /// The message, if task `id` is the question and its answer is that the job waits.
    pub(crate) fn answered(
        &mut self,
        client: &Client<MioNet>,
        id: SlabId,
        options: &GearmanOptions,
    ) -> Option<String> {
        if !matches!(self, Hint::Asked(asked) if *asked == id) {
            return None;
        }
        *self = Hint::Off;
        let status = client.task(id)?.status;
        (status.known && !status.running).then(|| text(options))
    }
}

fn text(options: &GearmanOptions) -> String {
    let show = |words: &[std::ffi::OsString]| {
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let (command, function) = (show(&options.arguments), show(&options.functions[..1]));
    let jobs = match options.arguments.len() {
        1 => "a job",
        _ => "jobs",
    };
    format!(
        "no worker has taken '{command}', submitted as {jobs} of function '{function}'; to run \
         that command for its jobs, use -w: gearman -w -f {function} -- {command}"
    )
}
