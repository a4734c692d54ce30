//! The script of a simulation: its size, its network, and a list of timed actions, all
//! derived from one seed. Actions do not depend on each other, so a script can be shrunk by
//! leaving some out.
//!
//! Must not: run anything.

use crate::access::RefusedAct;
use crate::adversary::{Attack, ServerLimits, add_attacks};
use crate::network::Quality;
use crate::store::{StoreQuality, UNLIMITED_BYTES};
use gearman_test_support::random::Random;

/// Number of functions.
pub(crate) const FUNCTIONS: usize = 3;
/// Size of the largest payload in bytes.
pub(crate) const BODY_MAX: usize = 70_000;
/// Duration in which actions start, in microseconds.
pub(crate) const ACTIVE_US: u64 = 3_000_000;

/// Everything that determines a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    /// Sorted by time. Each action keeps its number when others are left out.
    pub(crate) actions: Vec<Timed>,
}

/// An action and its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) number: usize,
    /// Microseconds since the start.
    pub(crate) at_us: u64,
    pub(crate) action: Action,
}

/// Parameters that are constant during a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) servers: usize,
    pub(crate) clients: usize,
    pub(crate) workers: usize,
    pub(crate) quality: Quality,
    /// Whether actions include faults.
    pub(crate) has_faults: bool,
    /// The time limit of clients' calls, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
    /// How often clients may submit a lost job again.
    pub(crate) resubmissions: u16,
    /// Whether connections have TLS.
    pub(crate) has_tls: bool,
    /// Whether clients place jobs by their unique ids.
    pub(crate) by_unique: bool,
    /// Sleeping workers that a job wakes: as needed (`None`), all (0), or at most this many.
    pub(crate) wakeup: Option<u8>,
    /// Attempts before a job fails.
    pub(crate) attempts: Option<u8>,
    /// Longest duration of a job, in microseconds.
    pub(crate) job_us: u64,
    /// Time limit of jobs of the last function, in seconds; 0 for no limit.
    pub(crate) job_limit_s: u32,
    /// Whether an empty GRAB_JOB is held and JOB_CREATED is delayed.
    pub(crate) delays_replies: bool,
    /// The store of each server, if background jobs are durable.
    pub(crate) store: Option<StoreQuality>,
    /// Hostile hosts.
    pub(crate) adversaries: usize,
    pub(crate) limits: ServerLimits,
}

/// How a job is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    /// In the foreground, by a call that waits for this job only.
    Do,
    /// In the background.
    Background,
    /// In the background, delayed by this many seconds.
    Delayed(u64),
    /// This many foreground jobs, run together.
    Set(usize),
}

/// An action in a simulated cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// A client submits one or more jobs.
    Submit {
        client: usize,
        how: Submit,
        function: usize,
        /// 0 for high, 1 for normal, 2 for low.
        priority: usize,
        /// One of a few uniques that are shared by several submissions.
        shared_unique: Option<usize>,
        bytes: usize,
    },
    /// A client requests an echo from all servers.
    Echo { client: usize },
    /// A client's process is killed, and a new one starts.
    ClientDies { client: usize },
    /// A worker's process is killed, possibly while it runs a job, and a new one starts.
    WorkerDies { worker: usize },
    /// A worker withdraws a function, and offers it again later.
    WorkerForgets { worker: usize, function: usize, for_us: u64 },
    /// A process is not scheduled for a while.
    Stall { host: usize, for_us: u64 },
    /// A server's process is killed, or, if `silent`, its host loses power.
    ServerDies { server: usize, silent: bool, for_us: u64 },
    /// Nothing arrives from a host at a server (`there`), from the server at the host
    /// (`back`), or both.
    BlackHole { host: usize, server: usize, there: bool, back: bool, for_us: u64 },
    /// A host's connections to a server are reset.
    Reset { host: usize, server: usize },
    /// The rules of a server refuse a host a function, and allow it again later.
    Refuse { server: usize, host: usize, act: RefusedAct, function: usize, for_us: u64 },
    /// A server's calendar is set.
    ClockJump { server: usize, by_s: i64 },
    /// An adversary does something.
    Attack(Attack),
}

impl Plan {
    /// The number of clients and workers. The hosts behind them are hostile.
    pub(crate) fn honest_hosts(&self) -> usize {
        self.clients + self.workers
    }
}

impl Script {
    /// The script of a seed.
    pub(crate) fn of(seed: u64) -> Script {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED);
        let mut plan = plan(&mut random);
        let count = random.pick(&[5, 20, 60, 150]);
        let mut actions: Vec<Timed> = (0..count)
            .map(|number| Timed {
                number,
                at_us: random.below(ACTIVE_US as usize) as u64,
                action: action(&mut random, &plan),
            })
            .collect();
        burst(&mut random, &mut actions);
        add_attacks(seed, &mut plan, &mut actions);
        actions.sort_by_key(|timed| (timed.at_us, timed.number));
        Script { seed, plan, actions }
    }

    /// The same script with other actions.
    pub(crate) fn with_actions(&self, actions: Vec<Timed>) -> Script {
        Script { actions, ..self.clone() }
    }
}

/// Moves many actions into 5 ms, in every second script.
fn burst(random: &mut Random, actions: &mut [Timed]) {
    if random.one_in(2) {
        let at = random.below(ACTIVE_US as usize) as u64;
        let share = random.pick(&[2, 3]);
        for timed in actions.iter_mut().filter(|timed| timed.number % share == 0) {
            timed.at_us = at + timed.at_us % 5_000;
        }
    }
}

fn plan(random: &mut Random) -> Plan {
    let quality = Quality {
        delay_us: random.pick(&[50, 200, 2_000, 20_000]),
        piece: random.pick(&[0, 0, 1_000, 50, 3]),
        window: random.pick(&[1 << 20, 64 << 10, 9_000]),
        short_send_in: random.pick(&[0, 0, 5, 50]),
    };
    let has_faults = random.below(4) > 0;
    let timeout_ms = random.pick(&[None, Some(500), Some(3_000)]);
    Plan {
        servers: random.pick(&[1, 1, 2, 2, 3, 4]),
        clients: 1 + random.below(3),
        workers: 1 + random.below(4),
        quality,
        has_faults,
        // A timeout of a client drops its job, so it counts as a fault.
        timeout_ms: timeout_ms.filter(|_| has_faults),
        wakeup: random.pick(&[None, None, Some(0), Some(1), Some(3)]),
        attempts: random.pick(&[None, None, None, Some(2)]),
        job_us: random.pick(&[1, 500, 5_000, 100_000]),
        job_limit_s: random.pick(&[0, 0, 1]),
        delays_replies: random.below(4) > 0,
        store: random.one_in(2).then(|| StoreQuality {
            delay_us: random.pick(&[1, 200, 5_000, 50_000]),
            fails_in: if has_faults { random.pick(&[0, 0, 4, 30]) } else { 0 },
            memory_bytes: random.pick(&[UNLIMITED_BYTES, 1_000, 20_000]),
        }),
        resubmissions: random.pick(&[0, 0, 1, 3]),
        by_unique: random.one_in(3),
        // Hand-shakes take most of the time of a simulation that has them.
        has_tls: random.one_in(25),
        adversaries: 0,
        limits: ServerLimits::FAR,
    }
}

fn action(random: &mut Random, plan: &Plan) -> Action {
    if plan.has_faults && random.one_in(4) {
        return fault(random, plan);
    }
    if random.one_in(40) {
        return Action::Echo { client: random.below(plan.clients) };
    }
    let how = match random.below(10) {
        0..=3 => Submit::Do,
        4..=7 => Submit::Background,
        8 => Submit::Delayed(random.below(3) as u64),
        _ => Submit::Set(1 + random.below(6)),
    };
    Action::Submit {
        client: random.below(plan.clients),
        how,
        function: random.below(FUNCTIONS),
        priority: random.pick(&[0, 1, 1, 1, 2]),
        shared_unique: random.one_in(6).then(|| random.below(3)),
        // A large body in small pieces causes many similar events.
        bytes: match plan.quality.piece {
            1..100 => random.pick(&[0, 1, 20, 20, 300, 2_000]),
            _ => random.pick(&[0, 1, 20, 20, 300, 5_000, 20_000, BODY_MAX]),
        },
    }
}

fn fault(random: &mut Random, plan: &Plan) -> Action {
    let server = random.below(plan.servers);
    let worker = random.below(plan.workers);
    let client = random.below(plan.clients);
    let host = random.below(plan.clients + plan.workers);
    let for_us = random.pick(&[1_000, 50_000, 400_000, 1_500_000]);
    match random.below(15) {
        0 => Action::ClientDies { client },
        1 | 2 => Action::WorkerDies { worker },
        3 => Action::WorkerForgets { worker, function: random.below(FUNCTIONS), for_us },
        4 => Action::Stall { host, for_us: 2 * for_us },
        5 => Action::ServerDies { server, silent: random.one_in(2), for_us },
        6..=8 => {
            let (there, back) = random.pick(&[(true, true), (true, false), (false, true)]);
            Action::BlackHole { host, server, there, back, for_us }
        }
        9 | 10 => Action::Reset { host, server },
        11 => Action::Stall { host: plan.clients + worker, for_us: 2 * for_us },
        12 => {
            let function = random.below(FUNCTIONS);
            Action::Refuse { server, host: client, act: RefusedAct::Submit, function, for_us }
        }
        13 => {
            let (host, function) = (plan.clients + worker, random.below(FUNCTIONS));
            Action::Refuse { server, host, act: RefusedAct::Work, function, for_us }
        }
        _ => Action::ClockJump { server, by_s: random.pick(&[-3, -1, 1, 4]) },
    }
}
