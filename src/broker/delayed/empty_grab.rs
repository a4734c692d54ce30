//! [`EmptyGrabs`]: which empty GRAB_JOB of a worker is held.
//!
//! Must not: hold it; that is `long_poll`.

use super::Predictor;

/// What followed a worker's last empty grab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EmptyGrab {
    /// A job, or another packet of the worker than PRE_SLEEP.
    #[default]
    None,
    /// Nothing since it was answered, at this time.
    Answered(u64),
    /// PRE_SLEEP; it was answered at this time.
    Slept(u64),
}

/// A worker's empty grabs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EmptyGrabs {
    last: EmptyGrab,
    /// Whether a job comes less than the hold after an empty grab.
    next_job: Predictor,
}

impl EmptyGrabs {
    /// The worker's grab found no job. Returns until when it is held; `None` is that
    /// NO_JOB goes out at once. With a hold of 0 that is always so, and nothing is
    /// predicted.
    pub(crate) fn grab(&mut self, now: u64, hold_ms: u64) -> Option<u64> {
        self.last = EmptyGrab::None;
        if hold_ms == 0 {
            return None;
        }
        if self.next_job.predicts(now) {
            return Some(now + hold_ms);
        }
        self.last = EmptyGrab::Answered(now);
        None
    }

    /// The worker gets a job.
    pub(crate) fn job(&mut self, now: u64, hold_ms: u64) {
        if let EmptyGrab::Slept(answered) = std::mem::take(&mut self.last) {
            match now < answered + hold_ms {
                true => self.next_job.hit(now),
                false => self.next_job.miss(),
            }
        }
    }

    /// The worker sends PRE_SLEEP.
    pub(crate) fn pre_sleep(&mut self) {
        if let EmptyGrab::Answered(answered) = self.last {
            self.last = EmptyGrab::Slept(answered);
        }
    }

    /// The worker sends something else than PRE_SLEEP: if it does so after an empty
    /// grab, another server may have had a job for it.
    pub(crate) fn other_packet(&mut self) {
        if matches!(self.last, EmptyGrab::Answered(_)) {
            self.last = EmptyGrab::None;
            self.next_job.miss();
        }
    }

    /// The held grab gets NO_JOB.
    pub(crate) fn ended_without_job(&mut self) {
        self.next_job.miss();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GRAB_HOLD_MS_DEFAULT, HITS_BEFORE_PREDICTION};
    use super::*;
    use gearman_test_support::random::Random;

    const HOLD_MS: u64 = GRAB_HOLD_MS_DEFAULT;

    /// An empty grab, PRE_SLEEP, and a job at once.
    fn hit(worker: &mut EmptyGrabs, now: u64) {
        assert_eq!(worker.grab(now, HOLD_MS), None);
        worker.pre_sleep();
        worker.job(now, HOLD_MS);
    }

    fn after(hits: u8) -> EmptyGrabs {
        let mut worker = EmptyGrabs::default();
        (0..hits).for_each(|_| hit(&mut worker, 0));
        worker
    }

    #[test]
    fn an_empty_grab_is_held_after_4_hits() {
        assert_eq!(after(HITS_BEFORE_PREDICTION - 1).grab(0, HOLD_MS), None);
        assert_eq!(after(HITS_BEFORE_PREDICTION).grab(1, HOLD_MS), Some(1 + HOLD_MS));
    }

    #[test]
    fn another_packet_after_an_empty_grab_is_a_miss() {
        let mut worker = after(HITS_BEFORE_PREDICTION - 1);
        assert_eq!(worker.grab(0, HOLD_MS), None);
        worker.other_packet();
        worker.pre_sleep();
        worker.job(0, HOLD_MS);
        // Another 4 hits in a row are needed.
        (0..HITS_BEFORE_PREDICTION).for_each(|_| hit(&mut worker, 0));
        assert_eq!(worker.grab(0, HOLD_MS), Some(HOLD_MS));
    }

    #[test]
    fn a_job_without_pre_sleep_before_it_is_no_hit() {
        let mut worker = after(HITS_BEFORE_PREDICTION - 1);
        assert_eq!(worker.grab(0, HOLD_MS), None);
        worker.job(0, HOLD_MS);
        assert_eq!(worker.grab(0, HOLD_MS), None);
    }

    #[test]
    fn a_hold_of_0_ms_holds_and_predicts_nothing() {
        let mut worker = EmptyGrabs::default();
        for _ in 0..100 {
            assert_eq!(worker.grab(0, 0), None);
            worker.pre_sleep();
            worker.job(0, 0);
        }
        assert_eq!(format!("{worker:?}"), format!("{:?}", EmptyGrabs::default()));
    }

    /// What a worker did since its last empty grab that was answered at once.
    #[derive(Clone, Copy, PartialEq)]
    enum Since {
        Nothing(u64),
        PreSleep(u64),
        Other,
    }

    /// A worker that does anything. A grab is held only after 4 hits in a row, the last
    /// of them less than 10 ms ago. Returns how often one was.
    fn run_at_random(seed: u64) -> u64 {
        let (mut random, mut now, mut held_count) = (Random(seed), 0, 0);
        let mut worker = EmptyGrabs::default();
        let (mut hits, mut last_hit, mut since) = (0, 0, Since::Other);
        let hold_ms = [1, HOLD_MS, 100][random.below(3)];
        for _ in 0..2000 {
            now += [0, 0, 0, 1, 2, 12][random.below(6)];
            worker.other_packet();
            if matches!(since, Since::Nothing(_)) {
                hits = 0;
            }
            match worker.grab(now, hold_ms) {
                Some(until) => {
                    assert!(hits >= HITS_BEFORE_PREDICTION && now < last_hit + 10, "seed {seed}");
                    assert_eq!(until, now + hold_ms, "seed {seed}");
                    held_count += 1;
                    match random.below(4) {
                        0 => {
                            worker.ended_without_job();
                            hits = 0;
                        }
                        _ => worker.job(now, hold_ms),
                    }
                    since = Since::Other;
                }
                None => since = Since::Nothing(now),
            }
            if let Since::Nothing(answered) = since
                && random.below(20) > 0
            {
                worker.pre_sleep();
                since = Since::PreSleep(answered);
            }
            now += [0, 0, 0, 0, 0, 3][random.below(6)];
            if random.below(20) > 0 {
                worker.job(now, hold_ms);
                if let Since::PreSleep(answered) = since {
                    let is_hit = now < answered + hold_ms;
                    (hits, last_hit) = if is_hit { (hits + 1, now) } else { (0, last_hit) };
                }
                since = Since::Other;
            }
        }
        held_count
    }

    #[test]
    fn a_grab_is_held_only_after_4_hits_in_a_row_of_which_the_last_is_10_ms_old() {
        let held: u64 = (0..50).map(run_at_random).sum();
        assert!(held > 50, "{held} held");
    }
}
