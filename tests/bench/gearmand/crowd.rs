//! Load patterns: clients that wait for results with workers that sleep between jobs, and one
//! client that queues background jobs.
//!
//! Must not: measure; that is `cases`.

use std::ops::Range;
use std::time::Instant;

use super::load::*;

/// Size and payload of a crowd.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    /// Unanswered jobs per client.
    pub(crate) outstanding: usize,
    pub(crate) workers: usize,
    /// Functions, submitted to in turn. Each worker registers its share of them, or all if there
    /// are fewer functions than workers.
    pub(crate) functions: Vec<String>,
    /// Bytes of a workload and of a result.
    pub(crate) payload: usize,
    /// Whether connections have TLS.
    pub(crate) tls: bool,
}

/// Connected clients and workers.
pub(crate) struct Crowd {
    shape: Shape,
    load: Load,
    state: CrowdState,
}

struct CrowdState {
    clients: Range<usize>,
    outstanding: usize,
    functions: Vec<String>,
    payload: Vec<u8>,
    goal: usize,
    submitted: usize,
    completed: usize,
    /// Time of each client's last submission, and the latencies in microseconds. Only for clients
    /// with one job at a time.
    since: Vec<Instant>,
    pub(crate) latencies: Vec<f64>,
}

impl Crowd {
    /// Connects all clients and workers; the workers register and sleep.
    pub(crate) fn new(port: u16, shape: Shape) -> Crowd {
        Crowd::between(&[port], shape)
    }

    /// Like [`Crowd::new`], with clients and workers spread over several servers.
    pub(crate) fn between(ports: &[u16], shape: Shape) -> Crowd {
        let port = |number| ports[number % ports.len()];
        let mut load = Load::with(shape.tls);
        let share = (shape.functions.len() / shape.workers.max(1)).max(1);
        let clients = 0..shape.clients;
        clients.clone().for_each(|number| {
            load.connect(port(number));
        });
        for number in 0..shape.workers {
            let index = load.connect(port(number));
            let out = load.output(index);
            let offered = shape.functions.iter().cycle().skip(number * share).take(share);
            offered.for_each(|function| append_request(out, CAN_DO, &[function.as_bytes()]));
            append_request(out, GRAB_JOB_UNIQ, &[]);
        }
        let state = CrowdState {
            since: vec![Instant::now(); shape.clients],
            clients,
            outstanding: shape.outstanding,
            functions: shape.functions.clone(),
            payload: vec![b'x'; shape.payload],
            goal: 0,
            submitted: 0,
            completed: 0,
            latencies: Vec::new(),
        };
        Crowd { shape, load, state }
    }

    /// Runs `jobs` jobs. Returns latencies in microseconds if each client has one job at a time.
    pub(crate) fn play(&mut self, jobs: usize) -> Vec<f64> {
        let state = &mut self.state;
        (state.goal, state.submitted, state.completed) = (jobs, 0, 0);
        state.latencies.clear();
        for _ in 0..self.shape.outstanding {
            for client in state.clients.clone() {
                state.submit(client, self.load.output(client));
            }
        }
        self.load.run(state);
        std::mem::take(&mut state.latencies)
    }
}

impl CrowdState {
    fn submit(&mut self, client: usize, out: &mut Vec<u8>) {
        if self.submitted == self.goal {
            return;
        }
        let unique = format!("unique-{:09}", self.submitted);
        let function = &self.functions[self.submitted % self.functions.len()];
        append_request(out, SUBMIT_JOB, &[function.as_bytes(), unique.as_bytes(), &self.payload]);
        self.submitted += 1;
        if self.outstanding == 1 {
            self.since[client] = Instant::now();
        }
    }
}

impl Scenario for CrowdState {
    fn on_packet(
        &mut self,
        index: usize,
        number: u32,
        payload: &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) {
        match number {
            JOB_CREATED => {}
            WORK_COMPLETE => {
                assert!(size > self.payload.len(), "a short result");
                self.completed += 1;
                if self.outstanding == 1 {
                    self.latencies.push(self.since[index].elapsed().as_secs_f64() * 1e6);
                }
                self.submit(index, out);
            }
            JOB_ASSIGN_UNIQ => {
                let handle = words(payload).next().expect("a handle");
                append_request(out, WORK_COMPLETE, &[handle, &self.payload]);
                append_request(out, GRAB_JOB_UNIQ, &[]);
            }
            NO_JOB => append_request(out, PRE_SLEEP, &[]),
            NOOP => append_request(out, GRAB_JOB_UNIQ, &[]),
            other => panic!("packet {other}: {}", payload.escape_ascii()),
        }
    }

    fn is_over(&self) -> bool {
        self.completed == self.goal
    }
}

/// A client that queues background jobs in windows: the next window is sent when the last is
/// acknowledged.
pub(crate) struct Queueing {
    load: Load,
    index: usize,
    number: usize,
}

/// Jobs per window.
const WINDOW: usize = 200;

impl Queueing {
    pub(crate) fn new(port: u16) -> Queueing {
        let mut load = Load::new();
        let index = load.connect(port);
        Queueing { load, index, number: 0 }
    }

    /// Queues `jobs` jobs of function `queue` with distinct unique ids.
    pub(crate) fn add(&mut self, jobs: usize, payload: usize) {
        let payload = vec![b'x'; payload];
        let mut left = jobs;
        while left > 0 {
            let window = left.min(WINDOW);
            for _ in 0..window {
                let unique = format!("unique-{:09}", self.number);
                self.number += 1;
                let out = self.load.output(self.index);
                append_request(out, SUBMIT_JOB_BG, &[b"queue", unique.as_bytes(), &payload]);
            }
            self.load.run(&mut Acknowledged(window));
            left -= window;
        }
    }
}

/// Counts down acknowledgements.
struct Acknowledged(usize);

impl Scenario for Acknowledged {
    fn on_packet(&mut self, _: usize, number: u32, payload: &[u8], _: usize, _: &mut Vec<u8>) {
        assert_eq!(number, JOB_CREATED, "{}", payload.escape_ascii());
        self.0 -= 1;
    }

    fn is_over(&self) -> bool {
        self.0 == 0
    }
}

/// A worker that drains a queue.
pub(crate) fn drain(port: u16, function: &str, jobs: usize) {
    let mut load = Load::new();
    let index = load.connect(port);
    let out = load.output(index);
    append_request(out, CAN_DO, &[function.as_bytes()]);
    append_request(out, GRAB_JOB_UNIQ, &[]);
    load.run(&mut Draining { left: jobs, settled: false });
}

struct Draining {
    left: usize,
    /// Whether the server has confirmed the last result by an echo.
    settled: bool,
}

impl Scenario for Draining {
    fn on_packet(&mut self, _: usize, number: u32, payload: &[u8], _: usize, out: &mut Vec<u8>) {
        match number {
            JOB_ASSIGN_UNIQ => {
                let handle = words(payload).next().expect("a handle");
                append_request(out, WORK_COMPLETE, &[handle, b"result"]);
                self.left -= 1;
                match self.left {
                    0 => append_request(out, ECHO_REQ, &[b"done?"]),
                    _ => append_request(out, GRAB_JOB_UNIQ, &[]),
                }
            }
            ECHO_RES => self.settled = true,
            other => panic!("packet {other} with {} jobs left", self.left),
        }
    }

    fn is_over(&self) -> bool {
        self.settled
    }
}
