//! A client of the simulation: a real client engine that makes one call at a time.
//!
//! Must not: know the network beyond its own sockets.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{
    Broadcast, Client, NewTask, Submitted, TaskRun, TaskStep, TaskUpcall,
};
use gearman_engine::client::{ClientExchange, TaskBody};
use gearman_engine::exchange::Broadcasting;
use gearman_engine::slab::SlabId;
use gearman_engine::task::{Callbacks, TaskKind, TaskState, Token};
use gearman_net::Transport;
use gearman_protocol::Command;

use crate::checker::{Checker, Submission, function_name};
use crate::network::{Host, Shared};
use crate::script::Plan;
use crate::transport::{FIRST_PORT, SimTransport};

/// A call that a client makes later.
#[derive(Clone, Debug)]
pub(crate) enum PlannedCall {
    /// One job in the foreground.
    Do(usize),
    /// One job in the background.
    Background(usize),
    /// One job in the background, delayed until this second.
    Delayed(usize, i64),
    /// Several jobs in the foreground, run together.
    Set(Vec<usize>),
    /// An echo from all servers.
    Echo,
}

/// A call in progress.
enum Call {
    /// Waits for the acknowledgement of a background job without a task.
    Background(usize),
    /// One task.
    One { run: TaskRun, task: SlabId, number: usize },
    /// Tasks that run together, with the data received for each.
    Set { run: TaskRun, tasks: Vec<(SlabId, usize, Vec<u8>)> },
    /// An echo.
    Echo(Broadcasting<ClientExchange>),
}

/// A simulated client process.
pub(crate) struct ClientActor {
    engine: Client<SimTransport>,
    planned: VecDeque<PlannedCall>,
    call: Option<(Call, u64)>,
    host: Host,
    network: Shared,
    /// Time limit of a call in microseconds.
    call_limit_us: Option<u64>,
    /// The process is not scheduled until this time.
    pub(crate) stalled_until_us: u64,
    stalled_us: u64,
}

const ECHO: &[u8] = b"echo";

/// The command that submits a job at once.
pub(crate) fn submit_command(background: bool, priority: usize) -> Command {
    match (background, priority) {
        (false, 0) => Command::SubmitJobHigh,
        (false, 1) => Command::SubmitJob,
        (false, _) => Command::SubmitJobLow,
        (true, 0) => Command::SubmitJobHighBg,
        (true, 1) => Command::SubmitJobBg,
        (true, _) => Command::SubmitJobLowBg,
    }
}

fn new_task<'a>(
    submission: &'a Submission,
    function: &'a str,
    kind: TaskKind,
    epoch: Option<i64>,
) -> NewTask<'a> {
    let command = match epoch {
        Some(_) => Command::SubmitJobEpoch,
        None => submit_command(submission.background, submission.priority),
    };
    let collects = kind == TaskKind::Add;
    NewTask {
        kind,
        command,
        function: function.as_bytes(),
        unique: submission.unique.as_bytes(),
        body: TaskBody::Copy(&submission.payload),
        epoch_seconds: epoch.unwrap_or(0),
        reducer: b"",
        callbacks: if collects {
            Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0 | Callbacks::FAIL.0)
        } else {
            Callbacks::default()
        },
        token: Token::NONE,
    }
}

impl ClientActor {
    pub(crate) fn new(network: &Shared, host: Host, epoch: Instant, plan: &Plan) -> ClientActor {
        let mut engine = Client::new(SimTransport::new(network, host, epoch));
        engine.link.settings.tls = plan.has_tls;
        engine.link.settings.timeout = plan.timeout_ms.map(Duration::from_millis);
        engine.link.settings.resubmissions = plan.resubmissions;
        engine.link.settings.by_unique = plan.by_unique;
        for server in 0..plan.servers {
            // Each client has its own order of servers.
            let port = FIRST_PORT + ((server + host) % plan.servers) as u16;
            engine.add_server("127.0.0.1", port).expect("an address");
        }
        // The engine's timeout starts again with each packet of a job, and applies to each
        // server's connection separately.
        let call_limit_us = plan
            .timeout_ms
            .map(|limit| 1000 * limit * (plan.servers as u64 + 6) + 20 * plan.job_us + 5_000_000)
            .map(|limit| limit * (u64::from(plan.resubmissions) + 1));
        ClientActor {
            engine,
            planned: VecDeque::new(),
            call: None,
            host,
            network: network.clone(),
            call_limit_us,
            stalled_until_us: 0,
            stalled_us: 0,
        }
    }

    pub(crate) fn plan_call(&mut self, call: PlannedCall) {
        self.planned.push_back(call);
    }

    /// Whether no call is in progress or planned.
    pub(crate) fn is_idle(&self) -> bool {
        self.planned.is_empty() && self.call.is_none()
    }

    /// Describes the call in progress.
    pub(crate) fn describe(&self) -> String {
        let call = match &self.call {
            None => "nothing".into(),
            Some((Call::Background(number), since)) => format!("background {number} since {since}"),
            Some((Call::One { number, .. }, since)) => format!("{number} since {since}"),
            Some((Call::Set { tasks, .. }, since)) => {
                format!("a set of {} since {since}", tasks.len())
            }
            Some((Call::Echo(_), since)) => format!("an echo since {since}"),
        };
        format!("client {} waits for {call}, {} more", self.host, self.planned.len())
    }

    /// Stalls the process: it is not scheduled for this time.
    pub(crate) fn stall(&mut self, now_us: u64, for_us: u64) {
        self.stalled_until_us = self.stalled_until_us.max(now_us + for_us);
        self.stalled_us += for_us;
    }

    /// Whether it has something to do now.
    pub(crate) fn is_ready(&self, now_us: u64) -> bool {
        now_us >= self.stalled_until_us && self.due_us().is_some_and(|due| due <= now_us)
    }

    /// When it next has something to do.
    pub(crate) fn due_us(&self) -> Option<u64> {
        let due = match &self.call {
            None => (!self.planned.is_empty()).then_some(0),
            Some(_) => self.engine.link.wait_deadline().map(|at| {
                let start = self.engine.link.net.now();
                let now = self.network.borrow().now_us();
                now + at.saturating_duration_since(start).as_nanos().div_ceil(1000) as u64
            }),
        };
        // Packets that arrive during a stall are handled when it ends.
        let is_called = self.call.is_some() && self.engine.link.net.has_reports();
        let due = if is_called { Some(0) } else { due };
        due.map(|due| due.max(self.stalled_until_us))
    }

    /// Continues the call in progress, or starts the next one.
    pub(crate) fn step(&mut self, now_us: u64, checker: &mut Checker) {
        if let (Some((_, since)), Some(limit)) = (&self.call, self.call_limit_us)
            && now_us > since + limit + self.stalled_us
        {
            checker.fail("call", format!("{} at {now_us}", self.describe()));
        }
        match self.call.take() {
            None => {
                self.stalled_us = 0;
                if let Some(call) = self.planned.pop_front() {
                    self.begin(call, now_us, checker);
                }
            }
            Some((call, since)) => {
                self.engine.link.sleep();
                self.go_on(call, since, checker);
            }
        }
    }

    fn begin(&mut self, call: PlannedCall, now_us: u64, checker: &mut Checker) {
        let function =
            |checker: &Checker, number| function_name(checker.submission(number).function);
        match call {
            PlannedCall::Do(number) => {
                let name = function(checker, number);
                let new = new_task(checker.submission(number), &name, TaskKind::Do, None);
                let task = self.engine.add(&new).expect("a task");
                let run = self.engine.run_until(task);
                self.go_on(Call::One { run, task, number }, now_us, checker);
            }
            PlannedCall::Background(number) => {
                let name = function(checker, number);
                let new = new_task(checker.submission(number), &name, TaskKind::Do, None);
                match self.engine.poll_background(&new) {
                    Poll::Pending => self.call = Some((Call::Background(number), now_us)),
                    Poll::Ready(submitted) => self.submitted(submitted, number, now_us, checker),
                }
            }
            PlannedCall::Delayed(number, epoch) => {
                let name = function(checker, number);
                let new = new_task(checker.submission(number), &name, TaskKind::Do, Some(epoch));
                let task = self.engine.add(&new).expect("a task");
                let run = self.engine.run_until(task);
                self.go_on(Call::One { run, task, number }, now_us, checker);
            }
            PlannedCall::Set(numbers) => {
                let mut tasks = Vec::new();
                for number in numbers {
                    let name = function(checker, number);
                    let new = new_task(checker.submission(number), &name, TaskKind::Add, None);
                    tasks.push((self.engine.add(&new).expect("a task"), number, Vec::new()));
                }
                let run = self.engine.run_all();
                self.go_on(Call::Set { run, tasks }, now_us, checker);
            }
            PlannedCall::Echo => {
                let call = self.engine.begin_broadcast();
                self.go_on(Call::Echo(call), now_us, checker);
            }
        }
    }

    fn submitted(
        &mut self,
        submitted: Result<Submitted, ReturnCode>,
        number: usize,
        since: u64,
        checker: &mut Checker,
    ) {
        match submitted {
            Ok(Submitted::Created(handle)) => {
                checker.calls += 1;
                checker.acknowledge(handle.as_slice(), number);
            }
            Ok(Submitted::Task(task, run)) => {
                self.go_on(Call::One { run, task, number }, since, checker);
            }
            Err(code) => panic!("a submission ends with {}", code.name()),
        }
    }

    fn go_on(&mut self, call: Call, since: u64, checker: &mut Checker) {
        match call {
            Call::Background(number) => {
                let name = function_name(checker.submission(number).function);
                let new = new_task(checker.submission(number), &name, TaskKind::Do, None);
                let submitted = self.engine.finish_background(&new);
                self.submitted(submitted, number, since, checker);
            }
            Call::One { mut run, task, number } => match self.engine.poll_step(&mut run) {
                Poll::Pending => self.call = Some((Call::One { run, task, number }, since)),
                Poll::Ready(TaskStep::Done(code)) => self.one_done(code, task, number, checker),
                Poll::Ready(TaskStep::Call(upcall, _)) => panic!("{upcall:?} for a single job"),
            },
            Call::Set { run, tasks } => self.go_on_with_set(run, tasks, since, checker),
            Call::Echo(mut call) => {
                match self.engine.poll_broadcast(&mut call, Broadcast::Echo(ECHO)) {
                    Poll::Pending => self.call = Some((Call::Echo(call), since)),
                    Poll::Ready(echoed) => {
                        checker.calls += 1;
                        if let Err(code) = echoed {
                            checker
                                .fail_unless_faults(&format!("an echo ends with {}", code.name()));
                        }
                    }
                }
            }
        }
    }

    fn one_done(&mut self, code: ReturnCode, id: SlabId, number: usize, checker: &mut Checker) {
        checker.calls += 1;
        let Some(task) = self.engine.remove_task(id) else { return };
        let handle = task.handle.as_slice();
        if code != ReturnCode::SUCCESS
            || !matches!(task.code, ReturnCode::SUCCESS | ReturnCode::WORK_FAIL)
        {
            let (code, task) = (code.name(), task.code.name());
            checker.fail_unless_faults(&format!("submission {number} ends with {code}, {task}"));
        }
        if checker.submission(number).background {
            if code == ReturnCode::SUCCESS && task.code == ReturnCode::SUCCESS && !handle.is_empty()
            {
                checker.acknowledge(handle, number);
            }
            return;
        }
        if code != ReturnCode::SUCCESS {
            return;
        }
        let result = task.result.as_ref().map_or(&b""[..], |result| result.as_slice());
        match task.code {
            ReturnCode::SUCCESS => checker.answer(number, result, false),
            ReturnCode::WORK_FAIL => checker.answer(number, result, true),
            // The connection was lost, so the result is unknown.
            _ => {}
        }
    }

    fn go_on_with_set(
        &mut self,
        mut run: TaskRun,
        mut tasks: Vec<(SlabId, usize, Vec<u8>)>,
        since: u64,
        checker: &mut Checker,
    ) {
        loop {
            match self.engine.poll_step(&mut run) {
                Poll::Pending => {
                    self.call = Some((Call::Set { run, tasks }, since));
                    return;
                }
                Poll::Ready(TaskStep::Call(TaskUpcall::Callback(id, which), ticket)) => {
                    let found = tasks.iter_mut().find(|(task, ..)| *task == id);
                    let (_, number, got) = found.expect("a callback of a task of the set");
                    if let Some(data) = self.engine.task(id).and_then(|task| task.data.as_ref()) {
                        got.extend_from_slice(data.as_slice());
                    }
                    let code = self.engine.task(id).map(|task| task.code);
                    match which {
                        Callbacks::COMPLETE => checker.answer(*number, got, false),
                        Callbacks::FAIL if code == Some(ReturnCode::WORK_FAIL) => {
                            checker.answer(*number, got, true);
                        }
                        _ => {}
                    }
                    assert_eq!(self.engine.resume(ticket, ReturnCode::SUCCESS), None);
                }
                Poll::Ready(TaskStep::Call(upcall, _)) => panic!("{upcall:?} for a set"),
                Poll::Ready(TaskStep::Done(code)) => {
                    checker.calls += 1;
                    let ended = tasks.iter().filter(|(id, ..)| {
                        self.engine.task(*id).is_some_and(|t| t.state == TaskState::Finished)
                    });
                    let is_whole = ended.count() == tasks.len();
                    if code == ReturnCode::SUCCESS && !is_whole {
                        checker.fail("call", "run_tasks succeeds with unfinished tasks".into());
                    }
                    if code != ReturnCode::SUCCESS {
                        checker.fail_unless_faults(&format!("a set ends with {}", code.name()));
                    }
                    for (id, ..) in tasks {
                        self.engine.remove_task(id);
                    }
                    return;
                }
            }
        }
    }
}
