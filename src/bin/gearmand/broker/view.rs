//! What an administrator may see.
//!
//! Must not: change anything, or know how it is shown.

use super::Broker;
use super::job::Stage;

/// A connection and the functions that it offers.
pub(crate) struct ConnectionView<'a> {
    pub(crate) descriptor: i32,
    pub(crate) address: &'a str,
    pub(crate) client_id: &'a [u8],
    pub(crate) functions: Vec<&'a [u8]>,
}

/// A function and its counts.
pub(crate) struct FunctionView<'a> {
    pub(crate) name: &'a [u8],
    /// Waiting jobs by priority; those for later count as normal ones.
    pub(crate) queued: [u32; 3],
    pub(crate) running: u32,
    /// How often workers said that they offer it.
    pub(crate) offers: u32,
    /// Rises from function to function.
    pub(crate) number: u32,
}

/// A job.
pub(crate) struct JobView {
    pub(crate) handle: super::jobs::Handle,
    pub(crate) retries: u8,
    /// Whether it runs although nobody waits for it any more.
    pub(crate) ignored: bool,
    pub(crate) queued: bool,
}

impl Broker {
    /// Every connection.
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionView<'_>> {
        self.connections.iter().map(|(_, c)| ConnectionView {
            descriptor: c.descriptor,
            address: &c.address,
            client_id: &c.client_id,
            functions: c
                .abilities
                .iter(&self.abilities)
                .map(|ability| &*self.functions[self.abilities[ability].function].name)
                .collect(),
        })
    }

    /// Every function.
    pub(crate) fn functions(&self) -> impl Iterator<Item = FunctionView<'_>> {
        self.functions.iter().map(|(_, f)| {
            let [high, normal, low] = [0, 1, 2].map(|p: usize| f.queues[p].len());
            FunctionView {
                name: &f.name,
                queued: [high, normal + f.delayed, low],
                running: f.running,
                offers: f.offers,
                number: f.number,
            }
        })
    }

    /// Every job.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = JobView> {
        self.jobs.iter().map(|(id, job)| {
            let running = matches!(job.stage, Stage::Running(_));
            JobView {
                handle: self.jobs.handle(id),
                retries: job.retries,
                ignored: running && job.is_abandoned(),
                queued: !running,
            }
        })
    }

    /// The unique of every job.
    pub(crate) fn uniques(&self) -> impl Iterator<Item = &[u8]> {
        self.jobs.iter().map(|(_, job)| job.unique())
    }
}
