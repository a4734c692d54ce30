//! [`BatchCount`]: which batches a database has that numbers them in a row of its own.
//!
//! Must not: talk to the database.

use crate::store::{Reopened, StoreError};

/// The batches of this server.
pub(crate) struct BatchCount {
    /// Number of the last batch that is known to be committed.
    pub(crate) committed: i64,
    /// Number of the last batch that was sent.
    pub(crate) attempted: i64,
    /// Commits that the database has lost, until the store is opened again.
    lost: Option<i64>,
}

impl BatchCount {
    /// The batches of a database whose last one has this number.
    pub(crate) fn new(last_batch: i64) -> BatchCount {
        BatchCount { committed: last_batch, attempted: last_batch, lost: None }
    }

    /// Records that a new connection found this batch as the last one, while none was open: what is
    /// missing was lost by the database.
    pub(crate) fn found(&mut self, last_batch: i64) {
        if last_batch < self.committed {
            self.lost = Some(self.committed - last_batch);
        }
    }

    /// The error of a store that jobs in memory must be written to again.
    pub(crate) fn check_loss(&self) -> Result<(), StoreError> {
        match self.lost {
            None => Ok(()),
            Some(lost) => Err(StoreError::Unknown(format!(
                "the database has lost its last {lost} commits; jobs in memory are written again"
            ))),
        }
    }

    /// Records that the batch that was sent last is committed.
    pub(crate) fn commit(&mut self) {
        self.committed = self.attempted;
    }

    /// What the store knows after it was opened again and found this batch as the last one.
    pub(crate) fn reopened(&mut self, last_batch: i64) -> Reopened {
        let has_batch = last_batch == self.attempted && self.attempted > self.committed;
        let has_lost = self.lost.take().is_some() || last_batch < self.committed;
        if has_batch {
            self.commit();
        } else if has_lost {
            // Batches are counted on from what the database has.
            self.committed = last_batch;
        }
        Reopened { has_batch: Some(has_batch), may_lack_jobs: has_lost }
    }
}

/// The error of a request that cannot have written anything.
pub(crate) fn not_sent(error: StoreError) -> StoreError {
    match error {
        StoreError::Unknown(reason) => StoreError::NotCommitted(reason),
        other => other,
    }
}

/// The error of a server whose table `owner` has.
pub(crate) fn table_is_taken(owner: &str) -> StoreError {
    StoreError::Fenced(format!("{owner} has taken over the jobs of this table"))
}
