//! A worker of the simulation: a real worker engine with functions that take simulated
//! time.
//!
//! Must not: know the network beyond its own sockets.

use std::task::Poll;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::worker::{Outcome, Report, Search, WorkStep, WorkTicket, Worker};
use gearman_net::Transport;

use crate::checker::{Checker, fails, function_name, last_piece, pieces};
use crate::network::{Host, LinkId, Shared};
use crate::script::{FUNCTIONS, Plan};
use crate::transport::{FIRST_PORT, SimTransport};

/// Pause of a worker's loop after an error, in microseconds.
const ERROR_PAUSE_US: u64 = 10_000;
/// Longest duration of most jobs, in microseconds.
const SHORT_JOB_US: u64 = 300;
/// Timeout of a call that waits for a job, as most programs set it.
const WORK_TIMEOUT_MS: u64 = 5_000;

/// Stands for a closed connection.
const CLOSED_LINK: LinkId = LinkId(usize::MAX);

/// A running job.
struct Running {
    ticket: WorkTicket,
    handle: Vec<u8>,
    /// The connection that it was received on.
    link: LinkId,
    payload: Vec<u8>,
    /// Number of WORK_DATA packets that were not sent yet.
    pieces: usize,
}

/// The state of a worker.
enum State {
    /// It pauses until this time before its next call.
    Pauses(u64),
    /// It requests a job, in a call that waits.
    Searches(Search),
    /// Its event loop polls for a job, at most until this time.
    Polls(Option<u64>),
    /// Its function runs until this time, and then sends a report.
    Runs(Running, u64),
    /// A WORK_DATA is being sent.
    Sends(Running, Vec<u8>),
    /// The end of a job is being sent.
    Ends(Vec<u8>, LinkId, Vec<u8>),
}

/// A simulated worker process.
pub(crate) struct WorkerActor {
    engine: Worker<SimTransport>,
    state: State,
    network: Shared,
    job_us: u64,
    job_limit_s: u32,
    pub(crate) host: Host,
    /// Functions that it offers from its next call on.
    wants: [bool; FUNCTIONS],
    /// Functions that it offers now.
    pub(crate) offers: [bool; FUNCTIONS],
    pub(crate) stalled_until_us: u64,
}

impl WorkerActor {
    pub(crate) fn new(network: &Shared, host: Host, epoch: Instant, plan: &Plan) -> WorkerActor {
        let mut engine = Worker::new(SimTransport::new(network, host, epoch));
        // Every other worker is driven by an event loop, without calls that wait.
        engine.link.settings.non_blocking = host % 2 == 1;
        engine.link.settings.tls = plan.has_tls;
        engine.link.settings.timeout = Some(Duration::from_millis(WORK_TIMEOUT_MS));
        for server in 0..plan.servers {
            engine.add_server("127.0.0.1", FIRST_PORT + server as u16).expect("an address");
        }
        WorkerActor {
            engine,
            state: State::Pauses(0),
            network: network.clone(),
            job_us: plan.job_us,
            job_limit_s: plan.job_limit_s,
            host,
            wants: [true; FUNCTIONS],
            offers: [false; FUNCTIONS],
            stalled_until_us: 0,
        }
    }

    /// Offers a function from its next call on.
    pub(crate) fn offer(&mut self, function: usize) {
        self.wants[function] = true;
    }

    /// Withdraws a function from its next call on.
    pub(crate) fn forget(&mut self, function: usize) {
        self.wants[function] = false;
    }

    /// Changes the offered functions, as programs do between two calls.
    fn change_offers(&mut self) {
        for function in 0..FUNCTIONS {
            let (name, wanted) = (function_name(function), self.wants[function]);
            if std::mem::replace(&mut self.offers[function], wanted) == wanted {
                continue;
            }
            let limit = if function + 1 == FUNCTIONS { self.job_limit_s } else { 0 };
            let changed = match wanted {
                true => self.engine.add_function(name.as_bytes(), limit, Some(function as u64)),
                false => self.engine.remove_function(name.as_bytes()),
            };
            changed.expect("a valid name");
        }
    }

    /// Whether it is idle: it would start a job at once.
    pub(crate) fn is_searching(&self) -> bool {
        matches!(self.state, State::Searches(_) | State::Polls(_))
    }

    /// Its connection to a server.
    pub(crate) fn link(&self, server: usize) -> Option<LinkId> {
        self.engine.link.net.link(server)
    }

    pub(crate) fn stall(&mut self, now_us: u64, for_us: u64) {
        self.stalled_until_us = self.stalled_until_us.max(now_us + for_us);
    }

    pub(crate) fn describe(&self) -> String {
        let state = match &self.state {
            State::Pauses(until) => format!("pauses until {until}"),
            State::Searches(_) => "asks for jobs".into(),
            State::Polls(until) => format!("polls for jobs until {until:?}"),
            State::Runs(running, until) => {
                format!("runs {} until {until}", String::from_utf8_lossy(&running.handle))
            }
            State::Sends(running, _) => {
                format!("sends for {}", String::from_utf8_lossy(&running.handle))
            }
            State::Ends(handle, ..) => format!("ends {}", String::from_utf8_lossy(handle)),
        };
        format!("worker {} {state}", self.host)
    }

    pub(crate) fn is_ready(&self, now_us: u64) -> bool {
        now_us >= self.stalled_until_us && self.due_us().is_some_and(|due| due <= now_us)
    }

    fn waits_for_network(&self) -> bool {
        !matches!(self.state, State::Pauses(_) | State::Runs(..))
    }

    pub(crate) fn due_us(&self) -> Option<u64> {
        let due = match &self.state {
            State::Pauses(until) | State::Runs(_, until) => Some(*until),
            // A program with an event loop changes its functions at once.
            State::Polls(_) if self.wants != self.offers => Some(0),
            State::Polls(until) => *until,
            State::Searches(_) | State::Sends(..) | State::Ends(..) => {
                self.engine.link.wait_deadline().map(|at| {
                    let left = at.saturating_duration_since(self.engine.link.net.now());
                    self.network.borrow().now_us() + left.as_nanos().div_ceil(1000) as u64
                })
            }
        };
        // Packets that arrive during a stall are handled when it ends.
        let is_called = self.waits_for_network() && self.engine.link.net.has_reports();
        let due = if is_called { Some(0) } else { due };
        due.map(|due| due.max(self.stalled_until_us))
    }

    pub(crate) fn step(&mut self, now_us: u64, checker: &mut Checker) {
        match std::mem::replace(&mut self.state, State::Pauses(now_us)) {
            State::Pauses(_) | State::Polls(_) => {
                self.change_offers();
                self.search(Search::for_work(), now_us, checker);
            }
            State::Searches(search) => {
                self.engine.link.sleep();
                self.search(search, now_us, checker);
            }
            State::Runs(running, _) => self.report(running, now_us, checker),
            State::Sends(running, body) => {
                self.engine.link.sleep();
                match self.engine.poll_push(&body) {
                    Poll::Pending => self.state = State::Sends(running, body),
                    Poll::Ready(_) => self.run_on(running, now_us),
                }
            }
            State::Ends(handle, link, body) => {
                self.engine.link.sleep();
                let code = self.engine.poll_push(&body);
                self.ended(code, (handle, link), body, now_us, checker);
            }
        }
    }

    fn search(&mut self, mut search: Search, now_us: u64, checker: &mut Checker) {
        match self.engine.poll_work(&mut search) {
            Poll::Pending => self.state = State::Searches(search),
            Poll::Ready(WorkStep::Call(upcall, ticket)) => {
                let function = upcall.token as usize;
                self.begin(ticket, function, now_us, checker);
            }
            Poll::Ready(WorkStep::Done(code))
                if self.engine.link.settings.non_blocking
                    && code != ReturnCode::NO_REGISTERED_FUNCTIONS =>
            {
                let next = match self.engine.has_buffered_work() {
                    true => Some(Duration::ZERO),
                    false => self.engine.next_timeout(),
                };
                let next = next.map(|left| now_us + left.as_nanos().div_ceil(1000) as u64);
                self.state = State::Polls(next.map(|at| at.max(now_us + 1)));
            }
            Poll::Ready(WorkStep::Done(code)) => {
                let pause = if code == ReturnCode::TIMEOUT { 0 } else { ERROR_PAUSE_US };
                self.state = State::Pauses(now_us + pause);
            }
        }
    }

    fn begin(&mut self, ticket: WorkTicket, function: usize, now_us: u64, checker: &mut Checker) {
        let job = self.engine.job(ticket.job()).expect("the job that was just received");
        let (handle, payload) = (job.handle().to_vec(), job.workload().to_vec());
        let link = self.engine.link.net.link(job.connection());
        // The connection of a received job may be closed already.
        let link = link.unwrap_or(CLOSED_LINK);
        let network = self.network.borrow();
        checker.begin(&handle, function, &payload, link, now_us, |before, function| {
            // The connection of the previous run was lost, or that of this one, which its
            // worker has not noticed yet.
            let is_lost = |link| link == CLOSED_LINK || !network.is_up(link);
            // The previous run may have exceeded the time limit, by the server's clock.
            let is_limited = function + 1 == FUNCTIONS && self.job_limit_s > 0;
            is_lost(before) || is_lost(link) || is_limited
        });
        drop(network);
        let pieces = pieces(&payload);
        self.run_on(Running { ticket, handle, link, payload, pieces }, now_us);
    }

    /// Runs the function until its next report.
    fn run_on(&mut self, running: Running, now_us: u64) {
        // Most jobs are short; one in six may be long.
        let digit = u64::from(running.payload.first().copied().unwrap_or(0));
        let chance = (digit * 7 + running.payload.len() as u64) * 997 + now_us;
        let most =
            if chance.is_multiple_of(6) { self.job_us } else { self.job_us.min(SHORT_JOB_US) };
        let takes = 1 + chance % most;
        self.state = State::Runs(running, now_us + takes);
    }

    fn report(&mut self, mut running: Running, now_us: u64, checker: &mut Checker) {
        let job = running.ticket.job();
        if running.pieces > 0 {
            running.pieces -= 1;
            let body = running.payload.clone();
            match self.engine.poll_send(job, Report::Data, &body) {
                Poll::Pending => self.state = State::Sends(running, body),
                Poll::Ready(_) => self.run_on(running, now_us),
            }
            return;
        }
        let (outcome, body) = match fails(&running.payload) {
            true => (Outcome::Fail(ReturnCode::WORK_FAIL), Vec::new()),
            false => (Outcome::Complete(ReturnCode::SUCCESS), last_piece(&running.payload)),
        };
        let code = self.engine.poll_finish(running.ticket, outcome, &body);
        self.ended(code, (running.handle, running.link), body, now_us, checker);
    }

    fn ended(
        &mut self,
        code: Poll<ReturnCode>,
        (handle, link): (Vec<u8>, LinkId),
        body: Vec<u8>,
        now_us: u64,
        checker: &mut Checker,
    ) {
        match code {
            Poll::Pending => self.state = State::Ends(handle, link, body),
            Poll::Ready(code) => {
                if matches!(code, ReturnCode::SUCCESS | ReturnCode::WORK_FAIL) {
                    checker.end(&handle, link);
                }
                self.state = State::Pauses(now_us);
            }
        }
    }
}
