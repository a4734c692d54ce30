//! [`EmptyGrabs`]: decides which empty GRAB_JOB of a worker is held.
//!
//! Must not: hold it; `long_poll` does.

use super::Predictor;
use crate::Millis;

/// The last empty grab of a worker, and what followed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EmptyGrab {
    /// No empty grab, or it was followed by a job or by another packet than PRE_SLEEP.
    #[default]
    None,
    /// It was answered at this time, and nothing followed.
    Answered(Millis),
    /// It was answered at this time, and PRE_SLEEP followed.
    Slept(Millis),
}

/// The empty grabs of one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EmptyGrabs {
    last: EmptyGrab,
    /// Predicts that a job follows an empty grab in less than the hold.
    next_job: Predictor,
}

impl EmptyGrabs {
    /// Records that a grab found no job. Returns the time until which it is held, or
    /// `None` if NO_JOB is sent at once. With a hold of 0 no grab is held and nothing is
    /// predicted.
    pub(crate) fn grab(&mut self, now: Millis, hold: Millis) -> Option<Millis> {
        self.last = EmptyGrab::None;
        if hold == Millis(0) {
            return None;
        }
        if self.next_job.predicts(now) {
            return Some(now + hold);
        }
        self.last = EmptyGrab::Answered(now);
        None
    }

    /// Records that the worker gets a job.
    pub(crate) fn job(&mut self, now: Millis, hold: Millis) {
        if let EmptyGrab::Slept(answered) = std::mem::take(&mut self.last) {
            match now < answered + hold {
                true => self.next_job.hit(now),
                false => self.next_job.miss(),
            }
        }
    }

    /// Records that the worker sent PRE_SLEEP.
    pub(crate) fn pre_sleep(&mut self) {
        if let EmptyGrab::Answered(answered) = self.last {
            self.last = EmptyGrab::Slept(answered);
        }
    }

    /// Records that the worker sent another packet than PRE_SLEEP. After an empty grab
    /// that is a miss: another server may have handed the worker a job.
    pub(crate) fn other_packet(&mut self) {
        if matches!(self.last, EmptyGrab::Answered(_)) {
            self.last = EmptyGrab::None;
            self.next_job.miss();
        }
    }

    /// Records that a held grab was answered with NO_JOB.
    pub(crate) fn ended_without_job(&mut self) {
        self.next_job.miss();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GRAB_HOLD_MS_DEFAULT, HITS_BEFORE_PREDICTION};
    use super::*;
    use gearman_test_support::random::Random;

    const START: Millis = Millis(0);
    const HOLD: Millis = Millis(GRAB_HOLD_MS_DEFAULT);

    /// An empty grab, PRE_SLEEP, and a job at once.
    fn hit(worker: &mut EmptyGrabs, now: Millis) {
        assert_eq!(worker.grab(now, HOLD), None);
        worker.pre_sleep();
        worker.job(now, HOLD);
    }

    fn after(hits: u8) -> EmptyGrabs {
        let mut worker = EmptyGrabs::default();
        (0..hits).for_each(|_| hit(&mut worker, START));
        worker
    }

    #[test]
    fn an_empty_grab_is_held_after_4_hits() {
        assert_eq!(after(HITS_BEFORE_PREDICTION - 1).grab(START, HOLD), None);
        assert_eq!(after(HITS_BEFORE_PREDICTION).grab(Millis(1), HOLD), Some(Millis(1) + HOLD));
    }

    #[test]
    fn another_packet_after_an_empty_grab_is_a_miss() {
        let mut worker = after(HITS_BEFORE_PREDICTION - 1);
        assert_eq!(worker.grab(START, HOLD), None);
        worker.other_packet();
        worker.pre_sleep();
        worker.job(START, HOLD);
        // Another 4 consecutive hits are needed.
        (0..HITS_BEFORE_PREDICTION).for_each(|_| hit(&mut worker, START));
        assert_eq!(worker.grab(START, HOLD), Some(HOLD));
    }

    #[test]
    fn a_job_without_pre_sleep_before_it_is_not_a_hit() {
        let mut worker = after(HITS_BEFORE_PREDICTION - 1);
        assert_eq!(worker.grab(START, HOLD), None);
        worker.job(START, HOLD);
        assert_eq!(worker.grab(START, HOLD), None);
    }

    #[test]
    fn a_hold_of_0_ms_holds_and_predicts_nothing() {
        let mut worker = EmptyGrabs::default();
        for _ in 0..100 {
            assert_eq!(worker.grab(START, Millis(0)), None);
            worker.pre_sleep();
            worker.job(START, Millis(0));
        }
        assert_eq!(worker.grab(START, HOLD), None, "no hit was recorded");
    }

    /// What a worker sent since its last empty grab that was answered at once.
    #[derive(Clone, Copy, PartialEq)]
    enum Since {
        Nothing(Millis),
        PreSleep(Millis),
        Other,
    }

    /// Random actions of a worker. Checks that a grab is held only after 4 consecutive
    /// hits, the last of them less than 10 ms ago. Returns the number of held grabs.
    fn run_at_random(seed: u64) -> u64 {
        let (mut random, mut now, mut held_count) = (Random(seed), START, 0);
        let mut worker = EmptyGrabs::default();
        let (mut hits, mut last_hit, mut since) = (0, START, Since::Other);
        let hold = [Millis(1), HOLD, Millis(100)][random.below(3)];
        for _ in 0..2000 {
            now = now + Millis([0, 0, 0, 1, 2, 12][random.below(6)]);
            worker.other_packet();
            if matches!(since, Since::Nothing(_)) {
                hits = 0;
            }
            match worker.grab(now, hold) {
                Some(until) => {
                    let is_recent = now < last_hit + Millis(10);
                    assert!(hits >= HITS_BEFORE_PREDICTION && is_recent, "seed {seed}");
                    assert_eq!(until, now + hold, "seed {seed}");
                    held_count += 1;
                    match random.below(4) {
                        0 => {
                            worker.ended_without_job();
                            hits = 0;
                        }
                        _ => worker.job(now, hold),
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
            now = now + Millis([0, 0, 0, 0, 0, 3][random.below(6)]);
            if random.below(20) > 0 {
                worker.job(now, hold);
                if let Since::PreSleep(answered) = since {
                    let is_hit = now < answered + hold;
                    (hits, last_hit) = if is_hit { (hits + 1, now) } else { (0, last_hit) };
                }
                since = Since::Other;
            }
        }
        held_count
    }

    #[test]
    fn a_grab_is_held_only_after_4_consecutive_hits_less_than_10_ms_ago() {
        let held: u64 = (0..50).map(run_at_random).sum();
        assert!(held > 50, "{held} held");
    }
}
