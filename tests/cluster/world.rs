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
use crate::client::{ClientActor, Order};
use crate::network::{LinkId, Network, SERVERS, Shared};
use crate::random::Random;
use crate::script::{Action, BODY_MAX, FUNCTIONS, Plan, Script, Submit, Timed};
use crate::server::Server;
use crate::worker::WorkerActor;

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
    is_settling: bool,
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
            books: Books::default(),
            turn: 0,
            steps: 0,
            stalled_since: BTreeMap::new(),
            is_settling: false,
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
        place.server = Some(Server::new(&self.network, number, broker, settings, calendar));
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
        self.is_settling = true;
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
        if !self.plan.has_faults {
            self.books.check_order(number, self.turn, &deeds);
        }
    }

    /// No reply may be held for longer than stated.
    fn watch_held_replies(&mut self) {
        for (number, place) in self.places.iter_mut().enumerate() {
            // What has come meanwhile is not held: the server has not seen it yet.
            let server = place.server.as_mut().filter(|server| !server.is_ready());
            if let Some(text) = server.and_then(Server::held_too_long) {
                self.books.fail("held", format!("server {number}: {text}"));
            }
        }
    }

    /// A job that can be done must not wait beside a worker that asks for jobs.
    fn watch_for_stalls(&mut self) {
        // Where only so many are woken, one that is out of reach may be the one.
        if self.plan.has_faults && self.plan.wakeup.is_some_and(|count| count > 0) {
            return;
        }
        let now = self.now_us();
        let more = if self.plan.has_faults { STALL_PER_SERVER_US } else { 0 };
        // A worker that asks may be about to get a job: a window of it in each round trip,
        // from each server in turn.
        let quality = self.plan.quality;
        let windows = (BODY_MAX / quality.window + 1) as u64;
        let transfer = windows * 2 * quality.delay_us * (1 + self.plan.servers as u64);
        let limit =
            STALL_US + more * (self.plan.servers as u64 - 1) + 8 * quality.delay_us + transfer;
        let mut stalls = BTreeMap::new();
        for (number, server) in self.servers() {
            let queued = server.queued();
            for (index, worker) in self.workers.iter().enumerate() {
                let Some(link) = worker.link(number) else { continue };
                let network = self.network.borrow();
                let can_work = worker.is_searching()
                    && worker.stalled_until_us <= now
                    && network.is_up(link)
                    && network.is_clear(worker.host, SERVERS + number);
                for function in (0..FUNCTIONS).filter(|&f| queued[f] && worker.offers[f]) {
                    if can_work {
                        stalls.insert((number, index, function), link);
                    }
                }
            }
        }
        self.stalled_since.retain(|key, _| stalls.contains_key(key));
        for (key, _) in stalls {
            let since = *self.stalled_since.entry(key).or_insert(now);
            if now > since + limit {
                let (number, _, function) = key;
                let text = format!(
                    "a job of f{function} has waited at server {number} since {since}; {}",
                    self.describe()
                );
                self.books.fail("stall", text);
                return;
            }
        }
    }

    /// Does what the script and the repairs have for now.
    fn act(&mut self, now: u64) {
        while let Some(&&timed) = self.actions.peek() {
            if timed.at_us > now {
                break;
            }
            self.actions.next();
            self.perform(timed, now);
        }
        while let Some((&(at, number), &repair)) = self.repairs.iter().next() {
            if at > now {
                break;
            }
            self.repairs.remove(&(at, number));
            match repair {
                Repair::Start(server) => self.start_server(server),
                Repair::Heal { host, server, there, back } => {
                    self.black_hole(host, server, there, back, false);
                }
                Repair::Offer { worker, function } => self.workers[worker].offer(function),
            }
        }
    }

    fn black_hole(&mut self, host: usize, server: usize, there: bool, back: bool, on: bool) {
        let mut network = self.network.borrow_mut();
        if there {
            network.black_hole(host, SERVERS + server, on);
        }
        if back {
            network.black_hole(SERVERS + server, host, on);
        }
    }

    fn perform(&mut self, timed: Timed, now: u64) {
        let mut repair_after = |for_us, repair| {
            self.repairs.insert((now + for_us, timed.number), repair);
        };
        match timed.action {
            Action::Submit { client, how, function, priority, shared_unique, bytes } => {
                self.submit(client, how, function, priority, shared_unique, bytes);
            }
            Action::Echo { client } => self.clients[client].order(Order::Echo),
            Action::ClientDies { client } => {
                self.clients[client] =
                    ClientActor::new(&self.network, client, self.epoch, &self.plan);
            }
            Action::WorkerDies { worker } => {
                let host = self.plan.clients + worker;
                self.workers[worker] =
                    WorkerActor::new(&self.network, host, self.epoch, &self.plan);
            }
            Action::WorkerForgets { worker, function, for_us } => {
                self.workers[worker].forget(function);
                self.books.taken_back.insert(function);
                repair_after(for_us, Repair::Offer { worker, function });
            }
            Action::Stall { host, for_us } => match host.checked_sub(self.plan.clients) {
                None => self.clients[host].stall(now, for_us),
                Some(worker) => self.workers[worker].stall(now, for_us),
            },
            Action::ServerDies { server, silent, for_us } => {
                repair_after(for_us, Repair::Start(server));
                let place = &mut self.places[server];
                if place.server.is_some() {
                    self.books.crashed.insert(life(server, place.life));
                    // Before the process lets go of its connections.
                    self.network.borrow_mut().stop_server(server, silent);
                    place.server = None;
                }
            }
            Action::BlackHole { host, server, there, back, for_us } => {
                repair_after(for_us, Repair::Heal { host, server, there, back });
                self.black_hole(host, server, there, back, true);
            }
            Action::Reset { host, server } => {
                let links: Vec<LinkId> = self.network.borrow().open_links(host);
                for link in links {
                    let is_theirs = self.network.borrow().server_of(link) == server;
                    if is_theirs {
                        self.network.borrow_mut().reset(link);
                    }
                }
            }
            Action::ClockJump { server, by_s } => {
                let error = &self.places[server].calendar_error_s;
                error.set(error.get() + by_s);
            }
        }
    }

    fn submit(
        &mut self,
        client: usize,
        how: Submit,
        function: usize,
        priority: usize,
        shared_unique: Option<usize>,
        bytes: usize,
    ) {
        let books = &mut self.books;
        let mut enter = |background, priority| {
            books.submit(function, shared_unique, priority, background, bytes)
        };
        let order = match how {
            Submit::Do => Order::Do(enter(false, priority)),
            Submit::Background => Order::Background(enter(true, priority)),
            // SUBMIT_JOB_EPOCH has no priority.
            Submit::Later(after_s) => {
                let seconds = self.network.borrow().now_us() / 1_000_000 + after_s;
                Order::Later(enter(true, 1), (crate::server::EPOCH_S + seconds) as i64)
            }
            Submit::Set(count) => Order::Set((0..count).map(|_| enter(false, priority)).collect()),
        };
        self.clients[client].order(order);
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
