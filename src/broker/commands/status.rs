//! GET_STATUS*: the progress of a job.
//!
//! Must not: change anything.

use super::super::connection::Connection;
use super::super::job::Job;
use super::super::slab::Id;
use super::super::{Broker, Outbox};
use gearman_protocol::Command;

/// The fields of a status as decimal text: whether the job is known, whether it runs,
/// numerator, denominator, and the number of submissions that wait for it.
fn fields(job: Option<&Job>) -> [String; 5] {
    let numbers = job.map_or([0; 5], |job| {
        let running = u32::from(job.stage.is_running());
        [1, running, job.numerator, job.denominator, job.waiters.len()]
    });
    numbers.map(|number| number.to_string())
}

impl Broker {
    /// GET_STATUS.
    pub(super) fn get_status(&mut self, from: Id<Connection>, handle: &[u8], out: &mut dyn Outbox) {
        let job = self.jobs.find_handle(handle).map(|id| &self.jobs[id]);
        let [mut known, running, numerator, denominator, _] = fields(job);
        if job.is_none() {
            self.work += self.parked_search_work();
            if self.jobs.parse_handle(handle).is_some_and(|number| self.is_parked(number)) {
                known = "1".to_owned();
            }
        }
        let counts = [known, running, numerator, denominator];
        let [known, running, numerator, denominator] = counts.each_ref().map(|c| c.as_bytes());
        let args = [handle, known, running, numerator, denominator];
        self.reply(from, Command::StatusRes, &args, b"", out);
    }

    /// GET_STATUS_UNIQUE.
    pub(super) fn get_status_unique(
        &self,
        from: Id<Connection>,
        unique: &[u8],
        out: &mut dyn Outbox,
    ) {
        let job = self.jobs.find_unique(unique).map(|id| &self.jobs[id]);
        let counts = fields(job);
        let [known, running, numerator, denominator, clients] =
            counts.each_ref().map(|c| c.as_bytes());
        let args = [unique, known, running, numerator, denominator, clients];
        self.reply(from, Command::StatusResUnique, &args, b"", out);
    }
}
