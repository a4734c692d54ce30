//! Load patterns of background jobs: clients that wait for acknowledgements, and workers that
//! complete the jobs.
//!
//! Must not: measure; that is `durable`.

use std::collections::VecDeque;
use std::time::Instant;

use super::load::*;
use super::stores::unique;

/// Clients with a number of submits each that are not acknowledged.
pub(crate) struct Submits {
    load: Load,
    outstanding: usize,
    state: SubmitState,
}

struct SubmitState {
    payload: Vec<u8>,
    goal: usize,
    submitted: usize,
    /// Submissions before this run.
    base: usize,
    acknowledged: usize,
    /// Times of each client's submits that are not acknowledged.
    since: Vec<VecDeque<Instant>>,
    /// In microseconds.
    latencies: Vec<f64>,
}

impl Submits {
    pub(crate) fn new(port: u16, clients: usize, outstanding: usize, payload: usize) -> Submits {
        let mut load = Load::new();
        (0..clients).for_each(|_| {
            load.connect(port);
        });
        let state = SubmitState {
            payload: vec![b'x'; payload],
            goal: 0,
            submitted: 0,
            base: 0,
            acknowledged: 0,
            since: vec![VecDeque::new(); clients],
            latencies: Vec::new(),
        };
        Submits { load, outstanding, state }
    }

    /// Makes the unique ids different from those of other clients.
    pub(crate) fn numbered_from(mut self, first: usize) -> Submits {
        self.state.base = first;
        self
    }

    /// Submits `jobs` jobs of function `queue`. Returns the times until their acknowledgements in
    /// microseconds.
    pub(crate) fn play(&mut self, jobs: usize) -> Vec<f64> {
        let state = &mut self.state;
        state.base += state.submitted;
        (state.goal, state.submitted, state.acknowledged) = (jobs, 0, 0);
        for _ in 0..self.outstanding {
            for client in 0..state.since.len() {
                state.submit(client, self.load.output(client));
            }
        }
        self.load.run(state);
        std::mem::take(&mut state.latencies)
    }
}

impl SubmitState {
    fn submit(&mut self, client: usize, out: &mut Vec<u8>) {
        if self.submitted < self.goal {
            self.submitted += 1;
            let unique = unique((self.base + self.submitted) as u64);
            append_request(out, SUBMIT_JOB_BG, &[b"queue", unique.as_bytes(), &self.payload]);
            self.since[client].push_back(Instant::now());
        }
    }
}

impl Scenario for SubmitState {
    fn on_packet(&mut self, i: usize, number: u32, payload: &[u8], _: usize, out: &mut Vec<u8>) {
        assert_eq!(number, JOB_CREATED, "{}", payload.escape_ascii());
        let since = self.since[i].pop_front().expect("a submit was not acknowledged");
        self.latencies.push(since.elapsed().as_secs_f64() * 1e6);
        self.acknowledged += 1;
        self.submit(i, out);
    }

    fn is_over(&self) -> bool {
        self.acknowledged == self.goal
    }
}

/// Clients that submit background jobs, and workers that complete them.
pub(crate) struct Lives {
    load: Load,
    outstanding: usize,
    state: LiveState,
}

struct LiveState {
    submits: SubmitState,
    completed: usize,
    /// Whether the server has confirmed the last result by an echo.
    is_settled: bool,
}

impl Lives {
    pub(crate) fn new(
        port: u16,
        clients: usize,
        outstanding: usize,
        workers: usize,
        payload: usize,
    ) -> Lives {
        let Submits { mut load, state: submits, .. } =
            Submits::new(port, clients, outstanding, payload);
        for _ in 0..workers {
            let index = load.connect(port);
            let out = load.output(index);
            append_request(out, CAN_DO, &[b"queue"]);
            append_request(out, GRAB_JOB_UNIQ, &[]);
        }
        Lives { load, outstanding, state: LiveState { submits, completed: 0, is_settled: false } }
    }

    /// Has `jobs` jobs submitted and completed.
    pub(crate) fn play(&mut self, jobs: usize) {
        let LiveState { submits, completed, is_settled } = &mut self.state;
        submits.base += submits.submitted;
        (submits.goal, submits.submitted, submits.acknowledged) = (jobs, 0, 0);
        (*completed, *is_settled) = (0, false);
        for _ in 0..self.outstanding {
            for client in 0..submits.since.len() {
                submits.submit(client, self.load.output(client));
            }
        }
        self.load.run(&mut self.state);
        self.state.submits.latencies.clear();
    }

    /// Works off `jobs` queued jobs, which are there. Returns their number.
    pub(crate) fn work_off(port: u16, workers: usize, jobs: usize) -> usize {
        let mut lives = Lives::new(port, 0, 0, workers, 0);
        lives.state.submits.goal = jobs;
        lives.state.submits.acknowledged = jobs;
        lives.load.run(&mut lives.state);
        lives.state.completed
    }
}

impl Scenario for LiveState {
    fn on_packet(&mut self, i: usize, number: u32, payload: &[u8], size: usize, out: &mut Vec<u8>) {
        match number {
            JOB_CREATED => self.submits.on_packet(i, number, payload, size, out),
            JOB_ASSIGN_UNIQ => {
                let handle = words(payload).next().expect("a handle");
                append_request(out, WORK_COMPLETE, &[handle, b"result"]);
                append_request(out, GRAB_JOB_UNIQ, &[]);
                self.completed += 1;
                if self.completed == self.submits.goal {
                    append_request(out, ECHO_REQ, &[b"done?"]);
                }
            }
            NO_JOB => append_request(out, PRE_SLEEP, &[]),
            NOOP => append_request(out, GRAB_JOB_UNIQ, &[]),
            ECHO_RES => self.is_settled = true,
            other => panic!("packet {other}: {}", payload.escape_ascii()),
        }
    }

    fn is_over(&self) -> bool {
        self.is_settled && self.submits.is_over()
    }
}
