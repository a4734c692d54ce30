//! The worker: offers functions, and does their jobs by running a command.
//!
//! Must not: lose a job. One that cannot be reported as done or failed stays with
//! its server, which gives it to somebody else when this process ends.

mod command;
mod program;
mod watch;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::worker::{Outcome, Report, WorkStep, WorkTicket, Worker};
use gearman_net::MioNet;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

use crate::gearman::options::{Division, Options};
use crate::gearman::pid_file::PidFile;
use crate::gearman::signals::Signals;
use crate::gearman::waiting::{self, For, first, jittered};
use crate::gearman::{daemon, say};
use crate::tools::Exit;
use crate::tools::servers::Server;
use command::Running;
use watch::Watch;

/// How often a server whose name is not known is looked up again.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(5);

/// Does jobs until it is told to stop, or has done as many as it is to do.
///
/// # Errors
/// When the system fails.
pub(crate) fn run(options: &Options) -> io::Result<Exit> {
    if let Some(name) = options.arguments.first()
        && let Err(error) = program::check(name)
    {
        say(&format!("cannot run {}: {error}", name.to_string_lossy()));
        return Ok(Exit::System);
    }
    let mut worker = Worker::new(MioNet::new());
    worker.link.settings.non_blocking = true;
    for name in &options.functions {
        if worker.add_function(name.as_bytes(), 0, Some(0)).is_err() {
            let why = worker.link.error.message().unwrap_or_default();
            say(&format!("function {}: {why}", name.to_string_lossy()));
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
        told_to_stop: false,
    };
    pool.add_servers(options.servers.clone());
    let pid_file = PidFile::write(options.pid_file.as_deref())?;
    daemon::detach(options)?;
    let exit = pool.run();
    drop(pid_file);
    exit
}

struct Pool<'a> {
    options: &'a Options,
    worker: Worker<MioNet>,
    /// Servers whose names have no address yet.
    unknown: Vec<Server>,
    looks_up_at: Option<Instant>,
    running: Vec<Running>,
    /// Jobs that servers know to be done or failed.
    done: u64,
    watch: Watch,
    signals: Signals,
    idle_since: Instant,
    /// No more jobs are taken, and how to end.
    stops: Option<Exit>,
    /// A signal has asked for that.
    told_to_stop: bool,
}

impl Pool<'_> {
    fn run(mut self) -> io::Result<Exit> {
        loop {
            let asks = self.take_jobs()?;
            if self.running.is_empty() {
                let has_done_all = self.options.count == Some(self.done);
                if let Some(exit) = self.stops.or(has_done_all.then_some(Exit::Done)) {
                    return Ok(exit);
                }
            }
            if let Some(exit) = self.pause(asks)? {
                return Ok(exit);
            }
        }
    }

    /// Adds servers. One without an address is looked up again later: a worker
    /// may be started before its network is there.
    fn add_servers(&mut self, servers: Vec<Server>) {
        let again = self.looks_up_at.is_some();
        for server in servers {
            if self.worker.add_server(&server.host, server.port).is_ok() {
                if again {
                    say(&format!("{server}: has an address now"));
                }
                continue;
            }
            if !again {
                let why = self.worker.link.error.message().unwrap_or_default();
                say(&format!("{server}: {why}; trying again"));
            }
            self.unknown.push(server);
        }
        self.looks_up_at =
            (!self.unknown.is_empty()).then(|| Instant::now() + jittered(LOOK_UP_AGAIN));
    }

    /// How many more jobs can be taken.
    fn room(&self) -> usize {
        let slots = self.options.jobs.map_or(1, std::num::NonZeroUsize::get);
        let free = slots.saturating_sub(self.running.len());
        match (self.stops, self.options.count) {
            (Some(_), _) => 0,
            (None, Some(count)) => {
                let begun = self.done + self.running.len() as u64;
                free.min(usize::try_from(count - begun).unwrap_or(free))
            }
            (None, None) => free,
        }
    }

    /// Takes jobs for as long as there are any and there is room. Returns whether
    /// servers are asked, so that the next job will be noticed.
    fn take_jobs(&mut self) -> io::Result<bool> {
        while self.room() > 0 {
            if self.worker.link.conns.is_empty() {
                return Ok(false);
            }
            let step = self.worker.work();
            self.watch.look(&self.worker.link.conns).iter().for_each(|news| say(news));
            match step {
                WorkStep::Call(_, ticket) => self.begin(ticket)?,
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
                    say(&format!("{} {why}", code.name()));
                    // What a server has sent may make no sense; others go on.
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Begins a job. Without a command it is done at once: its data are printed.
    fn begin(&mut self, ticket: WorkTicket) -> io::Result<()> {
        let Some(job) = self.worker.job(ticket.job()) else { return Ok(()) };
        if self.options.verbose {
            say(&format!("{}: begun", name(job)));
        }
        if self.options.arguments.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(job.workload())?;
            stdout.flush()?;
            self.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"");
            return Ok(());
        }
        match Running::start(&self.options.arguments, ticket, job) {
            Ok(running) => self.running.push(running),
            Err(error) => {
                // It is left with its server, and so are all after it.
                let command = self.options.arguments[0].to_string_lossy();
                say(&format!("{}: cannot run {command}: {error}", name(job)));
                self.stops = Some(Exit::System);
            }
        }
        Ok(())
    }

    /// Tells the server how a job has ended.
    fn finish(&mut self, ticket: WorkTicket, outcome: Outcome, result: &[u8]) {
        self.idle_since = Instant::now();
        self.worker.check_servers();
        let failed = matches!(outcome, Outcome::Fail(_));
        let job = self.worker.job(ticket.job()).map(name).unwrap_or_default();
        match self.worker.finish(ticket, outcome, result) {
            ReturnCode::SUCCESS | ReturnCode::WORK_FAIL => {
                self.done += 1;
                if self.options.verbose && !failed {
                    say(&format!("{job}: done"));
                }
            }
            // The server gives it to somebody else: nothing was done.
            code => {
                let why = self.worker.link.error.message().unwrap_or(code.name());
                say(&format!("{job}: the result is lost: {why}"));
            }
        }
    }

    /// Waits until there is something to do, and does what concerns commands.
    /// Returns how to end, if it is time to.
    fn pause(&mut self, asks: bool) -> io::Result<Option<Exit>> {
        let now = Instant::now();
        let retry = match asks {
            // A call that ended with an error may have left packets unread: no descriptor
            // tells of them.
            true if self.worker.has_buffered_work() => Some(Duration::ZERO),
            true => self.worker.next_timeout(),
            false => None,
        };
        let retry = retry.map(|pause| now + if pause.is_zero() { pause } else { jittered(pause) });
        let patience = match (self.options.timeout, self.options.count) {
            (Some(limit), Some(_)) if self.running.is_empty() => self.idle_since.checked_add(limit),
            _ => None,
        };
        let until = first([retry, patience, self.looks_up_at]);

        let mut descriptors = vec![(self.signals.as_fd(), For::Input)];
        for running in &self.running {
            descriptors.extend(running.stdin().map(|fd| (fd, For::Room)));
            descriptors.extend(running.stdout().map(|fd| (fd, For::Input)));
        }
        if asks {
            descriptors.push((self.worker.link.net.poller_fd()?, For::Input));
        }
        let ready = waiting::wait(&descriptors, until)?;

        self.tend(&ready[1..])?;
        let now = Instant::now();
        if self.looks_up_at.is_some_and(|at| at <= now) {
            let unknown = std::mem::take(&mut self.unknown);
            self.add_servers(unknown);
        }
        if patience.is_some_and(|end| end <= now) && !ready.contains(&true) {
            return Ok(Some(self.out_of_patience()));
        }
        Ok(self.heed_signals())
    }

    /// Feeds and reads the commands whose pipes are ready, and ends the jobs of
    /// those that have ended.
    fn tend(&mut self, ready: &[bool]) -> io::Result<()> {
        let mut ready = ready.iter().copied();
        for at in 0..self.running.len() {
            let running = &mut self.running[at];
            let (has_stdin, has_stdout) = (running.stdin().is_some(), running.stdout().is_some());
            if has_stdin
                && ready.next() == Some(true)
                && let Some(job) = self.worker.job(running.ticket.job())
            {
                running.feed(job.workload());
            }
            if has_stdout && ready.next() == Some(true) {
                running.read();
                if self.options.division != Division::Whole {
                    self.send_lines(at);
                }
            }
        }
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].has_ended()? {
                let running = self.running.swap_remove(at);
                self.end(running);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// Sends each line of a command's output by itself.
    fn send_lines(&mut self, at: usize) {
        let bare = self.options.division == Division::BareLines;
        let running = &mut self.running[at];
        for line in running.take_lines() {
            let line = if bare { line.strip_suffix(b"\n").unwrap_or(&line) } else { &line };
            // If the connection is gone, the end of the job will say so.
            self.worker.send(running.ticket.job(), Report::Data, line);
        }
    }

    /// A command has ended.
    fn end(&mut self, running: Running) {
        let id = running.ticket.job();
        let succeeded = running.status.is_some_and(|status| status.success());
        if succeeded {
            let complete = Outcome::Complete(ReturnCode::SUCCESS);
            return self.finish(running.ticket, complete, &running.output);
        }
        if let (Some(job), Some(status)) = (self.worker.job(id), running.status) {
            say(&format!("{} has failed: {status}", name(job)));
        }
        if !running.output.is_empty() {
            self.worker.send(id, Report::Data, &running.output);
        }
        self.finish(running.ticket, Outcome::Fail(ReturnCode::WORK_FAIL), b"");
    }

    /// No job has come for as long as one was to be waited for.
    fn out_of_patience(&self) -> Exit {
        let limit = self.options.timeout.unwrap_or_default().as_millis();
        let link = &self.worker.link;
        if link.any_open() {
            say(&format!("no job within {limit} ms (GEARMAN_TIMEOUT)"));
            return Exit::Timeout;
        }
        say(&format!("no server within {limit} ms"));
        Exit::Connect
    }

    /// The first signal lets the jobs that run be finished, the second does not.
    fn heed_signals(&mut self) -> Option<Exit> {
        for signal in self.signals.pending() {
            if signal == SIGCHLD {
                continue;
            }
            if std::mem::replace(&mut self.told_to_stop, true) {
                self.running.iter_mut().for_each(Running::kill);
                return Some(Exit::Failed);
            }
            self.stops = self.stops.or(Some(Exit::Done));
        }
        None
    }
}

/// A job in words.
fn name(job: &gearman_engine::worker::AssignedJob) -> String {
    let show = String::from_utf8_lossy;
    format!("job {} of {}", show(job.handle()), show(job.function()))
}
