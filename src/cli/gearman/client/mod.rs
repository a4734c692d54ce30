//! The client: submits jobs and prints what comes of them.
//!
//! Must not: print itself; `output` does.

mod hint;
mod input;
mod job;
mod outage;
mod output;
mod progress;

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{Client, NewTask, TaskBody, TaskStep, TaskUpcall};
use gearman_engine::slab::SlabId;
use gearman_engine::task::{Callbacks, TaskKind, Token};
use gearman_net::MioNet;
use gearman_protocol::Command;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::gearman::options::{Division, Options, Priority};
use crate::gearman::pid_file::PidFile;
use crate::gearman::signals::Signals;
use crate::gearman::waiting::{self, For, first};
use crate::gearman::{daemon, say};
use crate::tools::Exit;
use hint::Hint;
use input::{Input, Next};
use job::Job;
use outage::Outage;
use output::Output;

/// How long connecting may take, where no limit was given.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a run of the client ended.
enum Ending {
    Ended(Exit),
    /// By a signal that is to end the process as it always does.
    Killed(i32),
}

/// Submits the jobs that the options ask for.
///
/// # Errors
/// When input or output fails.
pub(crate) fn run(options: &Options) -> io::Result<Exit> {
    let pid_file = PidFile::write(options.pid_file.as_deref())?;
    let mut client = Client::new(MioNet::new());
    client.link.settings.non_blocking = true;
    // The loop here measures silences: this is for connecting alone.
    client.link.settings.timeout = Some(options.timeout.unwrap_or(PATIENCE));
    client.link.settings.server_options.push(b"exceptions".to_vec());
    for server in &options.servers {
        if client.add_server(&server.host, server.port).is_err() {
            let why = client.link.error.message().unwrap_or_default();
            say(&format!("cannot connect to {server}: {why}"));
        }
    }
    if client.link.conns.is_empty() {
        return Ok(Exit::Connect);
    }
    // Whole inputs are read first, while a signal still ends the program.
    daemon::detach(options)?;
    let input = Input::open(options)?;
    let ending = Submitter::new(options, client, input)?.run();
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
    options: &'a Options,
    client: Client<MioNet>,
    input: Input,
    /// Data that is not submitted to every function yet, and to how many it is.
    current: Option<(Vec<u8>, usize)>,
    /// There is no more data.
    ended: bool,
    /// The next job's data has yet to be read.
    starved: bool,
    /// How many jobs can be in flight.
    window: usize,
    jobs: HashMap<SlabId, Job>,
    output: Output,
    hint: Hint,
    outage: Outage,
    signals: Option<Signals>,
    /// A signal has come.
    told_to_stop: bool,
    /// When a server was last heard of, or something sent to one.
    heard: Instant,
    /// A server has taken a job.
    reached: bool,
    exit: Exit,
}

impl<'a> Submitter<'a> {
    fn new(
        options: &'a Options,
        client: Client<MioNet>,
        input: Input,
    ) -> io::Result<Submitter<'a>> {
        let lines = matches!(input, Input::Lines(..));
        let window = match options.jobs {
            Some(jobs) => jobs.get(),
            None if lines => 1,
            None => usize::MAX,
        };
        // Elsewhere they end the process at once, which needs nothing from here.
        let signals = if lines || options.pid_file.is_some() {
            Some(Signals::new(&[SIGTERM, SIGINT])?)
        } else {
            None
        };
        let mut output = Output::new(options, options.jobs.is_some_and(|jobs| jobs.get() > 1));
        if let (Some(progress), Some(left)) = (output.progress(), input.left()) {
            progress.expect((left * options.functions.len()) as u64);
        }
        Ok(Submitter {
            options,
            client,
            input,
            current: None,
            ended: false,
            starved: false,
            window,
            jobs: HashMap::new(),
            output,
            hint: Hint::new(options),
            outage: Outage::default(),
            signals,
            told_to_stop: false,
            heard: Instant::now(),
            reached: false,
            exit: Exit::Done,
        })
    }

    fn run(mut self) -> io::Result<Ending> {
        loop {
            self.fill()?;
            if self.ended && self.jobs.is_empty() {
                return Ok(Ending::Ended(self.exit));
            }
            let steps = !self.jobs.is_empty() && self.outage.is_over();
            if steps {
                self.step()?;
                if self.has_room() || self.jobs.is_empty() {
                    continue;
                }
            }
            if let Some(signal) = self.pause(steps)? {
                return Ok(Ending::Killed(signal));
            }
        }
    }

    /// Whether another job can be made without waiting.
    fn has_room(&self) -> bool {
        self.jobs.len() < self.window && !self.ended && !self.starved
    }

    /// Makes jobs of what was read, as many as can be in flight.
    fn fill(&mut self) -> io::Result<()> {
        while self.jobs.len() < self.window {
            let Some((data, function)) = self.current.take() else {
                match self.input.next() {
                    Next::Data(data) => self.current = Some((data, 0)),
                    Next::Later => {
                        self.starved = true;
                        return Ok(());
                    }
                    Next::End => {
                        self.ended = true;
                        if let Some(progress) = self.output.progress() {
                            progress.expect(progress.sent());
                        }
                        return Ok(());
                    }
                }
                continue;
            };
            self.submit(function, &data)?;
            if function + 1 < self.options.functions.len() {
                self.current = Some((data, function + 1));
            }
        }
        Ok(())
    }

    fn submit(&mut self, function: usize, data: &[u8]) -> io::Result<()> {
        let function = self.options.functions[function].as_bytes();
        let command = match (self.options.when, self.options.background, self.options.priority) {
            (Some(_), ..) => Command::SubmitJobEpoch,
            (None, true, Priority::High) => Command::SubmitJobHighBg,
            (None, true, Priority::Normal) => Command::SubmitJobBg,
            (None, true, Priority::Low) => Command::SubmitJobLowBg,
            (None, false, Priority::High) => Command::SubmitJobHigh,
            (None, false, Priority::Normal) => Command::SubmitJob,
            (None, false, Priority::Low) => Command::SubmitJobLow,
        };
        let mut job = Job { function: function.to_vec(), ..Job::default() };
        let added = self.client.add(&NewTask {
            kind: TaskKind::Add,
            command,
            function,
            unique: self.options.unique.as_bytes(),
            body: TaskBody::Copy(data),
            epoch_seconds: self.options.when.unwrap_or_default(),
            reducer: b"",
            callbacks: Callbacks(!Callbacks::WORKLOAD.0),
            token: Token::NONE,
        });
        if self.jobs.is_empty() {
            self.heard = Instant::now();
        }
        if let Some(progress) = self.output.progress() {
            progress.send();
        }
        match added {
            Ok(id) => {
                self.jobs.insert(id, job);
            }
            Err(code) => {
                let why = self.client.link.error.message().unwrap_or(code.name()).to_owned();
                self.end_badly(&mut job, Exit::from_code(code), &why, true)?;
            }
        }
        Ok(())
    }

    /// Lets the engine do all that it can without waiting.
    fn step(&mut self) -> io::Result<()> {
        let mut run = self.client.run_all();
        loop {
            match self.client.step(&mut run) {
                TaskStep::Done(ReturnCode::SUCCESS | ReturnCode::IO_WAIT) => return Ok(()),
                TaskStep::Done(code) => return self.trouble(code),
                TaskStep::Call(TaskUpcall::Callback(id, which), ticket) => {
                    self.heard = Instant::now();
                    self.on_event(id, which)?;
                    self.client.resume(ticket, ReturnCode::SUCCESS);
                    self.forget_if_ended(id);
                }
                // No task asks for either.
                TaskStep::Call(TaskUpcall::Alloc(..) | TaskUpcall::Release(_), _) => {}
            }
        }
    }

    /// A server has said something about a job.
    fn on_event(&mut self, id: SlabId, which: Callbacks) -> io::Result<()> {
        let Some(mut job) = self.jobs.remove(&id) else {
            if let Some(text) = self.hint.answered(&self.client, id, self.options) {
                self.output.say(&text)?;
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
            self.output.say("connected again")?;
        }
        if let Some(exit) = ended {
            self.exit = self.exit.or(exit);
            if let Some(progress) = self.output.progress() {
                progress.end(&job, exit == Exit::Done);
            }
        } else {
            self.jobs.insert(id, job);
        }
        Ok(())
    }

    fn forget_if_ended(&mut self, id: SlabId) {
        if self.client.task(id).is_some_and(|task| !task.is_active())
            && let Some(task) = self.client.remove_task(id)
        {
            self.client.recycle(task);
        }
    }

    /// Something went wrong: some jobs may have ended with it, and others may not
    /// have been sent.
    fn trouble(&mut self, code: ReturnCode) -> io::Result<()> {
        let client = &self.client;
        let is_over = |id: &SlabId| client.task(*id).is_none_or(|task| !task.is_active());
        let ended: Vec<SlabId> = self.jobs.keys().copied().filter(is_over).collect();
        let mut said = Vec::new();
        for id in ended {
            let code = self.client.task(id).map_or(code, |task| task.code);
            let why = outage::explain(&self.client, code);
            self.lose(id, Exit::from_code(code), &why, !said.contains(&why))?;
            said.push(why);
        }
        if !self.jobs.is_empty() && !self.client.link.any_open() {
            return self.no_server(code);
        }
        Ok(())
    }

    /// No server can be reached. A stream of lines waits for one to come back,
    /// once there was one; anything else ends.
    fn no_server(&mut self, code: ReturnCode) -> io::Result<()> {
        let streams = self.reached && self.options.division != Division::Whole;
        let code = match code {
            ReturnCode::TIMEOUT if self.options.timeout.is_none() => ReturnCode::COULD_NOT_CONNECT,
            code => code,
        };
        let why = outage::explain(&self.client, code);
        if streams && !self.outage.is_too_long(self.options.timeout) {
            if self.outage.goes_on() {
                return Ok(());
            }
            return self.output.say(&format!("{why}; trying again"));
        }
        self.lose_all(Exit::from_code(code), &why)?;
        self.outage.ends();
        if !streams {
            self.current = None;
            self.input = Input::There(Vec::new().into_iter());
        }
        Ok(())
    }

    fn lose_all(&mut self, exit: Exit, why: &str) -> io::Result<()> {
        let ids: Vec<SlabId> = self.jobs.keys().copied().collect();
        for (number, id) in ids.into_iter().enumerate() {
            self.lose(id, exit, why, number == 0)?;
        }
        Ok(())
    }

    fn lose(&mut self, id: SlabId, exit: Exit, why: &str, first: bool) -> io::Result<()> {
        self.client.remove_task(id);
        let Some(mut job) = self.jobs.remove(&id) else { return Ok(()) };
        self.end_badly(&mut job, exit, why, first)
    }

    fn end_badly(&mut self, job: &mut Job, exit: Exit, why: &str, first: bool) -> io::Result<()> {
        self.exit = self.exit.or(exit);
        if let Some(progress) = self.output.progress() {
            progress.end(job, false);
        }
        self.output.lost(job, why, first)
    }

    /// Waits until there is something to do. Returns the signal that is to end
    /// the process.
    fn pause(&mut self, steps: bool) -> io::Result<Option<i32>> {
        let silence = match self.options.timeout {
            Some(limit) if steps => self.heard.checked_add(limit),
            _ => None,
        };
        let connect = if steps { self.client.link.connect_deadline() } else { None };
        let tick = self.output.progress().map(|_| Instant::now() + progress::TICK);
        // Where an attempt is under way, its time has come and is over.
        let again = self.outage.until().filter(|at| !steps || *at > Instant::now());
        let until = first([silence, connect, self.hint.due(), again, tick]);

        let mut descriptors = Vec::new();
        let input = self.input.descriptor().filter(|_| self.starved);
        let reads = input.is_some();
        descriptors.extend(input.map(|fd| (fd, For::Input)));
        if steps {
            descriptors.push((self.client.link.net.poller_fd()?, For::Input));
        }
        let signals = self.signals.as_ref().map(AsFd::as_fd);
        descriptors.extend(signals.map(|fd| (fd, For::Input)));
        let ready = waiting::wait(&descriptors, until)?;
        if reads && ready[0] {
            self.input.read()?;
            self.starved = false;
        }

        let now = Instant::now();
        if connect.is_some_and(|deadline| deadline <= now) {
            self.client.link.expire_connects();
        } else if silence.is_some_and(|end| end <= now) && !ready.contains(&true) {
            let why = outage::explain(&self.client, ReturnCode::TIMEOUT);
            self.lose_all(Exit::Timeout, &why)?;
        }
        self.hint.ask(&mut self.client);
        if let Some(progress) = self.output.progress() {
            progress.tick();
        }
        Ok(self.heed_signals())
    }

    /// Where lines are read the first signal ends that, and anything else the
    /// process.
    fn heed_signals(&mut self) -> Option<i32> {
        let pending = self.signals.as_mut().map(Signals::pending).unwrap_or_default();
        for signal in pending {
            let was_told = std::mem::replace(&mut self.told_to_stop, true);
            if was_told || !matches!(self.input, Input::Lines(..)) {
                return Some(signal);
            }
            self.input.stop();
            self.starved = false;
        }
        None
    }
}
