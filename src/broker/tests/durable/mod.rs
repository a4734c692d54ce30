//! Durable jobs, over a simulated store: what is acknowledged is stored, what has ended is not,
//! and a restarted broker has the jobs of the one before.

use gearman_protocol::pattern::Pattern;
use gearman_queue::simulated::{Medium, SimulatedStore, StoreFault};
use gearman_queue::{Batch, JobNumber, RejectedRow, RowOutcome, Store, StoreError};
use gearman_test_support::random::Random;

use super::*;
use crate::DurableConfig;

mod commits;
mod crashes;
mod parking;
mod restarts;

/// A broker with a store, driven in steps: nothing is committed or fetched before
/// [`Durable::commit`].
struct Durable {
    world: World,
    medium: Medium,
    store: SimulatedStore,
    /// Operations that were committed, or have failed.
    done: u64,
    config: DurableConfig,
}

fn settings() -> DurableConfig {
    DurableConfig {
        last_number: JobNumber(0),
        volatile: Vec::new(),
        memory_bytes_max: 1 << 30,
        at_shutdown_only: false,
        payload_bytes_max: 1000,
    }
}

impl Durable {
    fn new(config: DurableConfig) -> Durable {
        Durable::open(Medium::default(), config, World::new())
    }

    fn open(medium: Medium, config: DurableConfig, mut world: World) -> Durable {
        let store = medium.open();
        let last_number = store.last_number();
        world.broker.set_durable(DurableConfig { last_number, ..config.clone() });
        let mut durable = Durable { world, medium, store, done: 0, config };
        durable.commit();
        durable
    }

    /// A broker that knows what the store has.
    fn started() -> Durable {
        let mut durable = Durable::new(settings());
        durable.survey();
        durable
    }

    fn survey(&mut self) {
        self.survey_without_fetching();
        self.fetch();
    }

    fn survey_without_fetching(&mut self) {
        loop {
            let page = self.store.survey(3).expect("a page");
            self.world.broker.surveyed(&page, &mut self.world.mailbox);
            if page.is_last {
                return;
            }
        }
    }

    /// The broker ends without notice, and another one is started on the same medium.
    fn crash(&mut self) {
        let (now, medium) = (self.world.now, self.medium.clone());
        let mut world = World::new();
        world.now = now;
        world.broker.tick(now, &mut world.mailbox);
        *self = Durable::open(medium, self.config.clone(), world);
    }

    fn restart(&mut self) {
        self.crash();
        self.survey();
    }

    /// Writes what the broker wants written, and fetches what it wants fetched.
    fn commit(&mut self) {
        let mut batch = Batch::default();
        self.world.broker.take_operations(&mut batch);
        self.done += batch.len() as u64;
        let World { broker, mailbox, now } = &mut self.world;
        match self.store.apply(&batch) {
            Ok(outcomes) => {
                let rows: Vec<RejectedRow> = outcomes.into_iter().map(|o| row(&batch, o)).collect();
                release(mailbox, self.done, |number| !rows.iter().any(|row| is_of(row, number)));
                broker.committed(self.done, &rows, *now, mailbox);
            }
            Err(_) => {
                release(mailbox, self.done, |_| false);
                broker.insertions_failed(self.done);
            }
        }
        self.fetch();
    }

    fn fetch(&mut self) {
        loop {
            let mut wanted = Vec::new();
            self.world.broker.take_wanted(&mut wanted);
            if wanted.is_empty() {
                return self.world.broker.recount();
            }
            let jobs = self.store.fetch(&wanted).expect("jobs");
            let jobs = wanted.into_iter().zip(jobs).collect();
            self.world.broker.fetched(jobs, &mut self.world.mailbox);
        }
    }

    /// Submits a background job and commits it; returns its handle.
    fn submit(&mut self, function: &str, unique: &str, payload: &str) -> String {
        let client = self.world.connect();
        self.world.send(client, BG, &[function, unique, payload]);
        self.commit();
        let mail = self.world.mail(client);
        self.world.disconnect(client);
        let [created] = &mail[..] else { panic!("{mail:?}") };
        created.strip_prefix("JOB_CREATED ").unwrap_or_else(|| panic!("{created}")).to_owned()
    }

    /// Does all jobs of a function; returns their payloads.
    fn work(&mut self, function: &str) -> Vec<String> {
        let worker = self.world.worker(&[function]);
        let mut payloads = Vec::new();
        loop {
            self.commit();
            let answer = self.world.ask(worker, Command::GrabJobUniq, &[]);
            let Some(job) = answer.iter().find(|a| a.starts_with("JOB_ASSIGN_UNIQ")) else { break };
            let parts: Vec<&str> = job.split(' ').collect();
            payloads.push(parts[parts.len() - 1].to_owned());
            self.world.send(worker, Command::WorkComplete, &[parts[1], ""]);
        }
        self.world.disconnect(worker);
        self.commit();
        payloads
    }
}

fn row(batch: &Batch, outcome: RowOutcome) -> RejectedRow {
    let number = |index| match batch.get(index) {
        gearman_queue::BatchOperation::Insert(record) => record.number,
        other => panic!("{other:?}"),
    };
    match outcome {
        RowOutcome::Exists { index, job } => {
            RejectedRow::Exists { number: number(index), existing: job }
        }
        RowOutcome::Refused { index, reason } => {
            RejectedRow::Refused { number: number(index), reason }
        }
    }
}

fn is_of(row: &RejectedRow, number: u64) -> bool {
    matches!(row, RejectedRow::Exists { number: n, .. } | RejectedRow::Refused { number: n, .. } if n.0 == number)
}

/// Delivers the acknowledgements of operations up to this one.
fn release(mailbox: &mut Mailbox, operations: u64, is_stored: impl Fn(u64) -> bool) {
    let held = std::mem::take(&mut mailbox.held);
    let (ready, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| held.2 <= operations);
    mailbox.held = rest;
    for (to, handle, _) in ready {
        let number = handle.rsplit(':').next().and_then(|n| n.parse().ok()).expect("a handle");
        match is_stored(number) {
            true => mailbox.send(to, Command::JobCreated, &[handle.as_bytes()], b""),
            false => mailbox.send(to, Command::Error, &[b"QUEUE_ERROR", b""], b""),
        }
    }
}
