//! A simulation of random clients and workers, from a seed. After every step the broker
//! must have sent exactly the packets of the model, be consistent (`recount`), and have
//! lost no wake-up.
//!
//! A failure prints its seed: `GEARMAND_SEED=n cargo test simulation` repeats the run,
//! and `GEARMAND_STEPS=n` sets its length.
//!
//! Must not: decide what is right; the model does.

use std::collections::{BTreeMap, VecDeque};

use super::model::{Job, Model, Place};
use super::*;
use crate::delayed::GRAB_HOLD_MS_DEFAULT;
use gearman_test_support::random::Random;

const FUNCTIONS: [&str; 4] = ["a", "b", "c", "d"];
const UNIQUES: [&str; 5] = ["", "", "-", "u", "v"];
const SEEDS: u64 = 24;
const STEPS: u64 = 1000;

struct Simulation {
    random: Random,
    world: World,
    model: Model,
    /// The broker's keys by the model's numbers.
    keys: BTreeMap<usize, ConnectionKey>,
    next_connection: usize,
    /// How many of ten submissions are replaced by grabs, so that queues become empty.
    idle_tenths: usize,
    /// Which sleeping workers a job wakes.
    wakeup: Wakeup,
    /// Long polls that were answered by a job.
    served: usize,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let mut random = Random(seed);
        let attempts = random.pick(&[None, Some(1), Some(3)]);
        let wakeup =
            random.pick(&[Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(1), Wakeup::AtMost(2)]);
        // Some holds are as long as several steps.
        let grab_hold_ms =
            random.pick(&[0, GRAB_HOLD_MS_DEFAULT, GRAB_HOLD_MS_DEFAULT, 300, 100_000]);
        let idle_tenths = random.pick(&[0, 5, 7]);
        let mut world = World::with(|config| {
            config.attempts = attempts;
            config.wakeup = wakeup;
            config.delayed_replies.grab_hold_ms = grab_hold_ms;
        });
        // Some workers have an index of their functions or running jobs, and some get one.
        world.broker.set_indexed_from(random.pick(&[0, 1, 2, u32::MAX]));
        let model = Model::new(attempts, grab_hold_ms);
        Simulation {
            random,
            world,
            model,
            keys: BTreeMap::new(),
            next_connection: 0,
            idle_tenths,
            wakeup,
            served: 0,
        }
    }

    fn connect(&mut self) {
        let key = self.world.connect();
        self.keys.insert(self.next_connection, key);
        self.model.connections.insert(self.next_connection, model::Connection::default());
        self.next_connection += 1;
    }

    fn step(&mut self) {
        let pass = self.random.pick(&[1, 1, 1, 1, 1, 7, 300, 2000]);
        self.pass(pass);
        if self.keys.len() < 2 || (self.keys.len() < 12 && self.random.below(20) == 0) {
            return self.connect();
        }
        let numbers: Vec<usize> = self.keys.keys().copied().collect();
        let peer = self.random.pick(&numbers);
        match self.random.below(45) {
            0 => {
                let key = self.keys.remove(&peer).expect("picked");
                self.world.disconnect(key);
                self.model.disconnect(peer);
            }
            1..=3 => self.can_do(peer),
            4 => self.cant_do(peer),
            5 => {
                self.send(peer, Command::ResetAbilities, &[]);
                self.connection(peer).functions.clear();
                self.model.running(peer).into_iter().for_each(|job| self.model.lose(job));
            }
            6..=9 => self.sleep(peer),
            10..=18 => self.grab(peer),
            19..=28 if self.random.below(10) >= self.idle_tenths => self.submit(peer),
            19..=28 => self.grab(peer),
            29 => self.submit_delayed(peer),
            30..=35 => self.report(peer),
            36 => {
                self.send(peer, Command::OptionReq, &["exceptions"]);
                self.connection(peer).exceptions = true;
                self.model.expect(peer, "OPTION_RES exceptions");
            }
            37 => self.cancel(),
            38 => self.cancel_unique(),
            39 => self.pause(),
            40 | 41 => self.resume(),
            42 => self.hit(peer),
            _ => self.get_status(peer),
        }
        self.compare();
    }

    /// Advances the clocks. It is called between any two actions, so that no two have the
    /// same time and the order of events is defined.
    fn pass(&mut self, millis: u64) {
        self.world.pass(millis);
        self.model.tick(self.now_ms(), self.world.now.unix.0);
        self.compare();
    }

    fn now_ms(&self) -> u64 {
        self.world.now.monotonic.0
    }

    fn connection(&mut self, peer: usize) -> &mut model::Connection {
        self.model.connections.get_mut(&peer).expect("a connection of the model")
    }

    fn send(&mut self, peer: usize, command: Command, parts: &[&str]) {
        self.model.hear(peer, command == Command::PreSleep);
        self.world.send(self.keys[&peer], command, parts);
    }

    /// Sends a packet, and returns the packets to its sender that the model has not
    /// expected yet.
    fn ask(&mut self, peer: usize, command: Command, parts: &[&str]) -> Vec<String> {
        self.send(peer, command, parts);
        let mail = self.world.mail(self.keys[&peer]);
        let before = self.model.mail.remove(&peer).unwrap_or_default();
        assert_eq!(mail[..before.len()], before);
        mail[before.len()..].to_vec()
    }

    fn can_do(&mut self, peer: usize) {
        let function = self.random.pick(&FUNCTIONS);
        let limited = self.random.below(3) == 0;
        match limited {
            true => self.send(peer, Command::CanDoTimeout, &[function, "1000"]),
            false => self.send(peer, Command::CanDo, &[function]),
        }
        self.connection(peer).functions.insert(function.into(), limited);
    }

    fn cant_do(&mut self, peer: usize) {
        let function = self.random.pick(&FUNCTIONS);
        self.send(peer, Command::CantDo, &[function]);
        if self.connection(peer).functions.remove(function).is_some() {
            for job in self.model.running(peer) {
                if self.model.jobs[&job].function == function {
                    self.model.lose(job);
                }
            }
        }
    }

    fn grab(&mut self, peer: usize) {
        let candidates = self.model.candidates(peer);
        self.connection(peer).sleeping = false;
        let mail = self.ask(peer, Command::GrabJobUniq, &[]);
        let Some(first) = candidates.first() else { return self.reply_to_empty_grab(peer, &mail) };
        let text = |number: &u32| self.model.assignment(*number);
        let given = candidates.iter().find(|&number| mail == [text(number)]);
        let given = *given.unwrap_or_else(|| panic!("{mail:?}, expected {}", text(first)));
        self.model.assign(given, peer, self.now_ms());
    }

    /// An empty grab: it is answered with NO_JOB at once, or held.
    fn reply_to_empty_grab(&mut self, peer: usize, mail: &[String]) {
        assert!(mail.is_empty() || mail == ["NO_JOB"], "{mail:?}");
        self.model.empty_grab(peer, mail.is_empty(), self.now_ms());
    }

    /// Lets a worker score several hits, while no other job is queued, so that its next
    /// empty grab is held.
    fn hit(&mut self, peer: usize) {
        for _ in 0..6 {
            let functions = self.connection(peer).functions.keys().cloned().collect::<Vec<_>>();
            if functions.is_empty() || !self.model.candidates(peer).is_empty() {
                return;
            }
            self.grab(peer);
            self.pass(1);
            if self.connection(peer).held_since.is_none() {
                self.sleep(peer);
                self.pass(1);
            }
            let function = self.random.below(functions.len());
            let job = Job { function: functions[function].clone(), ..self.new_job(1, true) };
            let client = *self.keys.keys().find(|&&key| key != peer).expect("two connections");
            let parts = [&job.function[..], &job.unique, &job.payload];
            self.send(client, Command::SubmitJobBg, &parts);
            self.model.submit(client, job, None);
            self.pass(1);
            if self.model.running(peer).is_empty() {
                self.grab(peer);
                self.pass(1);
            }
            for number in self.model.running(peer) {
                self.send(peer, Command::WorkComplete, &[&format!("H:{number}"), ""]);
                self.model.report(peer, number, "WORK_COMPLETE", " ");
                self.pass(1);
            }
        }
        self.grab(peer);
    }

    fn sleep(&mut self, peer: usize) {
        self.connection(peer).sleeping = true;
        self.send(peer, Command::PreSleep, &[]);
    }

    fn submit(&mut self, peer: usize) {
        let (command, priority, background) = self.random.pick(&[
            (Command::SubmitJobHigh, 0, false),
            (Command::SubmitJob, 1, false),
            (Command::SubmitJobLow, 2, false),
            (Command::SubmitJobHighBg, 0, true),
            (Command::SubmitJobBg, 1, true),
            (Command::SubmitJobLowBg, 2, true),
        ]);
        let job = self.new_job(priority, background);
        self.send(peer, command, &[&job.function, &job.unique, &job.payload]);
        self.model.submit(peer, job, None);
    }

    fn submit_delayed(&mut self, peer: usize) {
        let job = self.new_job(1, true);
        let now = self.world.now.unix.0;
        let due = now + self.random.below(5) as u64;
        let time = due.to_string();
        self.send(
            peer,
            Command::SubmitJobEpoch,
            &[&job.function, &job.unique, &time, &job.payload],
        );
        self.model.submit(peer, job, (due > now).then_some(due));
    }

    fn new_job(&mut self, priority: usize, background: bool) -> Job {
        Job {
            function: self.random.pick(&FUNCTIONS).into(),
            unique: self.random.pick(&UNIQUES).into(),
            payload: self.random.pick(&["", "x", "y", "z"]).into(),
            priority,
            background,
            waiters: Vec::new(),
            place: Place::Queued,
            retries: 0,
        }
    }

    /// Reports on a job of the worker, or sometimes on another one.
    fn report(&mut self, peer: usize) {
        let running = self.model.running(peer);
        let number = match running.is_empty() || self.random.below(10) == 0 {
            true => self.random.below(self.model.last_job as usize + 2) as u32,
            false => self.random.pick(&running),
        };
        let handle = format!("H:{number}");
        let (command, rest) = self.random.pick(&[
            (Command::WorkComplete, &["done"][..]),
            (Command::WorkComplete, &["done"]),
            (Command::WorkData, &["data"]),
            (Command::WorkWarning, &["careful"]),
            (Command::WorkException, &["boo"]),
            (Command::WorkFail, &[]),
            (Command::WorkStatus, &["1", "2"]),
        ]);
        self.send(peer, command, &[&[&handle[..]], rest].concat());
        let rest: String = rest.iter().map(|part| format!(" {part}")).collect();
        self.model.report(peer, number, command.name(), &rest);
    }

    fn cancel(&mut self) {
        let number = self.random.below(self.model.last_job as usize + 2) as u32;
        let handle = format!("H:{number}");
        let cancelled = self.world.broker.cancel(handle.as_bytes(), &mut self.world.mailbox);
        assert_eq!(cancelled == Cancelled::Yes, self.model.jobs.contains_key(&number));
        if cancelled == Cancelled::Yes {
            self.model.cancel(number);
        }
    }

    fn cancel_unique(&mut self) {
        let (function, unique) = (self.random.pick(&FUNCTIONS), self.random.pick(&UNIQUES));
        let is_match = |job: &Job| {
            job.function == function && job.unique == unique && !matches!(unique, "" | "-")
        };
        let number =
            self.model.jobs.iter().find(|(_, job)| is_match(job)).map(|(&number, _)| number);
        let (broker, mailbox) = (&mut self.world.broker, &mut self.world.mailbox);
        let cancelled = broker.cancel_unique(function.as_bytes(), unique.as_bytes(), mailbox);
        assert_eq!(cancelled == Cancelled::Yes, number.is_some());
        number.into_iter().for_each(|number| self.model.cancel(number));
    }

    fn pause(&mut self) {
        let function = self.random.pick(&FUNCTIONS);
        if self.world.broker.pause(function.as_bytes()) {
            self.model.paused.insert(function.into());
        }
    }

    fn resume(&mut self) {
        let function = self.random.pick(&FUNCTIONS);
        self.world.broker.resume(function.as_bytes(), &mut self.world.mailbox);
        self.model.paused.remove(function);
    }

    fn get_status(&mut self, peer: usize) {
        let number = self.random.below(self.model.last_job as usize + 2) as u32;
        let answer = self.ask(peer, Command::GetStatus, &[&format!("H:{number}")]);
        let job = self.model.jobs.get(&number);
        let running = job.is_some_and(|job| matches!(job.place, Place::Running { .. }));
        let (known, running) = (u8::from(job.is_some()), u8::from(running));
        let expected = format!("STATUS_RES H:{number} {known} {running} ");
        assert!(answer.len() == 1 && answer[0].starts_with(&expected), "{answer:?}");
    }

    /// Checks that held grabs were answered with a job, or with NO_JOB in time.
    fn check_long_polls(&mut self, mails: &mut BTreeMap<usize, Vec<String>>) {
        let now = self.now_ms();
        let mut given = Vec::new();
        for (&peer, mail) in mails {
            let Some(since) = self.model.connections[&peer].held_since else { continue };
            let is_over = now >= since + self.model.grab_hold_ms;
            let answer = mail.iter().position(|text| {
                text == "NO_JOB" && is_over || text.starts_with("JOB_ASSIGN_UNIQ")
            });
            let Some(answer) = answer else {
                assert!(!is_over, "{peer} is held for too long");
                continue;
            };
            self.connection(peer).held_since = None;
            match &mail.remove(answer)[..] {
                "NO_JOB" => self.connection(peer).hits = 0,
                job => given.push((peer, job.to_string())),
            }
        }
        // The order in which they were assigned is not known here.
        while !given.is_empty() {
            let fits = given.iter().enumerate().find_map(|(place, (peer, text))| {
                let mut jobs = self.model.jobs.keys();
                let job = jobs.find(|&&job| {
                    self.model.is_for(job, *peer) && self.model.assignment(job) == *text
                });
                job.map(|&job| (place, job))
            });
            let (place, job) = fits.unwrap_or_else(|| panic!("{given:?} do not fit their workers"));
            self.model.assign(job, given.remove(place).0, now);
            self.served += 1;
        }
        for (&peer, connection) in &self.model.connections {
            let is_lost =
                connection.held_since.is_some() && !self.model.candidates(peer).is_empty();
            assert!(!is_lost, "the grab of {peer} is held while a job is queued");
        }
    }

    /// Checks that each connection got the packets of the model, and that only sleeping
    /// workers got a NOOP.
    fn compare(&mut self) {
        let keys = self.keys.iter();
        let mut mails = keys.map(|(&peer, &key)| (peer, self.world.mail(key))).collect();
        self.check_long_polls(&mut mails);
        for (peer, mut mail) in mails {
            let woken = mail.iter().filter(|text| *text == "NOOP").count();
            mail.retain(|text| text != "NOOP");
            assert_eq!(
                mail,
                self.model.mail.remove(&peer).unwrap_or_default(),
                "connection {peer}"
            );
            let connection = self.model.connections.get_mut(&peer).expect("of the model");
            assert!(woken <= usize::from(connection.sleeping), "woken {woken} times");
            connection.sleeping &= woken == 0;
        }
        assert!(self.world.mailbox.mail.is_empty(), "mail for an unknown connection");
        assert_eq!(self.world.broker.job_count(), self.model.jobs.len());
        for name in FUNCTIONS {
            let Some(found) = self.world.function(name) else { continue };
            let t = found.totals;
            // The model knows one way to fail.
            let failed = t.failed + t.cancelled + t.dropped;
            let totals = [t.submitted, t.completed, failed, t.retried, t.abandoned];
            assert_eq!(totals, self.model.totals.get(name).copied().unwrap_or_default(), "{name}");
            assert_eq!(found.paused, self.model.paused.contains(name), "{name}");
        }
        self.check_wakeups();
        self.world.broker.recount();
    }

    /// Checks that no wake-up is lost: while a job of a function is queued, one of its
    /// workers is awake or none sleeps. Workers in a long poll do not count as awake.
    fn check_wakeups(&self) {
        for name in FUNCTIONS {
            let is_waiting = |(key, queue): (&(String, usize), &VecDeque<u32>)| {
                key.0 == name && !queue.is_empty() && !self.model.paused.contains(name)
            };
            if !self.model.queues.iter().any(is_waiting) {
                continue;
            }
            let all = self.model.connections.values();
            let workers: Vec<_> = all.filter(|c| c.functions.contains_key(name)).collect();
            let sleeping = workers.iter().filter(|c| c.sleeping).count();
            let awake = workers.iter().filter(|c| !c.sleeping && c.held_since.is_none()).count();
            assert!(sleeping == 0 || awake > 0, "a job of {name} woke no worker");
            assert!(
                sleeping == 0 || self.wakeup != Wakeup::All,
                "a job of {name} did not wake all"
            );
        }
    }

    /// Completes all remaining jobs, and checks that none was lost.
    fn finish(&mut self) {
        self.pass(200_000);
        for peer in self.keys.keys().copied().collect::<Vec<_>>() {
            for job in self.model.running(peer) {
                self.send(peer, Command::WorkComplete, &[&format!("H:{job}"), ""]);
                self.model.report(peer, job, "WORK_COMPLETE", " ");
                self.compare();
            }
        }
        for name in FUNCTIONS {
            self.world.broker.resume(name.as_bytes(), &mut self.world.mailbox);
        }
        self.model.paused.clear();
        self.compare();
        let worker = self.world.worker(&FUNCTIONS);
        while !self.model.jobs.is_empty() {
            let job = self.world.ask(worker, Command::GrabJobUniq, &[]);
            let number: u32 =
                job[0][18..].split(' ').next().and_then(|n| n.parse().ok()).expect("a job");
            self.world.send(worker, Command::WorkComplete, &[&format!("H:{number}"), ""]);
            self.model.complete(number);
            self.compare();
        }
        assert_eq!(self.world.ask(worker, Command::GrabJob, &[]), ["NO_JOB"]);
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_clients_and_workers_get_the_packets_of_the_model() {
    let steps = variable("GEARMAND_STEPS").unwrap_or(STEPS);
    let seeds = variable("GEARMAND_SEED").map_or(0..SEEDS, |seed| seed..seed + 1);
    let mut served = 0;
    for seed in seeds {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            (0..steps).for_each(|_| simulation.step());
            simulation.finish();
            simulation.served
        });
        match result {
            Ok(count) => served += count,
            Err(panic) => {
                eprintln!("repeat with GEARMAND_SEED={seed} GEARMAND_STEPS={steps}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    // Otherwise the simulation does not test long polls any more.
    assert!(served > 10 || variable("GEARMAND_SEED").is_some(), "{served} long polls");
}
