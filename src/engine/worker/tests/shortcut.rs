//! The shortcut for a job of the only server, compared with the regular path: the same
//! script of calls and server runs once with each, and everything observable must be equal:
//! bytes, codes, jobs, errors, and elapsed time.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::random::{
    Random, SEEDS, Seed, Turn, arrival, differences, same_for_every_seed, time_limit,
};
use crate::testing::{Connect, Stuck, packets};

const GRABS: &[Command] = &[Command::GrabJobAll, Command::GrabJobUniq, Command::GrabJob];

/// How a call asks for a job.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// As `gearman_worker_work` in a process of one thread.
    Work,
    /// As in a process of several threads.
    PollWork,
    Grab,
    /// Abandoned at the first wait.
    Abandoned,
}

/// How a job ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Completes(usize),
    Fails,
    Retries,
    /// Its function never returns.
    Left,
}

/// One action of the caller or of its environment.
#[derive(Clone, Debug)]
enum Action {
    Call(Ask, End),
    Echo,
    AddFunction,
    RemoveFunction,
    NonBlocking(bool),
    TimeoutMs(Option<u64>),
    SleepMs(u64),
    /// What the server sends, after a packet with one of these commands or unasked.
    Server(&'static [Command], Vec<Turn>),
    Meets(Connect),
    Takes(Vec<usize>),
    Breaks,
    StopsAfterMs(u64, u8),
    Interrupts,
    Forks,
}

/// A packet that is not a reply to GRAB_JOB, or not a packet at all.
fn strange(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0..5 => noop(),
        5 => response(Command::EchoRes, &[], b"echo"),
        6 => response(Command::Error, &[b"not_worker", b"text"], b""),
        7 => response(Command::JobCreated, &[b"H:stray"], b""),
        8 => no_job(),
        _ => b"no packet at all".to_vec(),
    }
}

/// The server's reply to GRAB_JOB, and how it arrives.
fn answer(random: &mut Random, number: usize) -> Vec<Turn> {
    let handle = format!("H:{number}").into_bytes();
    let mut bytes = Vec::new();
    if random.one_in(20) {
        bytes.extend(strange(random));
    }
    match random.below(24) {
        0..3 => bytes.extend(no_job()),
        3 => bytes.extend(response(Command::Error, &[b"NO_NAME", b"text"], b"")),
        4 => bytes.extend(response(Command::JobAssign, &[&handle, b"unknown"], b"work")),
        5 => bytes.extend(response(Command::JobAssign, &[&handle, b"f"], &[b'x'; 20_000])),
        6 => bytes.extend(response(Command::JobAssignAll, &[&handle, b"f", b"u", b"r"], b"")),
        7 => bytes.extend(strange(random)),
        _ => bytes.extend(assign(&format!("H:{number}"))),
    }
    if random.one_in(8) {
        bytes.extend(strange(random));
    }
    arrival(random, &bytes)
}

/// The script of a seed.
fn script(random: &mut Random) -> Vec<Action> {
    let mut actions = Vec::new();
    if !random.one_in(4) {
        actions.push(Action::TimeoutMs(Some(100)));
    }
    for number in 0..4 + random.below(16) {
        match random.below(40) {
            0..26 => {
                let ask = random.pick(&[Ask::Work, Ask::Work, Ask::PollWork, Ask::Grab]);
                let ask = if random.one_in(20) { Ask::Abandoned } else { ask };
                let end = match random.below(20) {
                    0 => End::Fails,
                    1 => End::Retries,
                    2 => End::Left,
                    3 => End::Completes(20_000),
                    _ => End::Completes(2),
                };
                actions.push(Action::Server(GRABS, answer(random, number)));
                actions.push(Action::Call(ask, end));
            }
            26..28 => {
                let turns = arrival(random, &response(Command::EchoRes, &[], b"echo"));
                actions.push(Action::Server(&[Command::EchoReq], turns));
                actions.push(Action::Echo);
            }
            28 => actions.push(Action::AddFunction),
            29 => actions.push(Action::RemoveFunction),
            30 => actions.push(Action::NonBlocking(random.one_in(3))),
            31 => actions.push(Action::TimeoutMs(random.pick(&[None, Some(15), Some(1000)]))),
            32 => actions.push(Action::SleepMs(random.pick(&[1, 11, 2000]))),
            33..35 => {
                let bytes = strange(random);
                let heard = random.pick(&[&[][..], &[Command::PreSleep][..]]);
                actions.push(Action::Server(heard, arrival(random, &bytes)));
            }
            35 => {
                let how = random.pick(&[Connect::Accept, Connect::Refuse, Connect::Ignore]);
                actions.push(Action::Meets(how));
            }
            36 => {
                let sizes = random.pick(&[&[0][..], &[5, 0], &[5, 0, 3, 0], &[12, 0]]);
                actions.push(Action::Takes(sizes.to_vec()));
            }
            37 if random.one_in(4) => {
                let byte = random.pick(&[STOP_GRACEFUL, STOP_NOW]);
                actions.push(Action::StopsAfterMs(random.pick(&[0, 10]), byte));
            }
            37 => actions.push(Action::Breaks),
            38 => actions.push(Action::Interrupts),
            _ if random.one_in(4) => actions.push(Action::Forks),
            _ => actions.push(Action::Server(&[], vec![Turn::Closes])),
        }
    }
    actions
}

/// Ends a job's function.
fn end(worker: &mut Worker<ScriptNet>, ticket: WorkTicket, end: End) -> String {
    let success = ReturnCode::SUCCESS;
    let (outcome, size) = match end {
        End::Completes(size) => (Outcome::Complete(success), size),
        End::Fails => (Outcome::Fail(ReturnCode::WORK_FAIL), 0),
        End::Retries => (Outcome::Retry, 0),
        End::Left => {
            worker.abandon(ticket);
            return "left".into();
        }
    };
    format!("{:?}", worker.finish(ticket, outcome, &vec![b'r'; size]))
}

fn describe(worker: &Worker<ScriptNet>, id: SlabId) -> String {
    let job = worker.job(id).expect("a job that was just given");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let parts = [job.handle(), job.function(), job.unique(), job.reducer()].map(text);
    format!("{parts:?} and {} bytes", job.workload().len())
}

fn call(worker: &mut Worker<ScriptNet>, ask: Ask, how: End) -> String {
    let step = match ask {
        Ask::Work => worker.work(),
        Ask::PollWork => {
            let mut search = Search::for_work();
            worker.block(|worker| worker.poll_work(&mut search))
        }
        Ask::Grab => {
            return match worker.grab() {
                Ok(id) => {
                    let job = describe(worker, id);
                    let sent = worker.send(id, Report::Complete, b"ok");
                    worker.remove_job(id);
                    format!("{job} {sent:?}")
                }
                Err(code) => format!("{code:?}"),
            };
        }
        Ask::Abandoned => match worker.poll_work(&mut Search::for_work()) {
            Poll::Ready(step) => step,
            Poll::Pending => {
                worker.abandon_wait();
                return "abandoned".into();
            }
        },
    };
    match step {
        WorkStep::Done(code) => format!("{code:?}"),
        WorkStep::Call(upcall, ticket) => {
            let job = describe(worker, ticket.job());
            let ended = end(worker, ticket, how);
            format!("{upcall:?} {job} {ended}")
        }
    }
}

fn perform(worker: &mut Worker<ScriptNet>, world: &World, action: &Action) -> String {
    // A stop ends only a call that waits for a job.
    world.when_stuck(match action {
        Action::Echo => Stuck::Closes,
        _ => Stuck::Wakes(STOP_NOW),
    });
    let settings = &mut worker.link.settings;
    match action {
        Action::Call(ask, end) => return call(worker, *ask, *end),
        Action::Echo => return format!("{:?}", worker.broadcast(Broadcast::Echo(b"echo"))),
        Action::AddFunction => return format!("{:?}", worker.add_function(b"g", 0, Some(TOKEN))),
        Action::RemoveFunction => return format!("{:?}", worker.remove_function(b"g")),
        Action::NonBlocking(on) => settings.non_blocking = *on,
        Action::TimeoutMs(limit) => settings.timeout = limit.map(time_limit),
        Action::SleepMs(milliseconds) => world.sleep(*milliseconds),
        Action::Server([], turns) => world.peer(0).takes_turns(turns),
        Action::Server(heard, turns) => world.peer(0).hears(heard).takes_turns(turns),
        Action::Meets(how) => _ = world.peer(0).meets(&[*how]),
        Action::Takes(sizes) => _ = world.peer(0).takes(sizes),
        Action::Breaks => _ = world.peer(0).breaks(),
        Action::StopsAfterMs(after, byte) => world.wakes_after(*after, *byte),
        Action::Interrupts => world.interrupts(),
        Action::Forks => world.forks(),
    }
    String::new()
}

/// Runs a script. Returns what was observed after each action, and how many jobs the
/// shortcut received.
fn run_script(actions: &[Action], shortcuts_off: bool) -> (Vec<String>, usize) {
    let (mut worker, world) = worker(1);
    worker.link.shortcuts_off = shortcuts_off;
    let began = world.now();
    let mut seen = Vec::new();
    for action in actions {
        let outcome = perform(&mut worker, &world, action);
        let error = &worker.link.error;
        let error = format!("{:?} {:?} {:?}", error.code(), error.errno(), error.message());
        let (state, time) = (worker.link.conns[0].state, world.now() - began);
        let sent: Vec<_> = world.peer(0).log.iter().map(|log| packets(log)).collect();
        seen.push(format!("{outcome}; {error}; {time:?}; {state:?}\n    sent {sent:?}"));
    }
    (seen, worker.link.shortcuts_taken)
}

/// Runs a seed's script both ways. Returns how often the shortcut was taken.
///
/// # Errors
/// The actions up to the first difference, and the difference.
fn compare(seed: u64) -> Result<usize, String> {
    let _seed = Seed(seed);
    let actions = script(&mut Random(seed));
    let ((ordinary, none), (quick, taken)) =
        (run_script(&actions, true), run_script(&actions, false));
    assert_eq!(none, 0);
    differences(seed, &actions, &quick, &ordinary).map(|()| taken)
}

#[test]
fn a_job_is_the_same_with_and_without_the_shortcut() {
    let taken = same_for_every_seed(compare);
    assert!(taken > SEEDS as usize / 2, "the shortcut was taken {taken} times");
}
