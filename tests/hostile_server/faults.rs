//! Every call that talks to a server, with every harm that a network or a server can do to it.
//!
//! The client's server is ours, behind a proxy that does the harm; beside it there may be
//! another one. What the calls return and how often their job then runs is the table in
//! `src/docs/faults.md`, which `UPDATE_FAULTS=1` writes.

use crate::client::{Client, Code};
use crate::worked::Worked;
use crate::{for_each_at_once, never_hangs};
use gearman_test_support::certificates;
use gearman_test_support::paths::own_gearmand;
use gearman_test_support::proxy::{Harm, Proxy, ServerSide, Target, UnansweringPort};
use gearman_test_support::scripted::job_server::closed_port;
use std::thread;

/// Timeouts of calls that have to run into them, in milliseconds. The next one is taken when
/// what should come in time did not.
const SHORT_TIMEOUTS_MS: [i32; 3] = [150, 1_000, 8_000];
/// The timeout of the other calls.
const LONG_TIMEOUT_MS: i32 = 30_000;

/// A call of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Do,
    Background,
    BackgroundWithUnique,
    RunTasks,
    RunTasksNonBlocking,
    Execute,
    StreamedWorkload,
    UnbufferedResult,
    StatusTask,
    JobStatus,
    UniqueStatus,
    Echo,
    ServerOption,
    CancelJob,
}

use Operation::*;

const OPERATIONS: [(Operation, &str); 14] = [
    (Do, "do"),
    (RunTasks, "task"),
    (RunTasksNonBlocking, "task, non-blocking"),
    (Execute, "execute"),
    (UnbufferedResult, "task, result in pieces"),
    (StreamedWorkload, "task, workload in pieces"),
    (Background, "background job"),
    (BackgroundWithUnique, "background job with a unique id"),
    (StatusTask, "status task"),
    (JobStatus, "job_status"),
    (UniqueStatus, "unique_status"),
    (Echo, "echo"),
    (ServerOption, "server option"),
    (CancelJob, "cancel_job"),
];

impl Operation {
    fn awaits_result(self) -> bool {
        matches!(
            self,
            Do | RunTasks | RunTasksNonBlocking | Execute | UnbufferedResult | StreamedWorkload
        )
    }

    fn submits(self) -> bool {
        self.awaits_result() || matches!(self, Background | BackgroundWithUnique)
    }

    fn perform(self, client: &mut Client, handle: &[u8]) -> Code {
        match self {
            Do => code(client.job(b"work")),
            Execute => code(client.execute(b"work")),
            Background => code(client.background(b"work")),
            BackgroundWithUnique => code(client.background_with_unique(c"u", b"work")),
            JobStatus => code(client.job_status(handle)),
            UniqueStatus => code(client.unique_status(c"waiting")),
            Echo => client.echo(b"hello"),
            ServerOption => client.set_server_option(b"exceptions"),
            CancelJob => client.cancel_job(handle),
            StatusTask => run(client, |client| client.add_status(handle), Client::run_tasks),
            RunTasks => run(client, |client| client.add(b"work"), Client::run_tasks),
            StreamedWorkload => {
                run(client, |client| client.add_streamed(b"work"), Client::run_tasks)
            }
            UnbufferedResult => {
                client.set_unbuffered();
                let code = run(client, |client| client.add(b"work"), Client::run_tasks);
                client.set_buffered();
                code
            }
            RunTasksNonBlocking => {
                client.set_non_blocking();
                let code = run(client, |client| client.add(b"work"), Client::run_tasks_and_wait);
                client.set_blocking();
                code
            }
        }
    }
}

fn code<T>(outcome: Result<T, Code>) -> Code {
    outcome.map_or_else(|code| code, |_| Code::SUCCESS)
}

/// Adds a task and runs it. Returns the run's code, or else the task's.
fn run(
    client: &mut Client,
    add: impl FnOnce(&mut Client) -> crate::client::Added,
    run: fn(&mut Client) -> Code,
) -> Code {
    let added = add(client);
    let code = match run(client) {
        Code::SUCCESS => added.code(),
        code => code,
    };
    // SAFETY: the client is live, and its tasks are not used any more.
    unsafe { gearman::capi::client_run::gearman_client_task_free_all(client.raw()) };
    code
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The server's port is closed.
    Refused,
    /// An attempt to connect is not answered.
    Unanswered,
    /// The connection ends while the client does nothing.
    Idle(Harm),
    /// A packet is harmed.
    Packet(Target, Harm),
}

/// In the order of their rows.
fn faults() -> Vec<(Fault, String)> {
    let mut faults = vec![
        (Fault::Refused, "the server is down".to_owned()),
        (Fault::Unanswered, "connecting is not answered".to_owned()),
        (Fault::Idle(Harm::Closed), "closed while idle".to_owned()),
        (Fault::Idle(Harm::Reset), "reset while idle".to_owned()),
    ];
    for (target, name) in
        [(Target::Request, "request"), (Target::Answer, "first answer"), (Target::Result, "result")]
    {
        for (harm, done) in [
            (Harm::Delayed, "late"),
            (Harm::Closed, "lost, then closed"),
            (Harm::Reset, "lost, then reset"),
            (Harm::Silent, "lost, then silence"),
            (Harm::CutAndClosed, "cut, then closed"),
            (Harm::CutAndSilent, "cut, then silence"),
            (Harm::OtherMagic, "with another magic number"),
            (Harm::OtherCommand, "with an unknown command"),
            (Harm::OtherSize, "with a wrong size"),
        ] {
            // Of a request only what the server does not see is harmed.
            let is_whole =
                matches!(harm, Harm::Delayed | Harm::Closed | Harm::Reset | Harm::Silent);
            if target != Target::Request || is_whole {
                faults.push((Fault::Packet(target, harm), format!("{name} {done}")));
            }
        }
    }
    faults
}

impl Fault {
    /// Whether nothing but the time limit ends the call.
    fn is_silent(self) -> bool {
        matches!(self, Fault::Unanswered | Fault::Packet(_, Harm::Silent | Harm::CutAndSilent))
    }

    /// Whether the request was sent, so that its job may run although the call fails.
    fn is_ambiguous(self) -> bool {
        matches!(self, Fault::Packet(_, harm) if harm != Harm::Delayed)
    }
}

/// What the client has besides the server that is harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Alone,
    Beside,
    BesideResubmitting,
    /// As `Beside`, with TLS.
    BesideSecure,
}

const MODES: [(Mode, &str); 4] = [
    (Mode::Beside, "Two servers"),
    (Mode::BesideResubmitting, "Two servers, one resubmission allowed"),
    (Mode::Alone, "One server"),
    (Mode::BesideSecure, "Two servers, with TLS: records are harmed"),
];

/// A cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    code: Code,
    /// The jobs that ran on the harmed server and on the other one.
    done: [usize; 2],
}

/// The servers of one thread.
struct Place {
    harmed: Worked,
    other: Worked,
    closed: u16,
    unanswering: UnansweringPort,
}

impl Place {
    fn new(gearmand: &str, mode: Mode) -> Place {
        Place {
            harmed: Worked::start(gearmand, mode == Mode::BesideSecure),
            other: Worked::start(gearmand, mode == Mode::BesideSecure),
            closed: closed_port(),
            unanswering: UnansweringPort::open(),
        }
    }

    fn try_one(&self, operation: Operation, fault: Fault, mode: Mode) -> Outcome {
        let timeouts = if fault.is_silent() { &SHORT_TIMEOUTS_MS[..] } else { &[LONG_TIMEOUT_MS] };
        let mut failure = String::new();
        for &timeout in timeouts {
            match self.try_with(timeout, operation, fault, mode) {
                Ok(outcome) => return outcome,
                Err(why) => failure = why,
            }
        }
        panic!("{failure}");
    }

    fn try_with(
        &self,
        timeout: i32,
        operation: Operation,
        fault: Fault,
        mode: Mode,
    ) -> Result<Outcome, String> {
        let proxy = Proxy::new(self.harmed.server.port, ServerSide::StaysOpen);
        let port = match fault {
            Fault::Refused => self.closed,
            Fault::Unanswered => self.unanswering.port,
            Fault::Idle(_) | Fault::Packet(..) => proxy.port,
        };
        let mut client = match mode {
            Mode::Alone => Client::of(&[port]),
            Mode::Beside | Mode::BesideResubmitting | Mode::BesideSecure => {
                Client::of(&[self.other.server.port, port])
            }
        };
        if mode == Mode::BesideSecure {
            client.set_tls(&certificates::file("ca.pem"));
            if matches!(fault, Fault::Packet(..)) {
                // Records of the hand-shake are not harmed.
                assert_eq!(client.echo(b"first"), Code::SUCCESS);
            }
        }
        client.set_timeout(timeout);
        client.set_resubmissions(u32::from(mode == Mode::BesideResubmitting));
        let handle = self.harmed.waiting_job();
        match fault {
            Fault::Refused | Fault::Unanswered => {}
            Fault::Packet(target, harm) => proxy.harms(target, harm),
            Fault::Idle(harm) => {
                client.job(b"first").expect("nothing is harmed yet");
                proxy.harms_idle(harm);
                // Longer than an idle connection is trusted.
                thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        let first = usize::from(matches!(fault, Fault::Idle(_)));
        let code = operation.perform(&mut client, &handle);
        let is_harmed = proxy.has_harmed() || !matches!(fault, Fault::Packet(..));
        let done = [self.harmed.take_done() - first, self.other.take_done()];
        if fault.is_silent() {
            // Its connection may look as one does whose job takes long, for one more call.
            let _ = client.job(b"may run into the time limit");
        }
        if mode != Mode::Alone || !matches!(fault, Fault::Refused | Fault::Unanswered) {
            client.set_timeout(LONG_TIMEOUT_MS);
            let result = client.job(b"still here");
            assert_eq!(result, Ok(b"still here".to_vec()), "{operation:?}, {fault:?}, {mode:?}");
        }
        drop(client);
        drop(proxy);
        self.harmed.take_done();
        self.other.take_done();
        let outcome = Outcome { code, done };
        let what = format!("{operation:?}, {fault:?}, {mode:?}: {outcome:?}");
        match check(operation, fault, mode, &outcome) {
            _ if !is_harmed => Err(format!("no packet was harmed: {what}")),
            Some(rule) => Err(format!("{rule}: {what}")),
            None => Ok(outcome),
        }
    }
}

/// The rule that an outcome breaks.
fn check(
    operation: Operation,
    fault: Fault,
    mode: Mode,
    outcome: &Outcome,
) -> Option<&'static str> {
    let runs: usize = outcome.done.iter().sum();
    let succeeded = outcome.code == Code::SUCCESS;
    if !operation.submits() && runs > 0 {
        return Some("only submissions run jobs");
    }
    if operation.submits() && succeeded && runs == 0 {
        return Some("a job that succeeds has run");
    }
    if runs > 1 + usize::from(mode == Mode::BesideResubmitting) {
        return Some("a job runs once, and once more for a resubmission");
    }
    if operation.submits() && !fault.is_ambiguous() && runs != usize::from(succeeded) {
        return Some("only the job of a request that was sent may run although its call fails");
    }
    let may_fail = fault.is_ambiguous()
        || mode == Mode::Alone && matches!(fault, Fault::Refused | Fault::Unanswered)
        // Only the harmed server knows the job.
        || operation == CancelJob;
    if !succeeded && !may_fail {
        return Some("with another server, a request that was not sent does not fail");
    }
    // A program that waits by itself is told when the time is over. A job that was acknowledged
    // may only take long.
    let times_out = fault.is_silent()
        && (operation == RunTasksNonBlocking || matches!(fault, Fault::Packet(Target::Result, _)));
    let resubmits = operation.awaits_result() || operation == BackgroundWithUnique;
    let resubmits = resubmits && operation != StreamedWorkload && !times_out;
    if mode == Mode::BesideResubmitting && resubmits && !succeeded {
        return Some("a job that may be submitted again succeeds");
    }
    None
}

fn applies(operation: Operation, fault: Fault, mode: Mode) -> bool {
    match fault {
        // What is in a record cannot be seen.
        Fault::Packet(Target::Result, _) if mode == Mode::BesideSecure => false,
        Fault::Packet(Target::Result, _) => operation.awaits_result(),
        // A line has no header.
        Fault::Packet(_, Harm::OtherMagic | Harm::OtherCommand | Harm::OtherSize) => {
            operation != CancelJob
        }
        _ => true,
    }
}

/// The outcomes of one mode: a column for each operation, a row for each fault.
fn columns(gearmand: &str, mode: Mode) -> Vec<Vec<String>> {
    let columns = std::sync::Mutex::new(vec![Vec::new(); OPERATIONS.len()]);
    let operations = OPERATIONS.iter().enumerate();
    for_each_at_once(operations, |(number, &(operation, _))| {
        let place = Place::new(gearmand, mode);
        let column = faults().into_iter().map(|(fault, _)| {
            if !applies(operation, fault, mode) {
                return String::new();
            }
            cell(operation, &place.try_one(operation, fault, mode))
        });
        let column = column.collect();
        columns.lock().expect("no panic")[number] = column;
    });
    columns.into_inner().expect("no panic")
}

fn cell(operation: Operation, Outcome { code, done: [harmed, other] }: &Outcome) -> String {
    let name = name_of(*code);
    if operation.submits() { format!("{name} {harmed}+{other}") } else { name.to_owned() }
}

/// The table of one mode. Operations with the same outcomes share a column.
fn table(columns: &[Vec<String>]) -> String {
    let mut shared: Vec<(Vec<&str>, &Vec<String>)> = Vec::new();
    for ((_, name), column) in OPERATIONS.iter().zip(columns) {
        match shared.iter_mut().find(|(_, other)| *other == column) {
            Some((names, _)) => names.push(name),
            None => shared.push((vec![name], column)),
        }
    }
    let mut text = String::from("| |");
    shared.iter().for_each(|(names, _)| text += &format!(" {} |", names.join("; ")));
    text += &format!("\n|---|{}\n", "---|".repeat(shared.len()));
    for (row, (_, name)) in faults().iter().enumerate() {
        if shared.iter().all(|(_, column)| column[row].is_empty()) {
            continue;
        }
        text += &format!("| {name} |");
        shared.iter().for_each(|(_, column)| text += &format!(" {} |", column[row]));
        text += "\n";
    }
    text.replace("  |", " |")
}

/// The name of a code, without its prefix.
fn name_of(code: Code) -> &'static str {
    // SAFETY: the function returns a static string for every number.
    let name = unsafe { std::ffi::CStr::from_ptr(gearman::capi::strerror::gearman_strerror(code)) };
    name.to_str().expect("ASCII").trim_start_matches("GEARMAN_")
}

#[test]
fn every_call_has_the_documented_outcome_of_every_fault() {
    let Some(gearmand) = own_gearmand() else { panic!("the tests build gearmand") };
    never_hangs(move || {
        let mut tables = String::new();
        for (mode, title) in MODES {
            let table = table(&columns(gearmand, mode));
            tables += &format!("\n### {title}\n\n{table}");
        }
        gearman_test_support::faults::documented("calls of a client", &tables);
    });
}
