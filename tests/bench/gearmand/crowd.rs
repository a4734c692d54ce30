//! Clients that wait for their jobs beside workers that sleep in between, as
//! libraries do; and one client that queues without waiting.
//!
//! Must not: measure; that is `cases`.

use std::ops::Range;
use std::time::Instant;

use super::load::*;

/// What a crowd is made of.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    /// Jobs that a client has out at a time.
    pub(crate) outstanding: usize,
    pub(crate) workers: usize,
    /// The functions in turn; each worker offers its share of them, or all of
    /// them when there are fewer than workers.
    pub(crate) functions: Vec<String>,
    /// Bytes of a job's workload, and of its result.
    pub(crate) payload: usize,
}

/// A crowd on its connections.
pub(crate) struct Crowd {
    shape: Shape,
    load: Load,
    party: Party,
}

struct Party {
    clients: Range<usize>,
    outstanding: usize,
    functions: Vec<String>,
    payload: Vec<u8>,
    goal: usize,
    submitted: usize,
    completed: usize,
    /// When each client submitted last, and how long each of its jobs took: for
    /// clients with one job at a time.
    since: Vec<Instant>,
    pub(crate) latencies: Vec<f64>,
}

impl Crowd {
    /// Connects everybody; the workers ask and go to sleep.
    pub(crate) fn new(port: u16, shape: Shape) -> Crowd {
        Crowd::between(&[port], shape)
    }

    /// The same with several servers, each with its share of the clients and of the
    /// workers.
    pub(crate) fn between(ports: &[u16], shape: Shape) -> Crowd {
        let port = |number| ports[number % ports.len()];
        let mut load = Load::new();
        let share = (shape.functions.len() / shape.workers.max(1)).max(1);
        let clients = 0..shape.clients;
        clients.clone().for_each(|number| {
            load.connect(port(number));
        });
        for number in 0..shape.workers {
            let who = load.connect(port(number));
            let out = load.output(who);
            let offered = shape.functions.iter().cycle().skip(number * share).take(share);
            offered.for_each(|function| say(out, CAN_DO, &[function.as_bytes()]));
            say(out, GRAB_JOB_UNIQ, &[]);
        }
        let party = Party {
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
        Crowd { shape, load, party }
    }

    /// Plays so many jobs. Returns microseconds per job, of clients that have
    /// one job at a time.
    pub(crate) fn play(&mut self, jobs: usize) -> Vec<f64> {
        let party = &mut self.party;
        (party.goal, party.submitted, party.completed) = (jobs, 0, 0);
        party.latencies.clear();
        for _ in 0..self.shape.outstanding {
            for client in party.clients.clone() {
                party.submit(client, self.load.output(client));
            }
        }
        self.load.run(party);
        std::mem::take(&mut party.latencies)
    }
}

impl Party {
    fn submit(&mut self, client: usize, out: &mut Vec<u8>) {
        if self.submitted == self.goal {
            return;
        }
        let unique = format!("unique-{:09}", self.submitted);
        let function = &self.functions[self.submitted % self.functions.len()];
        say(out, SUBMIT_JOB, &[function.as_bytes(), unique.as_bytes(), &self.payload]);
        self.submitted += 1;
        if self.outstanding == 1 {
            self.since[client] = Instant::now();
        }
    }
}

impl Play for Party {
    fn hear(&mut self, who: usize, number: u32, payload: &[u8], size: usize, out: &mut Vec<u8>) {
        match number {
            JOB_CREATED => {}
            WORK_COMPLETE => {
                assert!(size > self.payload.len(), "a short result");
                self.completed += 1;
                if self.outstanding == 1 {
                    self.latencies.push(self.since[who].elapsed().as_secs_f64() * 1e6);
                }
                self.submit(who, out);
            }
            JOB_ASSIGN_UNIQ => {
                let handle = words(payload).next().expect("a handle");
                say(out, WORK_COMPLETE, &[handle, &self.payload]);
                say(out, GRAB_JOB_UNIQ, &[]);
            }
            NO_JOB => say(out, PRE_SLEEP, &[]),
            NOOP => say(out, GRAB_JOB_UNIQ, &[]),
            other => panic!("packet {other}: {}", payload.escape_ascii()),
        }
    }

    fn is_over(&self) -> bool {
        self.completed == self.goal
    }
}

/// One client that queues background jobs: a window of them goes out at once,
/// and the next when all of it is acknowledged.
pub(crate) struct Queueing {
    load: Load,
    who: usize,
    number: usize,
}

/// Jobs per window.
const WINDOW: usize = 200;

impl Queueing {
    pub(crate) fn new(port: u16) -> Queueing {
        let mut load = Load::new();
        let who = load.connect(port);
        Queueing { load, who, number: 0 }
    }

    /// Queues so many more jobs of function `queue`, each with a unique id of its
    /// own.
    pub(crate) fn add(&mut self, jobs: usize, payload: usize) {
        let payload = vec![b'x'; payload];
        let mut left = jobs;
        while left > 0 {
            let window = left.min(WINDOW);
            for _ in 0..window {
                let unique = format!("unique-{:09}", self.number);
                self.number += 1;
                let out = self.load.output(self.who);
                say(out, SUBMIT_JOB_BG, &[b"queue", unique.as_bytes(), &payload]);
            }
            self.load.run(&mut Acknowledged(window));
            left -= window;
        }
    }
}

/// So many acknowledgements.
struct Acknowledged(usize);

impl Play for Acknowledged {
    fn hear(&mut self, _: usize, number: u32, payload: &[u8], _: usize, _: &mut Vec<u8>) {
        assert_eq!(number, JOB_CREATED, "{}", payload.escape_ascii());
        self.0 -= 1;
    }

    fn is_over(&self) -> bool {
        self.0 == 0
    }
}

/// One worker that works a queue off.
pub(crate) fn drain(port: u16, function: &str, jobs: usize) {
    let mut load = Load::new();
    let who = load.connect(port);
    let out = load.output(who);
    say(out, CAN_DO, &[function.as_bytes()]);
    say(out, GRAB_JOB_UNIQ, &[]);
    load.run(&mut Draining { left: jobs, settled: false });
}

struct Draining {
    left: usize,
    /// Whether the server said that it has handled the last result.
    settled: bool,
}

impl Play for Draining {
    fn hear(&mut self, _: usize, number: u32, payload: &[u8], _: usize, out: &mut Vec<u8>) {
        match number {
            JOB_ASSIGN_UNIQ => {
                let handle = words(payload).next().expect("a handle");
                say(out, WORK_COMPLETE, &[handle, b"result"]);
                self.left -= 1;
                match self.left {
                    0 => say(out, ECHO_REQ, &[b"done?"]),
                    _ => say(out, GRAB_JOB_UNIQ, &[]),
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
