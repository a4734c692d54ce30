//! The worker: registers functions, and runs a command for each of their jobs.
//!
//! Must not: lose a job. The server keeps a job that could not be reported as done or
//! failed, and assigns it to another worker when this process ends.

mod command;
mod lister;
mod program;
mod watch;

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::worker::{Outcome, Report, WorkStep, WorkTicket, Worker};
use gearman_net::MioNet;
use gearman_protocol::Command;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

use crate::gearman::options::{Division, GearmanOptions};
use crate::gearman::pid_file::PidFile;
use crate::gearman::{daemon, notify};
use crate::tools::Exit;
use crate::tools::servers::ServerAddress;
use crate::tools::signals::Signals;
use crate::tools::tls::TlsArguments;
use crate::tools::usage::{failed_to, system_error};
use crate::tools::waiting::{self, WaitFor, earliest, jittered};
use command::RunningCommand;
use lister::{FunctionLister, Listed};
use watch::Watch;

/// The pause before a server whose name has no address is looked up again.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(5);

/// Runs jobs until a signal, the limit of jobs, or the timeout ends the worker.
///
/// # Errors
/// Those of system calls.
pub(crate) fn run(options: &GearmanOptions) -> io::Result<Exit> {
    if let Some(name) = options.arguments.first()
        && let Err(error) = program::check(name)
    {
        notify(&format!("cannot run '{}': {error}", name.to_string_lossy()));
        return Ok(Exit::System);
    }
    let mut worker = Worker::new(MioNet::new());
    worker.link.settings.non_blocking = true;
    // Gives all that a command is told about its job. OpenStack's geard leaves GRAB_JOB_ALL, the
    // library's default, unanswered.
    worker.grabs_with = Command::GrabJobUniq;
    let is_in_environment = TlsArguments::is_in_environment();
    options.tls.apply(&mut worker.link.settings, is_in_environment);
    options.environment.apply(&mut worker.link.settings);
    for name in &options.functions {
        if worker.add_function(name.as_bytes(), 0, Some(0)).is_err() {
            let why = worker.link.error.message().unwrap_or_default();
            notify(&format!("cannot register function '{}': {why}", name.to_string_lossy()));
            return Ok(Exit::Usage);
        }
    }
    let signals = Signals::new(&[SIGTERM, SIGINT, SIGCHLD])?;
    let mut pool = Pool {
        options,
        worker,
        unknown: Vec::new(),
        looks_up_at: None,
        running: Vec::new(),
        done: 0,
        watch: Watch::default(),
        signals,
        idle_since: Instant::now(),
        stops: None,
        signalled: false,
        lister: FunctionLister::start(options)?,
        offers_functions: !options.functions.is_empty(),
    };
    pool.add_servers(options.servers.clone());
    let pid_file = PidFile::write(options.pid_file.as_deref())?;
    daemon::detach(options)?;
    let exit = pool.run();
    drop(pid_file);
    exit
}

struct Pool<'a> {
    options: &'a GearmanOptions,
    worker: Worker<MioNet>,
    /// Servers whose names have no address yet.
    unknown: Vec<ServerAddress>,
    /// When these are looked up again.
    looks_up_at: Option<Instant>,
    running: Vec<RunningCommand>,
    /// Jobs that were reported to their servers as done or failed.
    done: u64,
    watch: Watch,
    signals: Signals,
    /// When the last job ended, or the worker started.
    idle_since: Instant,
    /// The exit code of a worker that takes no more jobs.
    stops: Option<Exit>,
    /// A first signal has arrived.
    signalled: bool,
    /// Finds functions, if the options have patterns.
    lister: Option<FunctionLister>,
    /// A function is registered: without one there are no jobs to ask for.
    offers_functions: bool,
}

impl Pool<'_> {
    fn run(mut self) -> io::Result<Exit> {
        loop {
            let awaits_jobs = self.take_jobs()?;
            if self.running.is_empty() {
                let has_done_all = self.options.count == Some(self.done);
                if let Some(exit) = self.stops.or(has_done_all.then_some(Exit::Done)) {
                    return Ok(exit);
                }
            }
            if let Some(exit) = self.wait(awaits_jobs)? {
                return Ok(exit);
            }
        }
    }

    /// Adds servers. One without an address is looked up again later: a worker may start
    /// before its network does.
    fn add_servers(&mut self, servers: Vec<ServerAddress>) {
        let again = self.looks_up_at.is_some();
        for server in servers {
            if self.worker.add_server(&server.host, server.port).is_ok() {
                if again {
                    notify(&format!("{server}: the name has an address now"));
                }
                continue;
            }
            if !again {
                let why = self.worker.link.error.message().unwrap_or_default();
                notify(&format!("{server}: {why}; trying again"));
            }
            self.unknown.push(server);
        }
        self.looks_up_at =
            (!self.unknown.is_empty()).then(|| Instant::now() + jittered(LOOK_UP_PAUSE));
    }

    /// The number of jobs that the worker can take now.
    fn free_slots(&self) -> usize {
        let slots = self.options.jobs.map_or(1, std::num::NonZeroUsize::get);
        let free = slots.saturating_sub(self.running.len());
        match (self.stops, self.options.count) {
            (Some(_), _) => 0,
            (None, Some(count)) => {
                let started = self.done + self.running.len() as u64;
                free.min(usize::try_from(count - started).unwrap_or(free))
            }
            (None, None) => free,
        }
    }

    /// Takes jobs while a server has one and a command can start. Returns whether the
    /// worker waits for a server's next job.
    fn take_jobs(&mut self) -> io::Result<bool> {
        while self.free_slots() > 0 {
            if self.worker.link.conns.is_empty() || !self.offers_functions {
                return Ok(false);
            }
            let step = self.worker.work();
            self.watch.changes(&self.worker.link.conns).iter().for_each(|message| notify(message));
            match step {
                WorkStep::Call(_, ticket) => self.start_job(ticket)?,
                WorkStep::Done(
                    ReturnCode::NO_JOBS
                    | ReturnCode::IO_WAIT
                    | ReturnCode::COULD_NOT_CONNECT
                    | ReturnCode::LOST_CONNECTION
                    | ReturnCode::GETADDRINFO
                    | ReturnCode::TIMEOUT,
                ) => return Ok(true),
                WorkStep::Done(code) => {
                    let why = self.worker.link.error.message().unwrap_or_default();
                    notify(&format!("{} {why}", code.name()));
                    // One server may have sent something invalid: the others are served.
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Starts a job. Without a command its data is printed, and the job is done.
    fn start_job(&mut self, ticket: WorkTicket) -> io::Result<()> {
        let Some(job) = self.worker.job(ticket.job()) else { return Ok(()) };
        if self.options.verbose {
            notify(&format!("{}: started", name(job)));
        }
        if self.options.arguments.is_empty() {
            let mut stdout = io::stdout().lock();
            let printed = stdout.write_all(job.workload()).and_then(|()| stdout.flush());
            printed.map_err(|error| failed_to("write to standard output", error))?;
            self.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"");
            return Ok(());
        }
        match RunningCommand::start(&self.options.arguments, ticket, job) {
            Ok(running) => self.running.push(running),
            // Another job may have data that an argument can hold.
            Err(error)
                if command::has_placeholder(&self.options.arguments) && is_about_data(&error) =>
            {
                let why = system_error(&error);
                notify(&format!("{} failed: its data cannot be an argument: {why}", name(job)));
                self.finish(ticket, Outcome::Fail(ReturnCode::WORK_FAIL), b"");
            }
            Err(error) => {
                // The server keeps the job. All others would fail the same way: stop.
                let command = self.options.arguments[0].to_string_lossy();
                let why = system_error(&error);
                notify(&format!("{}: cannot run '{command}': {why}", name(job)));
                self.stops = Some(Exit::System);
            }
        }
        Ok(())
    }

    /// Reports the end of a job to its server.
    fn finish(&mut self, ticket: WorkTicket, outcome: Outcome, result: &[u8]) {
        self.idle_since = Instant::now();
        self.worker.check_servers();
        let failed = matches!(outcome, Outcome::Fail(_));
        let job = self.worker.job(ticket.job()).map(name).unwrap_or_default();
        match self.worker.finish(ticket, outcome, result) {
            ReturnCode::SUCCESS | ReturnCode::WORK_FAIL => {
                self.done += 1;
                if self.options.verbose && !failed {
                    notify(&format!("{job}: done"));
                }
            }
            // The server assigns the job to another worker: it does not count as done.
            code => {
                let why = self.worker.link.error.message().unwrap_or(code.name());
                notify(&format!("{job}: the result is lost: {why}"));
            }
        }
    }

    /// Waits for the next event, and serves the running commands. Returns the exit code
    /// if the worker ends now.
    fn wait(&mut self, awaits_jobs: bool) -> io::Result<Option<Exit>> {
        let now = Instant::now();
        let retry = match awaits_jobs {
            // A call that ended with an error may have left packets in a buffer, for which
            // no descriptor becomes ready.
            true if self.worker.has_buffered_work() => Some(Duration::ZERO),
            true => self.worker.next_timeout(),
            false => None,
        };
        let retry = retry.map(|pause| now + if pause.is_zero() { pause } else { jittered(pause) });
        let idle_deadline = match self.idle_limit() {
            Some((limit, _)) if self.running.is_empty() => self.idle_since.checked_add(limit),
            _ => None,
        };
        let deadline = earliest([retry, idle_deadline, self.looks_up_at]);

        let mut descriptors = vec![(self.signals.as_fd(), WaitFor::Readable)];
        for running in &self.running {
            descriptors.extend(running.stdin().map(|fd| (fd, WaitFor::Writable)));
            descriptors.extend(running.stdout().map(|fd| (fd, WaitFor::Readable)));
        }
        if awaits_jobs {
            descriptors.push((self.worker.link.net.poller_fd()?, WaitFor::Readable));
        }
        descriptors.extend(self.lister.as_ref().map(|lister| (lister.as_fd(), WaitFor::Readable)));
        let ready = waiting::wait(&descriptors, deadline)?;

        self.serve_commands(&ready[1..])?;
        self.offer_found_functions();
        let now = Instant::now();
        if self.looks_up_at.is_some_and(|at| at <= now) {
            let unknown = std::mem::take(&mut self.unknown);
            self.add_servers(unknown);
        }
        if idle_deadline.is_some_and(|end| end <= now) && !ready.contains(&true) {
            return Ok(Some(self.idle_timeout()));
        }
        Ok(self.take_signals())
    }

    /// Registers functions that match a pattern and were found since the last call.
    fn offer_found_functions(&mut self) {
        for listed in self.lister.as_mut().map(FunctionLister::take).unwrap_or_default() {
            match listed {
                Listed::Function(name) if self.worker.has_function(&name) => {}
                Listed::Function(name) => {
                    let shown = String::from_utf8_lossy(&name);
                    if self.worker.add_function(&name, 0, Some(0)).is_err() {
                        let why = self.worker.link.error.message().unwrap_or_default();
                        notify(&format!("cannot register function '{shown}': {why}"));
                        continue;
                    }
                    self.offers_functions = true;
                    if self.options.verbose {
                        notify(&format!("function {shown}: registered"));
                    }
                }
                Listed::Refused(text) => notify(&text),
            }
        }
    }

    /// Writes to and reads from the commands whose pipes are ready, and finishes the jobs
    /// whose commands have ended.
    fn serve_commands(&mut self, ready: &[bool]) -> io::Result<()> {
        let mut ready = ready.iter().copied();
        for at in 0..self.running.len() {
            let running = &mut self.running[at];
            let (has_stdin, has_stdout) = (running.stdin().is_some(), running.stdout().is_some());
            if has_stdin
                && ready.next() == Some(true)
                && let Some(job) = self.worker.job(running.ticket.job())
            {
                running.write_input(job.workload());
            }
            if has_stdout && ready.next() == Some(true) {
                running.read_output();
                if self.options.division != Division::Whole {
                    self.send_lines(at);
                }
            }
        }
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].has_ended()? {
                let running = self.running.swap_remove(at);
                self.finish_command(running);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// Sends each complete line of a command's output as a packet.
    fn send_lines(&mut self, at: usize) {
        let bare = self.options.division == Division::BareLines;
        let running = &mut self.running[at];
        for line in running.take_lines() {
            let line = if bare { line.strip_suffix(b"\n").unwrap_or(&line) } else { &line };
            // A lost connection is reported when the job ends.
            self.worker.send(running.ticket.job(), Report::Data, line);
        }
    }

    /// Reports the job of a command that has ended: failed unless it exited with 0.
    fn finish_command(&mut self, running: RunningCommand) {
        let id = running.ticket.job();
        let succeeded = running.status.is_some_and(|status| status.success());
        if succeeded {
            let complete = Outcome::Complete(ReturnCode::SUCCESS);
            return self.finish(running.ticket, complete, &running.output);
        }
        if let (Some(job), Some(status)) = (self.worker.job(id), running.status) {
            notify(&format!("{} failed: {status}", name(job)));
        }
        if !running.output.is_empty() {
            self.worker.send(id, Report::Data, &running.output);
        }
        self.finish(running.ticket, Outcome::Fail(ReturnCode::WORK_FAIL), b"");
    }

    /// How long the worker stays without a job, and the exit code after that.
    fn idle_limit(&self) -> Option<(Duration, Exit)> {
        // With a number of jobs, a silence is a failure to get them.
        let timeout = self.options.timeout.filter(|_| self.options.count.is_some());
        let timeout = timeout.map(|limit| (limit, Exit::Timeout));
        let idle = self.options.exit_when_idle.map(|limit| (limit, Exit::Done));
        timeout.into_iter().chain(idle).min_by_key(|(limit, _)| *limit)
    }

    /// The exit code when no job was assigned within the limit.
    fn idle_timeout(&self) -> Exit {
        let (limit, exit) = self.idle_limit().expect("only a limit expires");
        let limit = limit.as_millis();
        if self.worker.link.any_open() {
            if matches!(exit, Exit::Timeout) {
                notify(&format!("no job within {limit} ms (GEARMAN_TIMEOUT)"));
            }
            return exit;
        }
        notify(&format!("no server could be reached within {limit} ms"));
        Exit::Connect
    }

    /// Handles signals: after the first one the running jobs are finished, after the
    /// second one they are terminated.
    fn take_signals(&mut self) -> Option<Exit> {
        for signal in self.signals.pending() {
            if signal == SIGCHLD {
                continue;
            }
            if std::mem::replace(&mut self.signalled, true) {
                self.running.iter_mut().for_each(RunningCommand::terminate);
                return Some(Exit::Failed);
            }
            self.stops = self.stops.or(Some(Exit::Done));
        }
        None
    }
}

/// Whether a command did not start because of its arguments.
fn is_about_data(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::ArgumentListTooLong)
}

/// A job in messages.
fn name(job: &gearman_engine::worker::AssignedJob) -> String {
    let show = String::from_utf8_lossy;
    format!("job {} of {}", show(job.handle()), show(job.function()))
}
