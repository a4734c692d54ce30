//! [`HeldOutput`]: packets of a connection that wait for a commit.
//!
//! The first is JOB_CREATED for a job that is not durable yet. Clients match answers by their
//! order, so every later packet to the connection waits behind it.
//!
//! Must not: know what is committed.

use std::collections::VecDeque;

use gearman_protocol::{Command, Magic, encode};

use crate::send_queue::SendQueue;

/// The packets behind the commit of one operation.
struct HeldPart {
    operation: u64,
    /// What the commit brought, if it was reported while an earlier part still waited.
    outcome: Option<CommitOutcome>,
    /// Length of JOB_CREATED, which comes first.
    acknowledgement_len: u32,
    /// Length of the packets behind it, without bodies that are not copied.
    rest_len: usize,
}

/// Packets that wait, in their order.
#[derive(Default)]
pub(crate) struct HeldOutput {
    parts: VecDeque<HeldPart>,
    /// Whether a part may wait for an earlier operation than a part before it: a submission that
    /// joined a job whose commit was under way.
    is_out_of_order: bool,
    /// The packets of all parts. Most commits release them as they are.
    packets: SendQueue,
}

/// What a commit brought for an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitOutcome {
    /// The job is durable.
    Stored,
    /// The job was not stored.
    Failed,
}

impl HeldOutput {
    /// Whether no packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All packets.
    pub(crate) fn packets(&self) -> &SendQueue {
        &self.packets
    }

    /// Bytes of all packets.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Adds JOB_CREATED, which waits for the commit of an operation.
    pub(crate) fn acknowledge(&mut self, handle: &[u8], operation: u64) {
        let bytes = self.packets.bytes();
        let before = bytes.len();
        encode(bytes, Magic::Response, Command::JobCreated, &[handle], b"");
        let len = u32::try_from(bytes.len() - before).expect("a handle is short");
        self.is_out_of_order |= self.parts.back().is_some_and(|last| operation < last.operation);
        let part = HeldPart { operation, outcome: None, acknowledgement_len: len, rest_len: 0 };
        self.parts.push_back(part);
    }

    /// Adds a packet behind the others.
    ///
    /// # Panics
    /// If no packet waits.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut SendQueue)) {
        let last = self.parts.back_mut().expect("packets wait behind an acknowledgement");
        let before = self.packets.bytes().len();
        write(&mut self.packets);
        last.rest_len += self.packets.bytes().len() - before;
    }

    /// Moves the packets that wait for operations up to this one into `queue`. Returns whether
    /// any was moved.
    pub(crate) fn release(
        &mut self,
        operations: u64,
        outcome: impl Fn(u64) -> CommitOutcome,
        queue: &mut SendQueue,
    ) -> bool {
        if self.is_out_of_order {
            // A report is about its own operations alone: what it says of a part that stays behind
            // another one is noted.
            let reported = self.parts.iter_mut().filter(|part| part.operation <= operations);
            reported.for_each(|part| {
                part.outcome.get_or_insert_with(|| outcome(part.operation));
            });
        }
        // Bytes at the start of `packets` that are sent as they are.
        let mut ready = 0;
        let mut is_any = false;
        while let Some(part) = self.parts.pop_front_if(|part| part.operation <= operations) {
            is_any = true;
            let acknowledgement_len = part.acknowledgement_len as usize;
            let outcome = part.outcome.unwrap_or_else(|| outcome(part.operation));
            if outcome == CommitOutcome::Failed {
                queue.append(self.packets.split_to(ready));
                self.packets.split_to(acknowledgement_len);
                let args: [&[u8]; 2] = [b"QUEUE_ERROR", NOT_STORED];
                encode(queue.bytes(), Magic::Response, Command::Error, &args, b"");
                ready = part.rest_len;
            } else {
                ready += acknowledgement_len + part.rest_len;
            }
        }
        self.is_out_of_order &= !self.parts.is_empty();
        queue.append(match self.parts.is_empty() {
            true => std::mem::take(&mut self.packets),
            false => self.packets.split_to(ready),
        });
        is_any
    }
}

/// Text of the error for a job that was not stored.
pub(crate) const NOT_STORED: &[u8] = b"The job was not stored, and is not queued";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// What a release of operations up to this one sends, as text.
    fn released(held: &mut HeldOutput, operations: u64, outcome: CommitOutcome) -> String {
        let mut queue = SendQueue::default();
        held.release(operations, |_| outcome, &mut queue);
        queue.into_bytes().escape_ascii().to_string()
    }

    #[test]
    fn packets_wait_for_the_commit_of_the_acknowledgement_before_them() {
        let mut held = HeldOutput::default();
        held.acknowledge(b"H:1", 5);
        held.append(|queue| queue.bytes().extend(b"first"));
        held.acknowledge(b"H:2", 7);
        held.append(|queue| queue.bytes().extend(b"second"));
        assert_eq!(released(&mut held, 4, CommitOutcome::Stored), "");
        let text = released(&mut held, 6, CommitOutcome::Stored);
        assert!(text.ends_with("H:1first"), "{text}");
        assert!(!held.is_empty());
        let text = released(&mut held, 7, CommitOutcome::Stored);
        assert!(text.ends_with("H:2second"), "{text}");
        assert_eq!((held.is_empty(), held.len()), (true, 0));
    }

    #[test]
    fn a_body_stays_behind_its_acknowledgement() {
        let mut held = HeldOutput::default();
        held.acknowledge(b"H:1", 1);
        held.append(|queue| {
            queue.bytes().extend(b"head");
            queue.push_body(Bytes::from_static(b"body"));
        });
        held.acknowledge(b"H:2", 2);
        held.append(|queue| queue.bytes().extend(b"tail"));
        held.acknowledge(b"H:3", 3);
        assert!(released(&mut held, 1, CommitOutcome::Stored).ends_with("H:1headbody"));
        let text = released(&mut held, 2, CommitOutcome::Failed);
        assert!(text.contains("QUEUE_ERROR") && text.ends_with("queuedtail"), "{text}");
        let text = released(&mut held, 3, CommitOutcome::Stored);
        assert!(text.ends_with("H:3") && !text.contains("body"), "{text}");
        assert_eq!((held.is_empty(), held.len()), (true, 0));
    }

    #[test]
    fn a_part_behind_a_later_operation_keeps_what_its_own_commit_brought() {
        let mut held = HeldOutput::default();
        held.acknowledge(b"H:7", 7);
        // It joined the job of operation 5, which another connection had submitted before.
        held.acknowledge(b"H:5", 5);
        assert_eq!(released(&mut held, 6, CommitOutcome::Failed), "");
        let text = released(&mut held, 7, CommitOutcome::Stored);
        assert!(text.contains("H:7") && text.contains("QUEUE_ERROR"), "{text}");
        assert!(!text.contains("H:5") && held.is_empty(), "{text}");
    }

    #[test]
    fn a_job_that_was_not_stored_is_answered_with_an_error_in_its_place() {
        let mut held = HeldOutput::default();
        held.acknowledge(b"H:1", 5);
        held.append(|queue| queue.bytes().extend(b"later"));
        let text = released(&mut held, 5, CommitOutcome::Failed);
        assert!(text.contains("QUEUE_ERROR") && text.ends_with("later"), "{text}");
    }
}
