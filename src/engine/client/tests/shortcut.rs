//! The shortcuts for single jobs, compared with the regular path: the same script of
//! calls and servers runs once with each, and everything observable must be equal: bytes,
//! codes, handles, results, errors, and elapsed time.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::Stuck;
use crate::testing::random::{
    Random, SEEDS, Seed, Turn, arrival, differences, same_for_every_seed, time_limit,
};

const SUBMITS: &[Command] =
    &[Command::SubmitJobBg, Command::SubmitJobHighBg, Command::SubmitJobLowBg, Command::SubmitJob];

/// One action of the caller or of its environment.
#[derive(Clone, Debug)]
enum Action {
    /// A background job, which is waited for or abandoned at the first wait.
    Background {
        command: Command,
        size: usize,
        abandoned: bool,
    },
    /// A job whose result is waited for, or which is abandoned at the first or second wait.
    Foreground {
        size: usize,
        abandoned_at: Option<usize>,
    },
    /// A run of this many tasks.
    RunAll(usize),
    /// A task that is removed after one step without waiting.
    GiveUp,
    Echo,
    Wait,
    NonBlocking(bool),
    TimeoutMs(Option<u64>),
    SleepMs(u64),
    /// What a server sends, after a packet with one of these commands or unasked.
    Server(usize, &'static [Command], Vec<Turn>),
    Meets(usize, Connect),
    Takes(usize, Vec<usize>),
    Breaks(usize),
    Interrupts,
    Forks,
}

/// A packet that is not a reply to a background job, or not a packet at all.
fn strange(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0..3 => response(Command::Noop, &[], b""),
        3 => response(Command::WorkComplete, &[b"H:unknown"], b"result"),
        4 => response(Command::WorkData, &[b"H:unknown"], &[b'x'; 20_000]),
        5 => response(Command::EchoRes, &[], b"echo"),
        6 => response(Command::StatusRes, &[b"H:1", b"1", b"1", b"1", b"2"], b""),
        7 => response(Command::Error, &[b"queue_full", b"Job queue is full"], b""),
        8 => response(Command::JobCreated, &[b"H:stray"], b""),
        9 => b"OK\r\n".to_vec(),
        10 => request(Command::SubmitJob, &[b"f", b"u"], b"in"),
        _ => b"no packet at all".to_vec(),
    }
}

/// A server's reply to a job, and how it arrives.
fn answer(random: &mut Random, number: usize, ends: bool) -> Vec<Turn> {
    let handle = format!("H:{number}").into_bytes();
    let mut bytes = Vec::new();
    if random.one_in(25) {
        bytes.extend(strange(random));
    }
    match random.below(30) {
        0 => bytes.extend(response(Command::Error, &[b"NO_NAME", b"text"], b"")),
        1 => bytes.extend(strange(random)),
        2 => bytes.extend(response(Command::JobCreated, &[&[b'H'; 80]], b"")),
        3 => {}
        _ => bytes.extend(response(Command::JobCreated, &[&handle], b"")),
    }
    let mut turns = Vec::new();
    if ends {
        if random.one_in(2) {
            turns = arrival(random, &std::mem::take(&mut bytes));
        }
        bytes.extend(result(random, &handle));
    }
    if random.one_in(10) {
        bytes.extend(strange(random));
    }
    turns.extend(arrival(random, &bytes));
    turns
}

/// What a job sends, mostly its result in one packet.
fn result(random: &mut Random, handle: &[u8]) -> Vec<u8> {
    let other = random.pick(&[&b"H:other"[..], handle]);
    match random.below(16) {
        0 => response(Command::WorkFail, &[handle], b""),
        1 => response(Command::WorkException, &[handle], b"why"),
        2 => response(Command::WorkComplete, &[handle], b""),
        3 => response(Command::WorkComplete, &[handle], &[b'r'; 20_000]),
        4 => response(Command::WorkStatus, &[handle, b"1", b"2"], b""),
        5..8 => {
            let mut bytes = response(Command::WorkData, &[other], b"da");
            bytes.extend(response(Command::WorkComplete, &[handle], b"ta"));
            bytes
        }
        8 => response(Command::WorkComplete, &[other], b"data"),
        _ => response(Command::WorkComplete, &[handle], b"data"),
    }
}

/// The script of a seed.
fn script(random: &mut Random, servers: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for number in 0..4 + random.below(16) {
        // The last server is the first to be tried.
        let key = if random.one_in(6) { random.below(servers) } else { servers - 1 };
        match random.below(43) {
            0..20 => {
                let command = random.pick(&SUBMITS[..3]);
                let size = random.pick(&[0, 3, 3, 3, 4096, 4097, 20_000]);
                let abandoned = random.one_in(20);
                actions.push(Action::Server(key, SUBMITS, answer(random, number, false)));
                actions.push(Action::Background { command, size, abandoned });
            }
            20..27 => {
                let size = random.pick(&[0, 2, 2, 2, 4096, 4097, 20_000]);
                let abandoned_at = random.one_in(10).then(|| random.below(2));
                actions.push(Action::Server(key, SUBMITS, answer(random, number, true)));
                actions.push(Action::Foreground { size, abandoned_at });
            }
            27 => {
                let tasks = 1 + random.below(3);
                for task in 0..tasks {
                    let turns = answer(random, number + 100 * task, true);
                    actions.push(Action::Server(key, SUBMITS, turns));
                }
                actions.push(Action::RunAll(tasks));
            }
            28 => actions.push(Action::GiveUp),
            29..31 => {
                for key in 0..servers {
                    let echo = response(Command::EchoRes, &[], b"echo");
                    let turns = arrival(random, &echo);
                    actions.push(Action::Server(key, &[Command::EchoReq], turns));
                }
                actions.push(Action::Echo);
            }
            31 => actions.push(Action::Wait),
            32 => actions.push(Action::NonBlocking(random.one_in(2))),
            33 => actions.push(Action::TimeoutMs(random.pick(&[
                None,
                Some(15),
                Some(100),
                Some(1000),
            ]))),
            34..36 => actions.push(Action::SleepMs(random.pick(&[1, 9, 11, 200]))),
            36..38 => {
                let bytes = strange(random);
                actions.push(Action::Server(key, &[], arrival(random, &bytes)));
            }
            38 => {
                let how = random.pick(&[Connect::Accept, Connect::Refuse, Connect::Ignore]);
                actions.push(Action::Meets(key, how));
            }
            39 => {
                let sizes = random.pick(&[&[0][..], &[5, 0], &[0, 0], &[5, 0, 3, 0], &[40, 0]]);
                actions.push(Action::Takes(key, sizes.to_vec()));
            }
            40 => actions.push(Action::Breaks(key)),
            41 => actions.push(Action::Interrupts),
            _ if random.one_in(4) => actions.push(Action::Forks),
            _ => actions.push(Action::Server(key, &[], vec![Turn::Closes])),
        }
    }
    actions
}

fn outcome(code: ReturnCode, result: Option<&gearman_buf::Owned>) -> String {
    let result = result.map(|result| String::from_utf8_lossy(result.as_slice()));
    format!("{code:?} {result:?}")
}

/// Removes a task whose run has ended with this step. Returns its code, handle and result.
fn end_with_handle(client: &mut Client<ScriptNet>, id: SlabId, step: TaskStep) -> [String; 2] {
    let TaskStep::Done(code) = step else { panic!("unexpected {step:?}") };
    let task = client.remove_task(id).expect("the task exists");
    let code = match task.code {
        ReturnCode::UNKNOWN_STATE | ReturnCode::COULD_NOT_CONNECT => code,
        ended => ended,
    };
    let handle = String::from_utf8_lossy(task.handle.as_slice()).into_owned();
    let outcome = outcome(code, task.result.as_ref());
    client.recycle(task);
    [handle, outcome]
}

/// The same without the handle, which a waiting call does not return.
fn end(client: &mut Client<ScriptNet>, id: SlabId, step: TaskStep) -> String {
    let [_, outcome] = end_with_handle(client, id, step);
    outcome
}

fn background(client: &mut Client<ScriptNet>, command: Command, size: usize) -> String {
    let body = vec![b'b'; size];
    let new = NewTask { command, ..new_task(TaskKind::Do, &body) };
    match client.submit_and_wait(&new) {
        Err(code) => format!("{code:?}"),
        Ok(Submitted::Task(id, mut run)) => {
            let step = client.step(&mut run);
            end_with_handle(client, id, step).join(" ")
        }
        Ok(Submitted::Created(handle)) => {
            let handle = String::from_utf8_lossy(handle.as_slice()).into_owned();
            format!("{handle} {}", outcome(ReturnCode::SUCCESS, None))
        }
    }
}

/// Submits a background job and abandons it at its first wait.
fn abandoned(client: &mut Client<ScriptNet>, command: Command, size: usize) -> String {
    let body = vec![b'b'; size];
    let new = NewTask { command, ..new_task(TaskKind::Do, &body) };
    let (id, step) = match client.poll_background(&new) {
        Poll::Ready(Err(code)) => return format!("{code:?}"),
        Poll::Ready(Ok(Submitted::Created(_))) => panic!("nothing was waited for"),
        Poll::Ready(Ok(Submitted::Task(id, mut run))) => (id, client.poll_step(&mut run)),
        Poll::Pending => (SlabId::NONE, Poll::Pending),
    };
    if step.is_pending() {
        client.abandon_wait();
    }
    client.remove_task(id);
    format!("{step:?}")
}

/// Submits a job and waits for its result, or abandons it at its first or second wait.
fn foreground(client: &mut Client<ScriptNet>, size: usize, abandoned_at: Option<usize>) -> String {
    let body = vec![b'b'; size];
    let new = new_task(TaskKind::Do, &body);
    let (mut call, mut task) = (AwaitedCall::default(), None);
    for wait in 0.. {
        let step = match &mut task {
            Some((_, run)) => client.poll_step(run),
            None => match client.poll_awaited(&mut call, &new) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(code)) => return format!("{code:?}"),
                Poll::Ready(Ok(Awaited::Complete)) => {
                    let result = client.take_result().filter(|result| !result.is_empty());
                    return outcome(ReturnCode::SUCCESS, result.as_ref());
                }
                Poll::Ready(Ok(Awaited::Task(id, mut run))) => {
                    let step = client.poll_step(&mut run);
                    task = Some((id, run));
                    step
                }
            },
        };
        if let Poll::Ready(step) = step {
            let (id, _) = task.expect("only a run is ready");
            return end(client, id, step);
        }
        if abandoned_at == Some(wait) {
            break;
        }
        client.link.sleep();
    }
    client.abandon_wait();
    if let Some((id, _)) = task {
        client.remove_task(id);
    }
    "abandoned".into()
}

fn run_tasks(client: &mut Client<ScriptNet>, tasks: usize) -> String {
    let add = |n| client.add(&new_task(TaskKind::Add, &[b'a' + n as u8])).expect("a valid task");
    let ids: Vec<SlabId> = (0..tasks).map(add).collect();
    let mut outcome = format!("{:?}", run_all(client));
    for id in ids {
        let task = client.remove_task(id).expect("the task exists");
        let handle = String::from_utf8_lossy(task.handle.as_slice()).into_owned();
        outcome += &format!(" {handle} {:?}", task.code);
    }
    outcome
}

fn give_up(client: &mut Client<ScriptNet>) -> String {
    let id = client.add(&new_task(TaskKind::Do, b"never")).expect("a valid task");
    let non_blocking = std::mem::replace(&mut client.link.settings.non_blocking, true);
    let mut run = client.run_until_unless_non_blocking(id);
    let step = client.step(&mut run);
    client.link.settings.non_blocking = non_blocking;
    client.remove_task(id);
    format!("{step:?}")
}

fn perform(client: &mut Client<ScriptNet>, world: &World, action: &Action) -> String {
    let settings = &mut client.link.settings;
    match action {
        Action::Background { command, size, abandoned: false } => {
            background(client, *command, *size)
        }
        Action::Background { command, size, abandoned: true } => abandoned(client, *command, *size),
        Action::Foreground { size, abandoned_at } => foreground(client, *size, *abandoned_at),
        Action::RunAll(tasks) => run_tasks(client, *tasks),
        Action::GiveUp => give_up(client),
        Action::Echo => format!("{:?}", client.broadcast(Broadcast::Echo(b"echo"))),
        Action::Wait => format!("{:?}", client.wait()),
        other => {
            match other {
                Action::NonBlocking(on) => settings.non_blocking = *on,
                Action::TimeoutMs(limit) => settings.timeout = limit.map(time_limit),
                Action::SleepMs(milliseconds) => world.sleep(*milliseconds),
                Action::Server(key, [], turns) => world.peer(*key).takes_turns(turns),
                Action::Server(key, heard, turns) => {
                    world.peer(*key).hears(heard).takes_turns(turns);
                }
                Action::Meets(key, how) => _ = world.peer(*key).meets(&[*how]),
                Action::Takes(key, sizes) => _ = world.peer(*key).takes(sizes),
                Action::Breaks(key) => _ = world.peer(*key).breaks(),
                Action::Interrupts => world.interrupts(),
                Action::Forks => world.forks(),
                call => unreachable!("{call:?} is a call"),
            }
            String::new()
        }
    }
}

/// Runs a script. Returns what was observed after each action, and how many background jobs
/// the shortcut completed.
fn run_script(actions: &[Action], servers: usize, shortcuts_off: bool) -> (Vec<String>, usize) {
    let (mut client, world) = client(servers);
    client.link.shortcuts_off = shortcuts_off;
    world.when_stuck(Stuck::Closes);
    let began = world.now();
    let mut seen = Vec::new();
    for action in actions {
        client.link.error.reset();
        let outcome = perform(&mut client, &world, action);
        let error = &client.link.error;
        let error = format!("{:?} {:?} {:?}", error.code(), error.errno(), error.message());
        let up: Vec<_> = client.link.conns.iter().map(|conn| conn.state).collect();
        let logs: Vec<_> = (0..servers).map(|key| world.peer(key).log.clone()).collect();
        let logs: Vec<_> = logs.iter().flatten().map(|log| crate::testing::packets(log)).collect();
        let time = world.now() - began;
        seen.push(format!("{outcome}; {error}; {time:?}; {up:?}\n    sent {logs:?}"));
    }
    (seen, client.link.shortcuts_taken)
}

/// Runs a seed's script both ways. Returns how often the shortcut was taken.
///
/// # Errors
/// The actions up to the first difference, and the difference.
fn compare(seed: u64) -> Result<usize, String> {
    let _seed = Seed(seed);
    let mut random = Random(seed);
    let servers = random.pick(&[1, 1, 2, 3]);
    let actions = script(&mut random, servers);
    let (ordinary, none) = run_script(&actions, servers, true);
    let (quick, taken) = run_script(&actions, servers, false);
    assert_eq!(none, 0);
    differences(seed, &actions, &quick, &ordinary).map(|()| taken)
}

#[test]
fn a_single_job_has_the_same_outcome_with_and_without_the_shortcuts() {
    let taken = same_for_every_seed(compare);
    assert!(taken > SEEDS as usize / 2, "the shortcut was taken {taken} times");
}
