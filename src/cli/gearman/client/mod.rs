//! The client: submits jobs and handles the events of their tasks.
//!
//! Must not: print results itself; `output` does.

mod escape;
mod hint;
mod input;
mod job;
mod joblog;
mod losses;
mod order;
mod outage;
mod output;
mod progress;
mod retry;
mod stopping;
mod submitting;

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{Client, TaskStep, TaskUpcall};
use gearman_engine::slab::SlabId;
use gearman_engine::task::Callbacks;
use gearman_net::MioNet;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::gearman::options::GearmanOptions;
use crate::gearman::pid_file::PidFile;
use crate::gearman::{daemon, notify};
use crate::tools::Exit;
use crate::tools::signals::Signals;
use crate::tools::tls::TlsArguments;
use crate::tools::waiting::{self, WaitFor, earliest};
use hint::Hint;
use input::{Input, InputItem};
use job::SubmittedJob;
use outage::Outage;
use output::Output;

/// Time in which a server has to accept the connection, without `-t`.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How a run of the client ended.
enum Ending {
    Ended(Exit),
    /// By this signal, which ends the process as if it had not been caught.
    Killed(i32),
}

/// Submits the jobs that the options ask for.
///
/// # Errors
/// When input or output fails.
pub(crate) fn run(options: &GearmanOptions) -> io::Result<Exit> {
    let mut client = Client::new(MioNet::new());
    client.link.settings.non_blocking = true;
    let is_in_environment = TlsArguments::is_in_environment();
    options.tls.apply(&mut client.link.settings, is_in_environment);
    options.environment.apply(&mut client.link.settings);
    // Only for connecting: the loop here measures the time without a packet.
    client.link.settings.timeout = Some(options.timeout.unwrap_or(CONNECT_TIMEOUT_DEFAULT));
    client.link.settings.server_options.push(b"exceptions".to_vec());
    for server in &options.servers {
        if client.add_server(&server.host, server.port).is_err() {
            let why = client.link.error.message().unwrap_or_default();
            notify(&format!("cannot connect to {server}: {why}"));
        }
    }
    if client.link.conns.is_empty() {
        return Ok(Exit::Connect);
    }
    // Signals are caught later: while a whole input is read, they end the program.
    daemon::detach(options)?;
    let input = Input::open(options)?;
    let submitter = Submitter::new(options, client, input)?;
    // After the signals are caught: none may end the process and leave the file.
    let pid_file = PidFile::write(options.pid_file.as_deref())?;
    let ending = submitter.run();
    drop(pid_file);
    match ending? {
        Ending::Ended(exit) => Ok(exit),
        Ending::Killed(signal) => {
            signal_hook::low_level::emulate_default_handler(signal)?;
            Ok(Exit::System)
        }
    }
}

struct Submitter<'a> {
    options: &'a GearmanOptions,
    client: Client<MioNet>,
    input: Input,
    /// Data that is not yet submitted to every function, and the number of functions that
    /// it is submitted to.
    current: Option<(InputItem, usize)>,
    /// The number of jobs that were submitted.
    submitted: u64,
    /// All data is submitted.
    ended: bool,
    /// The next job's data was not read yet.
    needs_input: bool,
    /// The most jobs in flight.
    jobs_max: usize,
    /// The jobs in flight.
    jobs: HashMap<SlabId, SubmittedJob>,
    output: Output,
    hint: Hint,
    outage: Outage,
    signals: Option<Signals>,
    /// When a first signal arrived, which ends the input.
    stopped_at: Option<Instant>,
    /// The signal because of which data was not submitted.
    cut_off_by: Option<i32>,
    /// When a packet was last received, or a job submitted while none was in flight.
    last_activity: Instant,
    /// A server has accepted a job.
    reached: bool,
    /// The exit code so far.
    exit: Exit,
}

impl<'a> Submitter<'a> {
    fn new(
        options: &'a GearmanOptions,
        client: Client<MioNet>,
        input: Input,
    ) -> io::Result<Submitter<'a>> {
        let batch = input.is_batch();
        let jobs_max = match options.jobs {
            Some(jobs) => jobs.get(),
            None if batch => 1,
            None => usize::MAX,
        };
        // Otherwise signals are not caught: they end the process, with nothing to clean up.
        let signals = if batch || options.pid_file.is_some() {
            Some(Signals::new(&[SIGTERM, SIGINT])?)
        } else {
            None
        };
        let output = Output::new(options, input.retried_log())?;
        let mut submitter = Submitter {
            options,
            client,
            input,
            current: None,
            submitted: 0,
            ended: false,
            needs_input: false,
            jobs_max,
            jobs: HashMap::new(),
            output,
            hint: Hint::new(options),
            outage: Outage::default(),
            signals,
            stopped_at: None,
            cut_off_by: None,
            last_activity: Instant::now(),
            reached: false,
            exit: Exit::Done,
        };
        submitter.expect_jobs();
        Ok(submitter)
    }

    fn run(mut self) -> io::Result<Ending> {
        loop {
            self.submit_data()?;
            if self.ended && self.jobs.is_empty() {
                return Ok(self.ending());
            }
            let steps = !self.jobs.is_empty() && self.outage.may_try();
            if steps {
                self.step()?;
                if self.has_room() || self.jobs.is_empty() {
                    continue;
                }
            }
            if let Some(signal) = self.wait(steps)? {
                return Ok(Ending::Killed(signal));
            }
        }
    }

    /// Whether another job can be submitted without waiting.
    fn has_room(&self) -> bool {
        self.may_submit() && !self.ended && !self.needs_input
    }

    /// Runs the engine as far as it gets without waiting.
    fn step(&mut self) -> io::Result<()> {
        let mut run = self.client.run_all();
        loop {
            match self.client.step(&mut run) {
                TaskStep::Done(ReturnCode::SUCCESS | ReturnCode::IO_WAIT) => return Ok(()),
                TaskStep::Done(code) => return self.handle_error(code),
                // The end of the run reports it, with its reason.
                TaskStep::Call(TaskUpcall::Callback(id, Callbacks::FAIL), ticket)
                    if self.is_lost(id) =>
                {
                    self.client.resume(ticket, ReturnCode::SUCCESS);
                }
                TaskStep::Call(TaskUpcall::Callback(id, which), ticket) => {
                    self.last_activity = Instant::now();
                    self.on_event(id, which)?;
                    self.client.resume(ticket, ReturnCode::SUCCESS);
                    self.forget_if_ended(id);
                }
                // These tasks have no allocator hooks.
                TaskStep::Call(TaskUpcall::Alloc(..) | TaskUpcall::Release(_), _) => {}
            }
        }
    }

    /// Whether a task failed because its server was lost.
    fn is_lost(&self, id: SlabId) -> bool {
        self.client.task(id).is_some_and(|task| task.code != ReturnCode::WORK_FAIL)
    }

    /// Handles an event of a task.
    fn on_event(&mut self, id: SlabId, which: Callbacks) -> io::Result<()> {
        let Some(mut job) = self.jobs.remove(&id) else {
            if let Some(text) = self.hint.answered(&self.client, id, self.options) {
                self.output.notify(&text)?;
            }
            return Ok(());
        };
        if which != Callbacks::CREATED {
            self.hint.heard();
        }
        let mut ended = None;
        if let Some(task) = self.client.task_mut(id) {
            let data = task.data.take();
            let data = data.as_ref().map_or(&b""[..], |data| data.as_slice());
            let (status, exception) = (task.status, task.exception());
            match which {
                Callbacks::CREATED => {
                    job.handle = task.handle.as_slice().to_vec();
                    self.reached = true;
                    self.output.created(&job)?;
                    self.hint.created(&job.handle);
                    ended = self.options.background.then_some(Exit::Done);
                }
                Callbacks::DATA => self.output.data(&mut job, data)?,
                Callbacks::WARNING => self.output.warning(&job, data)?,
                Callbacks::STATUS => {
                    self.output.status(&job, status.numerator, status.denominator)?;
                }
                Callbacks::COMPLETE => {
                    self.output.data(&mut job, data)?;
                    self.output.complete(&mut job)?;
                    ended = Some(Exit::Done);
                }
                Callbacks::EXCEPTION => {
                    let text = exception.unwrap_or_default();
                    let text = text.strip_suffix(b"\0").unwrap_or(text);
                    self.output.raised(&mut job, text)?;
                    ended = Some(Exit::Failed);
                }
                Callbacks::FAIL => {
                    self.output.failed(&mut job)?;
                    ended = Some(Exit::Failed);
                }
                _ => {}
            }
        }
        if self.reached && self.outage.ends() {
            self.output.notify("connected again")?;
        }
        if let Some(exit) = ended {
            self.end_job(&mut job, exit)?;
        } else {
            self.jobs.insert(id, job);
        }
        Ok(())
    }

    /// Notes the end of a job, after its output: exit code, progress, log and order.
    fn end_job(&mut self, job: &mut SubmittedJob, exit: Exit) -> io::Result<()> {
        self.exit = self.exit.or(exit);
        self.output.end(job, exit)
    }

    fn forget_if_ended(&mut self, id: SlabId) {
        if self.client.task(id).is_some_and(|task| !task.is_active())
            && let Some(task) = self.client.remove_task(id)
        {
            self.client.recycle(task);
        }
    }

    /// Waits for the next event. Returns the signal that ends the process, if one does.
    fn wait(&mut self, steps: bool) -> io::Result<Option<i32>> {
        let silence_deadline = match self.options.timeout {
            Some(limit) if steps => self.last_activity.checked_add(limit),
            _ => None,
        };
        let connect_deadline = if steps { self.client.link.connect_deadline() } else { None };
        let redraw = self.output.progress().map(|_| Instant::now() + progress::REDRAW_INTERVAL);
        // While an attempt is made, its own time has passed already.
        let next_attempt = self.outage.next_attempt().filter(|at| !steps || *at > Instant::now());
        let give_up = self.outage.stop_deadline(self.stopped_at);
        let hint = self.hint.due();
        let wake_ups = [silence_deadline, connect_deadline, hint, next_attempt, redraw, give_up];

        let mut descriptors = Vec::new();
        let reads_ahead = self.output.progress().is_some() && self.input.may_read_ahead();
        let input = self.input.descriptor().filter(|_| self.needs_input || reads_ahead);
        let reads = input.is_some();
        descriptors.extend(input.map(|fd| (fd, WaitFor::Readable)));
        if steps {
            descriptors.push((self.client.link.net.poller_fd()?, WaitFor::Readable));
        }
        let signals = self.signals.as_ref().map(AsFd::as_fd);
        descriptors.extend(signals.map(|fd| (fd, WaitFor::Readable)));
        let ready = waiting::wait(&descriptors, earliest(wake_ups))?;
        if reads && ready[0] {
            self.input.read()?;
            self.needs_input = false;
            self.expect_jobs();
        }

        let now = Instant::now();
        if connect_deadline.is_some_and(|deadline| deadline <= now) {
            self.client.link.expire_connects();
        } else if silence_deadline.is_some_and(|end| end <= now) && !ready.contains(&true) {
            let why = outage::explain(&self.client, ReturnCode::TIMEOUT);
            self.lose_all(Exit::Timeout, &why)?;
        }
        if give_up.is_some_and(|deadline| deadline <= now) {
            self.give_up()?;
        }
        self.hint.ask(&mut self.client);
        if let Some(progress) = self.output.progress() {
            progress.tick();
        }
        self.take_signals()
    }
}
