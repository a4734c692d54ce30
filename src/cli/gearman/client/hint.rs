//! [`Hint`]: what to tell somebody who has left out `-w`.
//!
//! `gearman -f count -- wc -l` is in print as a line that starts a worker, and
//! submits two jobs. It still does; but when no worker takes them for a while,
//! what was probably meant is said.
//!
//! Must not: hold up any job.

use std::time::{Duration, Instant};

use gearman_engine::client::Client;
use gearman_engine::slab::SlabId;
use gearman_engine::task::{Callbacks, TaskKind, Token};
use gearman_net::MioNet;

use crate::gearman::options::Options;

/// How long a job may wait before something is said.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether to say something, and when.
#[derive(Debug)]
pub(crate) enum Hint {
    /// Nothing more will be said.
    Off,
    /// As soon as there is a job.
    Armed,
    /// When this time has come and nothing was heard of the job.
    Due(Instant, Vec<u8>),
    /// Once the server has told that the job waits.
    Asked(SlabId),
}

impl Hint {
    /// On for data behind `--` that are to be waited for.
    pub(crate) fn new(options: &Options) -> Hint {
        let suspicious =
            options.after_dashes && !options.arguments.is_empty() && !options.background;
        if suspicious { Hint::Armed } else { Hint::Off }
    }

    /// A job was made.
    pub(crate) fn created(&mut self, handle: &[u8]) {
        if let Hint::Armed = self {
            *self = Hint::Due(Instant::now() + PATIENCE, handle.to_vec());
        }
    }

    /// Something was heard of a job: somebody does it.
    pub(crate) fn heard(&mut self) {
        *self = Hint::Off;
    }

    /// When `ask` has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Hint::Due(at, _) => Some(*at),
            _ => None,
        }
    }

    /// Asks the server about the job, if it is time to. Returns whether it did.
    pub(crate) fn ask(&mut self, client: &mut Client<MioNet>) -> bool {
        match self {
            Hint::Due(at, handle) if *at <= Instant::now() => {
                let (kind, wanted) = (TaskKind::Add, Callbacks::STATUS);
                *self = Hint::Asked(client.add_status(handle, kind, wanted, Token::NONE));
                true
            }
            _ => false,
        }
    }

    /// The answer: what is to be said, if the job waits.
    pub(crate) fn answered(
        &mut self,
        client: &Client<MioNet>,
        id: SlabId,
        options: &Options,
    ) -> Option<String> {
        if !matches!(self, Hint::Asked(asked) if *asked == id) {
            return None;
        }
        *self = Hint::Off;
        let status = client.task(id)?.status;
        (status.known && !status.running).then(|| text(options))
    }
}

fn text(options: &Options) -> String {
    let show = |words: &[std::ffi::OsString]| {
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let (command, function) = (show(&options.arguments), show(&options.functions[..1]));
    let jobs = match options.arguments.len() {
        1 => "a job",
        _ => "jobs",
    };
    format!(
        "no worker takes {command:?}, submitted as {jobs} of {function}; to do the jobs of \
         {function} with that command, add -w: gearman -w -f {function} -- {command}"
    )
}
