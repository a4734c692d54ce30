//! A worker of two servers: a long poll at one must not delay the jobs of the other by more
//! than 14 ms and one job.

use super::*;
use crate::delayed::{GRAB_HOLD_MS_DEFAULT, PREDICTION_LIFETIME};
use gearman_test_support::random::Random;

/// Longest duration of a job in milliseconds.
const JOB_MS_MAX: u64 = 2;

/// Two servers, and a worker that sends grabs to both in turn, as libgearman's do. At the
/// first a client submits each job 1 ms after the previous one was done; at the second a
/// job is submitted occasionally.
struct Scenario {
    random: Random,
    servers: [World; 2],
    worker: [ConnectionKey; 2],
    now: u64,
    /// When the next job is submitted to each server, if that is decided.
    next_job: [Option<u64>; 2],
    /// Since when a job is queued at the second server.
    waits_since: Option<u64>,
    longest_wait: u64,
}

impl Scenario {
    fn new(seed: u64) -> Scenario {
        let mut servers = [World::new(), World::new()];
        let worker = servers.each_mut().map(|server| server.worker(&["f"]));
        Scenario {
            random: Random(seed),
            servers,
            worker,
            now: 0,
            next_job: [Some(1), Some(100)],
            waits_since: None,
            longest_wait: 0,
        }
    }

    /// Advances the time by one millisecond, and submits the jobs that are due.
    fn pass(&mut self) {
        self.now += 1;
        self.servers.iter_mut().for_each(|server| server.pass(1));
        for number in 0..2 {
            if self.next_job[number] == Some(self.now) {
                self.next_job[number] = None;
                self.servers[number].background("f", "x");
                if number == 1 {
                    self.waits_since = Some(self.now);
                }
            }
        }
    }

    /// Sends a grab to a server and waits for the reply. Returns the job's handle.
    fn grab(&mut self, server: usize) -> Option<String> {
        self.servers[server].send(self.worker[server], Command::GrabJobUniq, &[]);
        loop {
            for text in self.servers[server].mail(self.worker[server]) {
                match text.split(' ').collect::<Vec<_>>()[..] {
                    ["NO_JOB"] => return None,
                    ["JOB_ASSIGN_UNIQ", handle, ..] => return Some(handle.into()),
                    ["NOOP"] => {}
                    _ => panic!("{text}"),
                }
            }
            self.pass();
        }
    }

    fn do_job(&mut self, server: usize, handle: &str) {
        if server == 1 {
            let since = self.waits_since.take().expect("a job that waited");
            self.longest_wait = self.longest_wait.max(self.now - since);
            self.next_job[1] = Some(self.now + 20 + self.random.below(200) as u64);
        }
        let duration = self.random.below(JOB_MS_MAX as usize + 1);
        (0..duration).for_each(|_| self.pass());
        self.servers[server].send(self.worker[server], Command::WorkComplete, &[handle, ""]);
        if server == 0 {
            self.next_job[0] = Some(self.now + 1);
        }
    }

    fn sleep(&mut self) {
        for (server, &worker) in self.servers.iter_mut().zip(&self.worker) {
            server.send(worker, Command::PreSleep, &[]);
        }
        while self
            .servers
            .iter()
            .zip(&self.worker)
            .all(|(server, worker)| !server.mailbox.mail.contains_key(&worker.index()))
        {
            self.pass();
        }
    }
}

#[test]
fn a_job_at_another_server_waits_for_a_held_worker_for_at_most_14_ms_and_one_job() {
    let (mut longest, mut served) = (0, 0);
    for seed in 0..20 {
        let mut scenario = Scenario::new(seed);
        while scenario.now < 5_000 {
            let found = (0..2).find_map(|server| Some((server, scenario.grab(server)?)));
            match found {
                Some((server, handle)) => scenario.do_job(server, &handle),
                None => scenario.sleep(),
            }
        }
        longest = longest.max(scenario.longest_wait);
        served += scenario.servers[0].broker.long_polls().served;
        assert_eq!(scenario.servers[1].broker.long_polls().held, 0, "its jobs are rare");
    }
    let limit = PREDICTION_LIFETIME.0 + GRAB_HOLD_MS_DEFAULT + JOB_MS_MAX;
    assert!(longest <= limit, "{longest} ms");
    assert!(served > 1000, "only {served} long polls were served");
}
