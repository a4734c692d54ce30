//! Submissions with the unique "-", whose payload stands for their unique id: a job with the same
//! payload is found by its hash. Of a large payload a piece is hashed, and then compared, in each
//! turn; the driver brings the packet again ([`Broker::take_unfinished`]).
//!
//! Must not: decide what becomes of the submission.

use super::Broker;
use super::connection::Connection;
use super::job::Job;
use super::jobs::{IdentityHash, IdentityHasher};
use super::slab::{Id, Key};

/// Bytes of a payload that are hashed or compared in a turn. A payload up to this size is not
/// searched for in pieces.
pub(super) const PAYLOAD_PIECE_BYTES: usize = 2 << 20;

/// What is known of a submission's payload.
#[derive(Clone, Copy, Default)]
pub(super) struct PayloadMatch {
    /// The hash of a large payload that stands for its unique id.
    pub(super) identity: Option<IdentityHash>,
    /// The job with the same payload, if one was found by its hash.
    pub(super) job: Option<Id<Job>>,
}

/// A search that is under way.
pub(super) struct PayloadSearch {
    hasher: IdentityHasher,
    /// Number of bytes that were hashed.
    hashed: usize,
    /// A job with the same hash, and the number of bytes that are the same.
    alike: Option<(Key<Job>, usize)>,
}

impl Broker {
    /// Finds the job of a function with the payload of a submission, if that is large and stands for
    /// its unique id. `None` if a piece of that was done.
    pub(super) fn search_payload(
        &mut self,
        from: Id<Connection>,
        function: &[u8],
        unique: &[u8],
        payload: &[u8],
    ) -> Option<PayloadMatch> {
        if unique != b"-" || payload.len() <= PAYLOAD_PIECE_BYTES {
            return Some(PayloadMatch::default());
        }
        let under_way = self.connections[from].payload_search.take();
        let mut search = under_way.unwrap_or_else(|| {
            let hasher = self.jobs.identity_hasher();
            Box::new(PayloadSearch { hasher, hashed: 0, alike: None })
        });
        let found = self.continue_search(&mut search, function, payload);
        if found.is_none() {
            self.connections[from].payload_search = Some(search);
        }
        found
    }

    fn continue_search(
        &mut self,
        search: &mut PayloadSearch,
        function: &[u8],
        payload: &[u8],
    ) -> Option<PayloadMatch> {
        assert!(
            search.hashed <= payload.len(),
            "another packet was brought than the unfinished one"
        );
        if search.hashed < payload.len() {
            let end = payload.len().min(search.hashed + PAYLOAD_PIECE_BYTES);
            search.hasher.write(&payload[search.hashed..end]);
            search.hashed = end;
            return None;
        }
        let identity = search.hasher.finish();
        let function = self.functions.find(function);
        let alike = function.and_then(|id| self.jobs.find_alike(id, identity, payload.len()));
        let Some(job) = alike else {
            return Some(PayloadMatch { identity: Some(identity), job: None });
        };
        let key = self.jobs.key(job);
        let begin = match search.alike {
            Some((before, same)) if before == key => same,
            _ => 0,
        };
        let end = payload.len().min(begin + PAYLOAD_PIECE_BYTES);
        if payload[begin..end] != self.jobs[job].payload()[begin..end] {
            // Only the hashes are the same.
            return Some(PayloadMatch { identity: Some(identity), job: None });
        }
        search.alike = Some((key, end));
        let is_same = end == payload.len();
        is_same.then_some(PayloadMatch { identity: Some(identity), job: Some(job) })
    }
}
