//! A simulated cluster: servers, clients and workers on one network and one clock, from the
//! first action of a script until all jobs are done and all connections are closed.
//!
//! Must not: check rules that the checker can check.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use gearman_broker::delayed::DelayedReplies;
use gearman_broker::{Broker, Config, DurableConfig, Wakeup};
use gearman_queue::simulated::Medium;
use gearman_queue::{Batch, Store};
use gearman_session::{JobServerSettings, Origin};

use crate::access::{RefusedAct, RuleFile};
use crate::adversary::AdversaryActor;
use crate::checker::{Checker, Failure, function_number};
use crate::client::ClientActor;
use crate::network::{Network, Shared};
use crate::script::{FUNCTIONS, Plan, Script, Timed};
use crate::secure;
use crate::server::{Server, ServerEvent, link_of};
use crate::store::{SimQueue, StoreQuality, UNLIMITED_BYTES};
use crate::worker::WorkerActor;
use gearman_test_support::random::Random;

/// Deadline for finishing all jobs after the last fault was repaired, in microseconds.
const SETTLE_US_MAX: u64 = 120_000_000;
/// Deadline for the servers to remove all closed connections, in microseconds.
const CLOSE_US_MAX: u64 = 10_000_000;
/// Longest time that a job may be queued while a worker is idle, in microseconds: a worker
/// polls its servers in turn, and waits up to 200 ms for each.
const STALL_US_MAX: u64 = 300_000;
/// Additional time for each further server, if the script has faults.
const STALL_PER_SERVER_US_MAX: u64 = 400_000;
/// Number of steps from which a simulation is considered endless.
const STEPS_MAX: u64 = 2_000_000;

mod attacked;
mod faults;
mod watch;

thread_local! {
    /// Steps of the simulation in this thread, for the report if it panics.
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// The steps of the last simulation in this thread.
pub(crate) fn last_steps() -> u64 {
    STEPS.get()
}

/// Figures of a simulation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Number of turns, calls and network events.
    pub steps: u64,
    /// Simulated time in microseconds.
    pub time_us: u64,
    /// Number of job runs.
    pub jobs: u64,
    /// Number of client calls that returned.
    pub calls: u64,
    /// Hash of the run; equal for equal runs.
    pub digest: u64,
}

/// The host of a server, and its process, if one runs.
struct ServerHost {
    server: Option<Server>,
    life: usize,
    calendar_error_s: Rc<Cell<i64>>,
    /// What survives the process, if background jobs are durable.
    medium: Medium,
    /// Jobs whose end was committed by earlier processes.
    ended: BTreeSet<u64>,
    /// Who may do what.
    rules: RuleFile,
    /// The rules that its last turn has applied.
    applied_rules: RuleFile,
}

impl ServerHost {
    /// The process, if one runs, takes the rules of the file.
    fn reload_rules(&mut self) {
        if let Some(server) = &mut self.server {
            server.jobs.replace_rules(self.rules.rules());
        }
    }
}

/// The scheduled end of a fault.
#[derive(Clone, Copy, Debug)]
enum Repair {
    Start(usize),
    Heal { host: usize, server: usize, there: bool, back: bool },
    Offer { worker: usize, function: usize },
    Allow { server: usize, number: usize },
}

struct World<'a> {
    plan: Plan,
    network: Shared,
    epoch: Instant,
    random: Random,
    server_hosts: Vec<ServerHost>,
    clients: Vec<ClientActor>,
    workers: Vec<WorkerActor>,
    adversaries: Vec<AdversaryActor>,
    actions: std::iter::Peekable<std::slice::Iter<'a, Timed>>,
    repairs: BTreeMap<(u64, usize), Repair>,
    checker: Checker,
    turn: u64,
    steps: u64,
    /// Since when a job is queued at a server while a worker is idle, by server, worker and
    /// function.
    stalled_since: BTreeMap<(usize, usize, usize), u64>,
}

/// Runs a script.
///
/// # Errors
/// The first violation of a rule.
pub(crate) fn run(script: &Script) -> Result<Summary, Failure> {
    let mut world = World::new(script);
    let ended = world.run();
    let network = world.network.borrow();
    let steps = world.steps + network.steps;
    let summary = Summary {
        steps,
        time_us: network.now_us(),
        jobs: world.checker.jobs,
        calls: world.checker.calls,
        digest: network.digest ^ world.checker.jobs ^ (world.steps << 20),
    };
    drop(network);
    match ended {
        Ok(()) => Ok(summary),
        Err(failure) => Err(Failure { steps, ..failure }),
    }
}

impl<'a> World<'a> {
    fn new(script: &'a Script) -> World<'a> {
        let plan = script.plan;
        if plan.has_tls {
            secure::forget_sessions();
        }
        let network = Network::new(script.seed ^ 0xABCD, plan.quality, plan.servers);
        let epoch = Instant::now();
        let server_hosts = (0..plan.servers)
            .map(|_| ServerHost {
                server: None,
                life: 0,
                calendar_error_s: Rc::default(),
                medium: Medium::default(),
                ended: BTreeSet::new(),
                rules: RuleFile::default(),
                applied_rules: RuleFile::default(),
            })
            .collect();
        let client = |host| ClientActor::new(&network, host, epoch, &plan);
        let worker = |index| WorkerActor::new(&network, plan.clients + index, epoch, &plan);
        let adversary =
            |index| AdversaryActor::new(&network, plan.honest_hosts() + index, epoch, &plan);
        let mut world = World {
            clients: (0..plan.clients).map(client).collect(),
            workers: (0..plan.workers).map(worker).collect(),
            adversaries: (0..plan.adversaries).map(adversary).collect(),
            plan,
            network: network.clone(),
            epoch,
            random: Random(script.seed ^ 0x1234),
            server_hosts,
            actions: script.actions.iter().peekable(),
            repairs: BTreeMap::new(),
            checker: Checker::new(plan.has_faults, plan.resubmissions),
            turn: 0,
            steps: 0,
            stalled_since: BTreeMap::new(),
        };
        (0..plan.servers).for_each(|server| world.start_server(server));
        world
    }

    fn now_us(&self) -> u64 {
        self.network.borrow().now_us()
    }

    fn start_server(&mut self, number: usize) {
        let host = &mut self.server_hosts[number];
        if host.server.is_some() {
            return;
        }
        host.life += 1;
        let wakeup = match self.plan.wakeup {
            None => Wakeup::AsNeeded,
            Some(0) => Wakeup::All,
            Some(count) => Wakeup::AtMost(count),
        };
        let mut broker = Broker::new(Config {
            // Handles of durable jobs survive the process.
            handle_prefix: life(number, if self.plan.store.is_some() { 1 } else { host.life }),
            attempts: self.plan.attempts,
            wakeup,
            delayed_replies: match self.plan.delays_replies {
                true => DelayedReplies::default(),
                false => DelayedReplies { grab_hold_ms: 0, ack_delay_ms: 0 },
            },
            exceptions: false,
        });
        let settings = JobServerSettings {
            output_limit: self.plan.limits.output,
            output_limit_total: self.plan.limits.output_total,
            packet_limit: self.plan.limits.packet,
            worker_ack_timeout: None,
            allow_shutdown: false,
            queue_wait_ms: 5000,
            queue_type: "builtin",
        };
        let calendar = host.calendar_error_s.clone();
        let now_us = self.network.borrow().now_us();
        let queue = self.plan.store.map(|quality| {
            let store = open_store(&mut broker, &host.medium, quality);
            let random = Random(self.random.bits());
            let mut queue = SimQueue::new(&host.medium, store, quality, random, now_us);
            queue.ended = std::mem::take(&mut host.ended);
            queue
        });
        let mut server =
            Server::new(&self.network, number, broker, settings, &self.plan, calendar, queue);
        server.jobs.set_access(host.rules.access());
        host.applied_rules = host.rules.clone();
        host.server = Some(server);
        self.network.borrow_mut().start_server(number);
    }

    fn run(&mut self) -> Result<(), Failure> {
        self.live()?;
        self.settle()?;
        self.close()
    }

    /// Runs until the last action and the last repair.
    fn live(&mut self) -> Result<(), Failure> {
        while self.actions.peek().is_some() || !self.repairs.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    /// Repairs all faults, and runs until all jobs are done.
    fn settle(&mut self) -> Result<(), Failure> {
        self.network.borrow_mut().heal();
        (0..self.server_hosts.len()).for_each(|server| self.start_server(server));
        for worker in &mut self.workers {
            (0..FUNCTIONS).for_each(|function| worker.offer(function));
        }
        let now = self.now_us();
        self.adversaries.iter_mut().for_each(|adversary| adversary.retire(now));
        let end = self.now_us() + SETTLE_US_MAX;
        while !self.is_done() {
            if self.now_us() > end {
                self.checker.fail("lost", self.describe());
            }
            self.step()?;
        }
        self.checker.check_acknowledged();
        self.check()
    }

    fn is_done(&self) -> bool {
        self.clients.iter().all(ClientActor::is_idle)
            && self.network.borrow().is_quiet()
            && self.servers().all(|(_, server)| {
                let broker = &server.jobs.broker;
                broker.job_count() + broker.parked_count() == 0 && !broker.survey_progress().1
            })
    }

    /// Describes the unfinished work.
    fn describe(&self) -> String {
        let mut all = Vec::new();
        all.extend(self.clients.iter().filter(|c| !c.is_idle()).map(ClientActor::describe));
        all.extend(self.workers.iter().map(WorkerActor::describe));
        all.extend(self.servers().map(|(number, server)| {
            format!("server {number} has {} jobs", server.jobs.broker.job_count())
        }));
        format!("at {}: {}", self.now_us(), all.join("; "))
    }

    /// Disconnects all clients and workers, and checks that the servers keep nothing.
    fn close(&mut self) -> Result<(), Failure> {
        self.clients.clear();
        self.workers.clear();
        self.adversaries.iter_mut().for_each(AdversaryActor::leave);
        self.stalled_since.clear();
        let end = self.now_us() + CLOSE_US_MAX;
        while self.now_us() < end
            && (self.next_us().is_some() || !self.ready(self.now_us()).is_empty())
        {
            self.step()?;
        }
        let left = self.servers().find_map(|(number, server)| remainder(number, server));
        if let Some(text) = left {
            self.checker.fail("left", text);
        }
        if self.network.borrow().open_ends() > 0 {
            self.checker.fail("left", "a connection is open".into());
        }
        self.check()
    }

    fn servers(&self) -> impl Iterator<Item = (usize, &Server)> {
        let all = self.server_hosts.iter().enumerate();
        all.filter_map(|(number, host)| Some((number, host.server.as_ref()?)))
    }

    fn check(&self) -> Result<(), Failure> {
        match self.checker.failure() {
            Some(failure) => Err(failure.clone()),
            None if self.steps + self.network.borrow().steps > STEPS_MAX => Err(Failure {
                rule: "call",
                text: format!("too many steps: {}", self.describe()),
                steps: 0,
            }),
            None => Ok(()),
        }
    }

    /// Runs one random actor that is ready; if none is, advances the clock to the next event.
    fn step(&mut self) -> Result<(), Failure> {
        let now = self.now_us();
        self.act(now);
        let ready = self.ready(now);
        if ready.is_empty() {
            let next = self.next_us().unwrap_or(now + 1).max(now + 1);
            self.network.borrow_mut().advance(next);
            self.watch_for_stalls();
            self.watch_held_replies();
            return self.check();
        }
        self.steps += 1;
        STEPS.set(self.steps + self.network.borrow().steps);
        let actor = ready[self.random.below(ready.len())];
        match actor {
            Actor::Client(index) => self.clients[index].step(now, &mut self.checker),
            Actor::Worker(index) => self.workers[index].step(now, &mut self.checker),
            Actor::Adversary(index) => self.adversaries[index].step(now, &mut self.checker),
            Actor::Server(number) => {
                self.turn(number);
                self.take_time(number);
            }
        }
        self.check()
    }

    fn ready(&self, now: u64) -> Vec<Actor> {
        let clients = self.clients.iter().enumerate().filter(|(_, c)| c.is_ready(now));
        let workers = self.workers.iter().enumerate().filter(|(_, w)| w.is_ready(now));
        let adversaries = self.adversaries.iter().enumerate().filter(|(_, a)| a.is_ready(now));
        let servers = self.servers().filter(|(_, server)| server.is_ready());
        clients
            .map(|(index, _)| Actor::Client(index))
            .chain(workers.map(|(index, _)| Actor::Worker(index)))
            .chain(adversaries.map(|(index, _)| Actor::Adversary(index)))
            .chain(servers.map(|(number, _)| Actor::Server(number)))
            .collect()
    }

    /// Time of the next action, repair, network event or deadline.
    fn next_us(&mut self) -> Option<u64> {
        let action = self.actions.peek().map(|timed| timed.at_us);
        let repair = self.repairs.keys().next().map(|&(at, _)| at);
        let event = self.network.borrow().next_event();
        let clients = self.clients.iter().filter_map(ClientActor::due_us).min();
        let workers = self.workers.iter().filter_map(WorkerActor::due_us).min();
        let adversaries = self.adversaries.iter().filter_map(AdversaryActor::due_us).min();
        let servers = self.servers().filter_map(|(_, server)| server.due_us()).min();
        [action, repair, event, clients, workers, adversaries, servers].into_iter().flatten().min()
    }

    fn turn(&mut self, number: usize) {
        self.turn += 1;
        let host = &mut self.server_hosts[number];
        let Some(server) = &mut host.server else { return };
        let events = server.turn();
        server.jobs.recount();
        if let Some((rule, text)) = server.take_broken_limit() {
            self.checker.fail(rule, format!("server {number}: {text}"));
        }
        let journal = &mut server.jobs.journal;
        for (origin, reason) in journal.faults.drain(..) {
            attacked::judge_end(&mut self.checker, &self.plan, &self.adversaries, origin, &reason);
        }
        self.checker.given_up.extend(journal.gave_up.drain(..));
        if let Some(text) = assigned_again(server, &events) {
            self.checker.fail("again", text);
        }
        let files = [&host.rules, &host.applied_rules];
        if let Some(text) = assigned_although_refused(&files, &events) {
            self.checker.fail("refused", format!("server {number}: {text}"));
        }
        host.applied_rules = host.rules.clone();
        let journal = &mut server.jobs.journal;
        let is_honest =
            |(origin, _): &(Origin, String)| link_of(*origin).0 < self.plan.honest_hosts();
        if let Some((origin, why)) = journal.refused.drain(..).rfind(is_honest) {
            self.checker.fail_unless_faults(&format!(
                "server {number} refuses a packet of {origin}: {why}"
            ));
        }
        // A foreground job does not wait for jobs that have to be read first.
        let may_park = self.plan.store.is_some_and(|store| store.memory_bytes < UNLIMITED_BYTES);
        if !self.plan.has_faults && !may_park {
            self.checker.check_order(number, self.turn, &events);
        }
    }
}

/// Opens the store of a server, and makes its jobs durable.
fn open_store(broker: &mut Broker, medium: &Medium, quality: StoreQuality) -> Box<dyn Store> {
    let mut store = medium.open();
    broker.set_durable(DurableConfig {
        last_number: store.last_number(),
        volatile: Vec::new(),
        memory_bytes_max: quality.memory_bytes,
        at_shutdown_only: false,
        payload_bytes_max: usize::MAX,
    });
    let mut batch = Batch::default();
    broker.take_operations(&mut batch);
    let count = batch.len() as u64;
    store.apply(&batch).expect("no fault is planned before the start");
    broker.start_operations_at(count);
    Box::new(store)
}

/// Describes a job that was assigned although its end is committed.
fn assigned_again(server: &Server, events: &[ServerEvent]) -> Option<String> {
    let ended = &server.queue.as_ref()?.ended;
    events.iter().find_map(|event| {
        let ServerEvent::Assigned { handle, is_late: false, .. } = event else { return None };
        let handle = String::from_utf8_lossy(handle);
        let number = handle.rsplit(':').next()?.parse().ok()?;
        ended.contains(&number).then(|| format!("{handle} was assigned after its end"))
    })
}

/// Describes a job that was assigned to a host although all these rules refuse it the function.
fn assigned_although_refused(files: &[&RuleFile], events: &[ServerEvent]) -> Option<String> {
    events.iter().find_map(|event| {
        let ServerEvent::Assigned { function, to, is_late: false, .. } = event else { return None };
        let number = function_number(function)?;
        let is_refused = files.iter().all(|file| file.refuses(*to, RefusedAct::Work, number));
        is_refused.then(|| format!("host {to} gets a job of f{number}, which it is refused"))
    })
}

/// Describes state that a server has kept after all clients and workers disconnected.
fn remainder(number: usize, server: &Server) -> Option<String> {
    let (counts, due) = (server.jobs.broker.counts(), server.jobs.next_due());
    let sessions = server.session_count();
    if sessions > 0 || counts.connections > 0 || counts.jobs > 0 {
        return Some(format!("server {number} has {sessions} sessions, {counts:?}"));
    }
    (due != (None, None)).then(|| format!("server {number} has timers: {due:?}"))
}

/// The handle prefix of a server's process; `life` counts the processes.
fn life(server: usize, life: usize) -> String {
    format!("S{server}L{life}")
}

#[derive(Clone, Copy, Debug)]
enum Actor {
    Client(usize),
    Worker(usize),
    Adversary(usize),
    Server(usize),
}
