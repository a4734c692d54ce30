//! A simulated cluster: servers, clients and workers on one network and one clock, from
//! the first action of a script until nothing is left to do.
//!
//! Must not: judge; it tells the books what happened.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use gearman_broker::delayed::DelayedReplies;
use gearman_broker::{Broker, Config, Wakeup};
use gearman_session::Settings;

use crate::books::{Books, Failure};
use crate::client::ClientActor;
use crate::network::{Network, Shared};
use crate::script::{FUNCTIONS, Plan, Script, Timed};
use crate::server::Server;
use crate::worker::WorkerActor;
use gearman_test_support::random::Random;

/// Microseconds within which everything has to be done once nothing breaks any more.
const SETTLE_US: u64 = 120_000_000;
/// Microseconds in which what is closed has to be gone.
const CLOSE_US: u64 = 10_000_000;
/// Microseconds that a job may wait beside a worker that asks for jobs: a worker looks
/// at one server after another, and gives each 200 ms.
const STALL_US: u64 = 300_000;
/// The same for each further server, when something breaks.
const STALL_PER_SERVER_US: u64 = 400_000;
/// Steps at which a simulation is taken for one without end.
const STEPS_MAX: u64 = 2_000_000;

mod faults;
mod watch;

thread_local! {
    /// The steps of the simulation that runs in this thread, for when it panics.
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// The steps of the last simulation in this thread.
pub(crate) fn last_steps() -> u64 {
    STEPS.get()
}

/// What a simulation came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Turns, calls and deliveries.
    pub steps: u64,
    /// Simulated microseconds.
    pub time_us: u64,
    /// Jobs that were begun.
    pub jobs: u64,
    /// Calls of clients that returned.
    pub calls: u64,
    /// Equal for equal runs.
    pub digest: u64,
}

/// A host for servers: its process, if one runs.
struct Place {
    server: Option<Server>,
    life: usize,
    calendar_error_s: Rc<Cell<i64>>,
}

/// Something that ends by itself.
#[derive(Clone, Copy, Debug)]
enum Repair {
    Start(usize),
    Heal { host: usize, server: usize, there: bool, back: bool },
    Offer { worker: usize, function: usize },
}

struct World<'a> {
    plan: Plan,
    network: Shared,
    epoch: Instant,
    random: Random,
    places: Vec<Place>,
    clients: Vec<ClientActor>,
    workers: Vec<WorkerActor>,
    actions: std::iter::Peekable<std::slice::Iter<'a, Timed>>,
    repairs: BTreeMap<(u64, usize), Repair>,
    books: Books,
    turn: u64,
    steps: u64,
    /// Since when a job waits at a server beside a worker that asks for jobs.
    stalled_since: BTreeMap<(usize, usize, usize), u64>,
}

/// Runs a script.
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn run(script: &Script) -> Result<Summary, Failure> {
    let mut world = World::new(script);
    let ended = world.run();
    let network = world.network.borrow();
    let steps = world.steps + network.steps;
    let summary = Summary {
        steps,
        time_us: network.now_us(),
        jobs: world.books.jobs,
        calls: world.books.calls,
        digest: network.digest ^ world.books.jobs ^ (world.steps << 20),
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
        let network = Network::new(script.seed ^ 0xABCD, plan.quality, plan.servers);
        let epoch = Instant::now();
        let places = (0..plan.servers)
            .map(|_| Place { server: None, life: 0, calendar_error_s: Rc::default() })
            .collect();
        let client = |host| ClientActor::new(&network, host, epoch, &plan);
        let worker = |index| WorkerActor::new(&network, plan.clients + index, epoch, &plan);
        let mut world = World {
            clients: (0..plan.clients).map(client).collect(),
            workers: (0..plan.workers).map(worker).collect(),
            plan,
            network: network.clone(),
            epoch,
            random: Random(script.seed ^ 0x1234),
            places,
            actions: script.actions.iter().peekable(),
            repairs: BTreeMap::new(),
            books: Books::new(plan.has_faults),
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
        let place = &mut self.places[number];
        if place.server.is_some() {
            return;
        }
        place.life += 1;
        let wakeup = match self.plan.wakeup {
            None => Wakeup::AsNeeded,
            Some(0) => Wakeup::All,
            Some(count) => Wakeup::AtMost(count),
        };
        let broker = Broker::new(Config {
            handle_prefix: life(number, place.life),
            attempts: self.plan.attempts,
            wakeup,
            delayed_replies: match self.plan.delays_replies {
                true => DelayedReplies::default(),
                false => DelayedReplies { grab_hold_ms: 0, ack_delay_ms: 0 },
            },
            exceptions: false,
        });
        let settings =
            Settings { output_limit: 64 << 20, packet_limit: 64 << 20, allow_shutdown: false };
        let calendar = place.calendar_error_s.clone();
        place.server = Some(Server::new(
            &self.network,
            number,
            broker,
            settings,
            self.plan.delays_replies,
            calendar,
        ));
        self.network.borrow_mut().start_server(number);
    }

    fn run(&mut self) -> Result<(), Failure> {
        self.live()?;
        self.settle()?;
        self.close()
    }

    /// Until the last action.
    fn live(&mut self) -> Result<(), Failure> {
        while self.actions.peek().is_some() || !self.repairs.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    /// Repairs everything, and waits until all is done.
    fn settle(&mut self) -> Result<(), Failure> {
        self.network.borrow_mut().heal();
        (0..self.places.len()).for_each(|server| self.start_server(server));
        for worker in &mut self.workers {
            (0..FUNCTIONS).for_each(|function| worker.offer(function));
        }
        let end = self.now_us() + SETTLE_US;
        while !self.is_done() {
            if self.now_us() > end {
                self.books.fail("lost", self.describe());
            }
            self.step()?;
        }
        self.books.check_acknowledged();
        self.check()
    }

    fn is_done(&self) -> bool {
        self.clients.iter().all(ClientActor::is_idle)
            && self.network.borrow().is_quiet()
            && self.servers().all(|(_, server)| server.jobs.broker.job_count() == 0)
    }

    /// What is left to do, in words.
    fn describe(&self) -> String {
        let mut all = Vec::new();
        all.extend(self.clients.iter().filter(|c| !c.is_idle()).map(ClientActor::describe));
        all.extend(self.workers.iter().map(WorkerActor::describe));
        all.extend(self.servers().map(|(number, server)| {
            format!("server {number} has {} jobs", server.jobs.broker.job_count())
        }));
        format!("at {}: {}", self.now_us(), all.join("; "))
    }

    /// Everybody leaves; nothing may be left of them.
    fn close(&mut self) -> Result<(), Failure> {
        self.clients.clear();
        self.workers.clear();
        self.stalled_since.clear();
        let end = self.now_us() + CLOSE_US;
        while self.now_us() < end
            && (self.next_us().is_some() || !self.ready(self.now_us()).is_empty())
        {
            self.step()?;
        }
        let left = self.servers().find_map(|(number, server)| remainder(number, server));
        if let Some(text) = left {
            self.books.fail("left", text);
        }
        if self.network.borrow().open_ends() > 0 {
            self.books.fail("left", "a connection is open".into());
        }
        self.check()
    }

    fn servers(&self) -> impl Iterator<Item = (usize, &Server)> {
        let all = self.places.iter().enumerate();
        all.filter_map(|(number, place)| Some((number, place.server.as_ref()?)))
    }

    fn check(&self) -> Result<(), Failure> {
        match self.books.failure() {
            Some(failure) => Err(failure.clone()),
            None if self.steps + self.network.borrow().steps > STEPS_MAX => Err(Failure {
                rule: "call",
                text: format!("no end: {}", self.describe()),
                steps: 0,
            }),
            None => Ok(()),
        }
    }

    /// Does one thing that can be done now; else lets time pass until there is one.
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
        let who = ready[self.random.below(ready.len())];
        match who {
            Ready::Client(index) => self.clients[index].step(now, &mut self.books),
            Ready::Worker(index) => self.workers[index].step(now, &mut self.books),
            Ready::Server(number) => self.turn(number),
        }
        self.check()
    }

    fn ready(&self, now: u64) -> Vec<Ready> {
        let clients = self.clients.iter().enumerate().filter(|(_, c)| c.is_ready(now));
        let workers = self.workers.iter().enumerate().filter(|(_, w)| w.is_ready(now));
        let servers = self.servers().filter(|(_, server)| server.is_ready());
        clients
            .map(|(index, _)| Ready::Client(index))
            .chain(workers.map(|(index, _)| Ready::Worker(index)))
            .chain(servers.map(|(number, _)| Ready::Server(number)))
            .collect()
    }

    /// When something happens next.
    fn next_us(&mut self) -> Option<u64> {
        let action = self.actions.peek().map(|timed| timed.at_us);
        let repair = self.repairs.keys().next().map(|&(at, _)| at);
        let event = self.network.borrow().next_event();
        let clients = self.clients.iter().filter_map(ClientActor::due_us).min();
        let workers = self.workers.iter().filter_map(WorkerActor::due_us).min();
        let servers = self.servers().filter_map(|(_, server)| server.due_us()).min();
        [action, repair, event, clients, workers, servers].into_iter().flatten().min()
    }

    fn turn(&mut self, number: usize) {
        self.turn += 1;
        let Some(server) = &mut self.places[number].server else { return };
        let deeds = server.turn();
        server.jobs.recount();
        let journal = &mut server.jobs.journal;
        if let Some(fault) = journal.faults.pop() {
            self.books.fail("call", format!("server {number} disconnects {fault}"));
        }
        self.books.given_up.extend(journal.gave_up.drain(..));
        if let Some(refusal) = journal.refused.pop() {
            self.books.disappoint(&format!("server {number} refuses a packet of {refusal}"));
        }
        if !self.plan.has_faults {
            self.books.check_order(number, self.turn, &deeds);
        }
    }
}

/// What a server has kept of clients and workers that are gone.
fn remainder(number: usize, server: &Server) -> Option<String> {
    let (counts, due) = (server.jobs.broker.counts(), server.jobs.next_due());
    let sessions = server.session_count();
    if sessions > 0 || counts.connections > 0 || counts.jobs > 0 {
        return Some(format!("server {number} has {sessions} sessions, {counts:?}"));
    }
    (due != (None, None)).then(|| format!("server {number} has timers: {due:?}"))
}

/// What the handles of a server begin with in one of its lives.
fn life(server: usize, life: usize) -> String {
    format!("S{server}L{life}")
}

#[derive(Clone, Copy, Debug)]
enum Ready {
    Client(usize),
    Worker(usize),
    Server(usize),
}
