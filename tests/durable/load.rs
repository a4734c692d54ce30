//! Clients and workers that keep a server busy while it is killed and started again.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gearman_test_support::random::Random;
use gearman_test_support::wire::{Command, NOTHING, request};

use crate::ledger::{Label, Ledger, Submission};
use crate::peer::Peer;

const FUNCTION: &str = "crash";
/// Clients that submit.
const CLIENTS: u32 = 4;
/// Workers.
const WORKERS: u64 = 3;
/// Submissions that a client sends before it reads the answers.
const PIPELINED_MAX: usize = 32;
/// Pause of a client that was refused. Each refused submission takes one of the numbers that were
/// reserved, and handles of foreground jobs behind the last one may be given again after a crash.
const REFUSAL_PAUSE: Duration = Duration::from_millis(50);
/// Unfinished jobs above which clients pause.
const BACKLOG_MAX: i64 = 3000;
/// Completions between two questions whether they were handled.
const CONFIRMED_EVERY: usize = 8;

/// Where the server is, life by life.
#[derive(Default)]
struct Stage {
    life: u32,
    address: Option<SocketAddr>,
    is_submitting: bool,
    is_over: bool,
    /// Whether submissions may be refused with QUEUE_ERROR.
    may_refuse: bool,
}

/// The load of one test.
pub(crate) struct Load {
    stage: Arc<(Mutex<Stage>, Condvar)>,
    pub(crate) ledger: Arc<Ledger>,
    /// Clients that may still submit, or wait for an answer.
    clients: Arc<AtomicU32>,
    threads: Vec<JoinHandle<()>>,
}

/// A client's or worker's view of the load.
struct Actor {
    stage: Arc<(Mutex<Stage>, Condvar)>,
    ledger: Arc<Ledger>,
    random: Random,
}

impl Load {
    /// Starts clients and workers, which wait for a server.
    pub(crate) fn start(seed: u64) -> Load {
        Load::start_as(seed, false)
    }

    /// The same, with a store that may take no jobs for a while.
    pub(crate) fn start_with_refusals(seed: u64) -> Load {
        Load::start_as(seed, true)
    }

    fn start_as(seed: u64, may_refuse: bool) -> Load {
        let stage = Stage { is_submitting: true, may_refuse, ..Stage::default() };
        let stage = Arc::new((Mutex::new(stage), Condvar::new()));
        let ledger = Arc::new(Ledger::default());
        let actor = |number: u64| Actor {
            stage: Arc::clone(&stage),
            ledger: Arc::clone(&ledger),
            random: Random(seed ^ (number << 48)),
        };
        let clients = Arc::new(AtomicU32::new(CLIENTS));
        let mut threads = Vec::new();
        for number in 0..CLIENTS {
            let mut client = Client {
                actor: actor(number.into()),
                number,
                sequence: 0,
                repeatable: VecDeque::new(),
            };
            let left = Arc::clone(&clients);
            threads.push(thread::spawn(move || {
                client.run();
                left.fetch_sub(1, Ordering::SeqCst);
            }));
        }
        for number in 0..WORKERS {
            let mut worker = Worker { actor: actor(1000 + number), connection: number };
            threads.push(thread::spawn(move || worker.run()));
        }
        Load { stage, ledger, clients, threads }
    }

    fn change(&self, change: impl FnOnce(&mut Stage)) {
        change(&mut self.stage.0.lock().expect("not poisoned"));
        self.stage.1.notify_all();
    }

    /// A server runs here now.
    pub(crate) fn server_started(&self, address: SocketAddr) {
        self.change(|stage| {
            stage.life += 1;
            stage.address = Some(address);
        });
    }

    /// The server is about to be killed.
    pub(crate) fn server_gone(&self) {
        self.change(|stage| stage.address = None);
    }

    /// Lets clients submit nothing more.
    pub(crate) fn stop_submitting(&self) {
        self.change(|stage| stage.is_submitting = false);
    }

    /// Whether clients submit nothing more, and all that they have submitted is answered. What is
    /// acknowledged later than the last job was done looks lost.
    pub(crate) fn is_answered(&self) -> bool {
        self.clients.load(Ordering::SeqCst) == 0
    }

    /// Ends all clients and workers.
    pub(crate) fn end(mut self) -> Arc<Ledger> {
        self.change(|stage| stage.is_over = true);
        for thread in self.threads.drain(..) {
            thread.join().expect("clients and workers do not panic");
        }
        Arc::clone(&self.ledger)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.change(|stage| stage.is_over = true);
    }
}

impl Actor {
    /// Waits for a server. Returns its life and address, or `None` at the end.
    fn wait_for_server(&self, submits: bool) -> Option<(u32, SocketAddr)> {
        let (lock, changed) = &*self.stage;
        let mut stage = lock.lock().expect("not poisoned");
        loop {
            if stage.is_over || (submits && !stage.is_submitting) {
                return None;
            }
            if let Some(address) = stage.address {
                return Some((stage.life, address));
            }
            stage = changed.wait(stage).expect("not poisoned");
        }
    }

    /// Whether an error is the refusal of a store that takes no jobs.
    fn may_be_refused(&self, error: &[u8]) -> bool {
        let stage = self.stage.0.lock().expect("not poisoned");
        stage.may_refuse && error.starts_with(b"QUEUE_ERROR\0")
    }

    fn must_go_on(&self, submits: bool) -> bool {
        let stage = self.stage.0.lock().expect("not poisoned");
        !stage.is_over && (!submits || stage.is_submitting)
    }
}

struct Client {
    actor: Actor,
    number: u32,
    sequence: u32,
    /// Acknowledged submissions with a unique, which are sent again now and then.
    repeatable: VecDeque<Submission>,
}

impl Client {
    fn run(&mut self) {
        while let Some((life, address)) = self.actor.wait_for_server(true) {
            // The server was killed: what was not acknowledged may be stored or not.
            let _ = Peer::connect(address).and_then(|mut peer| self.submit(life, &mut peer));
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn submit(&mut self, life: u32, peer: &mut Peer) -> io::Result<()> {
        while self.actor.must_go_on(true) {
            if self.actor.ledger.unfinished() > BACKLOG_MAX {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            let count = 1 + self.actor.random.small(PIPELINED_MAX);
            let mut bytes = Vec::new();
            let mut sent = VecDeque::new();
            let sent_at = self.actor.ledger.now();
            for _ in 0..count {
                let mut submission = self.next();
                submission.sent_at = sent_at;
                bytes.extend(self.encode(&submission));
                sent.push_back(submission);
            }
            peer.send(&bytes)?;
            let mut is_refused = false;
            while !sent.is_empty() {
                let (command, body) = peer.receive()?;
                match command {
                    Command::JobCreated => {
                        let submission = sent.pop_front().expect("not empty");
                        let handle = String::from_utf8(body).expect("a handle is text");
                        self.actor.ledger.acknowledged(life, &handle, &submission);
                        if !submission.unique.is_empty() && submission.is_background {
                            self.repeatable.push_back(submission);
                        }
                    }
                    Command::WorkComplete => {}
                    Command::Error if self.actor.may_be_refused(&body) => {
                        sent.pop_front();
                        is_refused = true;
                    }
                    other => {
                        let what = format!("{other:?} {}", body.escape_ascii());
                        self.actor.ledger.note(format!("a submission got {what}"));
                        return Ok(());
                    }
                }
            }
            self.repeatable.truncate(64);
            if is_refused {
                thread::sleep(REFUSAL_PAUSE);
            }
        }
        Ok(())
    }

    /// Invents a submission, or repeats one.
    fn next(&mut self) -> Submission {
        let random = &mut self.actor.random;
        if random.one_in(20)
            && let Some(mut again) = self.repeatable.pop_front()
        {
            again.is_fresh = false;
            self.actor.ledger.repeats(again.label);
            return again;
        }
        self.sequence += 1;
        let class = random.pick(&['n', 'n', 'n', 'n', 'h', 'l', 'd', 'f']);
        let class = if class == 'f' && !random.one_in(4) { 'n' } else { class };
        let label = Label { client: self.number, class, sequence: self.sequence };
        let size = match random.below(60) {
            0 => random.below(100_000),
            1..5 => 0,
            _ => random.below(200),
        };
        let mut payload = label.text().into_bytes();
        let filler = random.bits().to_le_bytes();
        payload.extend(filler.iter().cycle().take(size));
        if size == 0 {
            payload.clear();
        }
        let has_unique = class != 'f' && !random.one_in(3);
        let unique = if has_unique { format!("u{}", label.text()) } else { String::new() };
        let is_background = class != 'f';
        Submission { label, unique, payload, is_background, is_fresh: true, sent_at: 0 }
    }

    fn encode(&mut self, submission: &Submission) -> Vec<u8> {
        let Submission { label, unique, payload, .. } = submission;
        let command = match label.class {
            'h' => Command::SubmitJobHighBg,
            'l' => Command::SubmitJobLowBg,
            'f' => Command::SubmitJob,
            'd' => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
                let due = (now.as_secs() + self.actor.random.below(3) as u64).to_string();
                let parts: [&[u8]; 4] =
                    [FUNCTION.as_bytes(), unique.as_bytes(), due.as_bytes(), payload];
                return request(Command::SubmitJobEpoch, &parts);
            }
            _ => Command::SubmitJobBg,
        };
        request(command, &[FUNCTION.as_bytes(), unique.as_bytes(), payload])
    }
}

struct Worker {
    actor: Actor,
    /// Number of its connection, different from those of all other connections.
    connection: u64,
}

impl Worker {
    fn run(&mut self) {
        while let Some((life, address)) = self.actor.wait_for_server(false) {
            self.connection += WORKERS;
            // The server was killed: the job comes back.
            let _ = Peer::connect(address).and_then(|mut peer| self.work(life, &mut peer));
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn work(&mut self, life: u32, peer: &mut Peer) -> io::Result<()> {
        peer.send(&request(Command::CanDo, &[FUNCTION]))?;
        let mut unconfirmed = Vec::new();
        while self.actor.must_go_on(false) {
            let (command, body) = peer.ask(Command::GrabJobUniq, NOTHING)?;
            if command == Command::NoJob {
                self.confirm(life, peer, &mut unconfirmed)?;
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            assert_eq!(command, Command::JobAssignUniq);
            let mut parts = body.splitn(4, |&byte| byte == 0);
            let mut text = || String::from_utf8_lossy(parts.next().expect("a part")).into_owned();
            let (handle, _, unique) = (text(), text(), text());
            let payload = parts.next().expect("a payload");
            self.actor.ledger.assigned(life, self.connection, &handle, &unique, payload);
            if self.actor.random.one_in(100) {
                return Ok(());
            }
            if self.actor.random.one_in(8) {
                thread::sleep(Duration::from_micros(500));
            }
            self.actor.ledger.completed(&handle);
            peer.send(&request(Command::WorkComplete, &[handle.as_str(), ""]))?;
            unconfirmed.push(handle);
            if unconfirmed.len() >= CONFIRMED_EVERY {
                self.confirm(life, peer, &mut unconfirmed)?;
            }
        }
        Ok(())
    }

    /// Asks whether the completions were handled: packets of a connection are handled in order.
    fn confirm(&self, life: u32, peer: &mut Peer, handles: &mut Vec<String>) -> io::Result<()> {
        if handles.is_empty() {
            return Ok(());
        }
        let (command, _) = peer.ask(Command::EchoReq, &["handled?"])?;
        assert_eq!(command, Command::EchoRes);
        self.actor.ledger.confirmed(life, handles);
        handles.clear();
        Ok(())
    }
}
