//! [`KeptOrder`]: output in the order in which jobs were submitted. The output of the
//! earliest job that has not ended is printed at once; that of later jobs is held.
//!
//! Must not: print.

use std::collections::BTreeMap;

/// The most bytes that are held before no further job is submitted. Results of jobs that
/// are in flight then still come in addition.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a held job takes besides its output, in bytes and roughly.
const HELD_JOB_BYTES: usize = 256;

/// Where a piece of output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    Stderr,
    JobLog,
}

/// Output with its destination.
pub(crate) type OutputPiece = (Destination, Vec<u8>);

/// The output that is held.
#[derive(Debug, Default)]
pub(crate) struct KeptOrder {
    /// The number of the earliest job that has not ended.
    turn: u64,
    /// The output of later jobs, by their numbers.
    held: BTreeMap<u64, LaterOutput>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct LaterOutput {
    pieces: Vec<OutputPiece>,
    has_ended: bool,
}

impl LaterOutput {
    fn bytes(&self) -> usize {
        HELD_JOB_BYTES + self.pieces.iter().map(|(_, text)| text.len()).sum::<usize>()
    }
}

impl KeptOrder {
    /// Whether the output of this job is printed at once.
    pub(crate) fn is_turn(&self, job: u64) -> bool {
        job == self.turn
    }

    /// Whether so much is held that no further job may be submitted.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > HELD_BYTES_MAX
    }

    /// Holds output of a job until its turn.
    pub(crate) fn hold(&mut self, job: u64, piece: OutputPiece) {
        self.bytes += piece.1.len();
        self.entry(job).pieces.push(piece);
    }

    /// Notes the end of a job. Returns what can be printed now.
    pub(crate) fn end(&mut self, job: u64) -> Vec<OutputPiece> {
        if !self.is_turn(job) {
            self.entry(job).has_ended = true;
            return Vec::new();
        }
        let mut pieces = Vec::new();
        loop {
            self.turn += 1;
            let Some(next) = self.held.remove(&self.turn) else { return pieces };
            self.bytes -= next.bytes();
            pieces.extend(next.pieces);
            if !next.has_ended {
                return pieces;
            }
        }
    }

    fn entry(&mut self, job: u64) -> &mut LaterOutput {
        let bytes = &mut self.bytes;
        self.held.entry(job).or_insert_with(|| {
            *bytes += HELD_JOB_BYTES;
            LaterOutput::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> OutputPiece {
        (Destination::Stdout, text.into())
    }

    #[test]
    fn output_is_held_until_all_earlier_jobs_have_ended() {
        let mut order = KeptOrder::default();
        order.hold(2, piece("two"));
        assert_eq!(order.end(2), []);
        order.hold(1, piece("on"));
        assert_eq!(order.end(0), [piece("on")]);
        assert!(order.is_turn(1), "its further output is printed at once");
        assert_eq!(order.end(1), [piece("two")]);
        assert_eq!((order.turn, order.bytes, order.held.len()), (3, 0, 0));
    }

    #[test]
    fn held_output_is_limited_by_its_bytes_and_by_its_jobs() {
        let mut order = KeptOrder::default();
        order.hold(1, (Destination::Stderr, vec![0; HELD_BYTES_MAX]));
        assert!(order.is_full());
        order.end(0);
        assert!(!order.is_full());
        let jobs = (HELD_BYTES_MAX / HELD_JOB_BYTES) as u64;
        (2..jobs + 2).for_each(|job| drop(order.end(job)));
        assert!(!order.is_full());
        order.end(jobs + 2);
        assert!(order.is_full());
    }
}
