//! What was promised, what was run, and the rules that the two must keep.
//!
//! Times are numbers of a counter that every event advances. A life is the time of one server
//! process.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

/// A submission, as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// Text that begins its payload, if that has room for it: `client.sequence;`.
    pub(crate) label: Label,
    pub(crate) unique: String,
    pub(crate) payload: Vec<u8>,
    /// Whether its acknowledgement means that it is stored.
    pub(crate) is_background: bool,
    /// Whether its unique was not used before, so that its acknowledgement needs a commit.
    pub(crate) is_fresh: bool,
    /// When it was sent.
    pub(crate) sent_at: u64,
}

/// Client, priority and place of a submission. Jobs of one client and priority are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) client: u32,
    /// `h`, `n`, `l`; `d` for a delayed job and `f` for a foreground one, which have no order.
    pub(crate) class: char,
    pub(crate) sequence: u32,
}

impl Label {
    pub(crate) fn text(self) -> String {
        format!("{}.{}.{};", self.client, self.class, self.sequence)
    }

    fn parse(payload: &[u8]) -> Option<Label> {
        let end = payload.iter().position(|&byte| byte == b';')?;
        let text = std::str::from_utf8(&payload[..end]).ok()?;
        let mut parts = text.split('.');
        Some(Label {
            client: parts.next()?.parse().ok()?,
            class: parts.next()?.chars().next()?,
            sequence: parts.next()?.parse().ok()?,
        })
    }
}

/// What is known of a job.
#[derive(Debug, Default)]
struct Job {
    is_acknowledged: bool,
    is_background: bool,
    unique: String,
    payload: Option<u64>,
    runs: u32,
    /// Whether a worker sent WORK_COMPLETE, or was about to.
    is_completed: bool,
    /// Life and time in which the server was known to have handled WORK_COMPLETE.
    confirmed: Option<(u32, u64)>,
    /// Life in which another job of the same unique was acknowledged.
    replaced: Option<u32>,
}

#[derive(Default)]
struct State {
    time: u64,
    jobs: HashMap<String, Job>,
    /// Latest job of each unique.
    uniques: HashMap<String, String>,
    /// By life, the latest time of sending among the submissions that were committed.
    committed: HashMap<u32, u64>,
    /// Jobs by label that were assigned.
    assigned: HashSet<String>,
    /// Jobs by label that were submitted once more. Such a job may come earlier than in its place: a
    /// server that has it only in the file fetches it to join the submissions.
    repeated: HashSet<String>,
    /// Last place, by worker's connection, client and class.
    places: HashMap<(u64, u32, char), u32>,
    unfinished: i64,
    /// Largest number of unfinished jobs.
    deepest: i64,
    acknowledged: u64,
    joined: u64,
    reruns: u64,
    violations: Vec<String>,
}

/// The ledger of one test, shared by its clients and workers.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

impl State {
    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Checks that a job is one and the same whenever it is seen.
    fn identify(&mut self, handle: &str, unique: &str, payload: &[u8]) {
        let found = digest(payload);
        let job = self.jobs.entry(handle.to_owned()).or_default();
        let before = job.payload.replace(found);
        let unique_before = std::mem::replace(&mut job.unique, unique.to_owned());
        if before.is_some_and(|before| before != found || unique_before != unique) {
            self.violation(format!("{handle} is two jobs: {unique_before:?} and {unique:?}"));
        }
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    /// The time now, which no other event has.
    pub(crate) fn now(&self) -> u64 {
        let mut state = self.lock();
        state.time += 1;
        state.time
    }

    /// A client is about to repeat a submission.
    pub(crate) fn repeats(&self, label: Label) {
        self.lock().repeated.insert(label.text());
    }

    /// A client received JOB_CREATED.
    pub(crate) fn acknowledged(&self, life: u32, handle: &str, submission: &Submission) {
        let mut state = self.lock();
        let Submission { unique, payload, is_background, is_fresh, sent_at, .. } = submission;
        state.identify(handle, unique, payload);
        let job = state.jobs.get_mut(handle).expect("was just identified");
        let was = std::mem::replace(&mut job.is_acknowledged, true);
        job.is_background |= is_background;
        let is_open = !job.is_completed && *is_background;
        if was && unique.is_empty() {
            state.violation(format!("{handle} was given to two submissions without unique"));
        }
        if was {
            state.joined += 1;
        } else if *is_background {
            state.acknowledged += 1;
            state.unfinished += i64::from(is_open);
            state.deepest = state.deepest.max(state.unfinished);
        }
        if *is_background && *is_fresh {
            let committed = state.committed.entry(life).or_default();
            *committed = (*sent_at).max(*committed);
        }
        if unique.is_empty() {
            return;
        }
        let before = state.uniques.insert(unique.clone(), handle.to_owned());
        if let Some(before) = before.filter(|before| before != handle) {
            let job = state.jobs.get_mut(&before).expect("was acknowledged");
            job.replaced = Some(life);
            if !job.is_completed {
                state.violation(format!("{unique} is doubled: {before} and {handle}"));
            }
        }
    }

    /// A worker received JOB_ASSIGN_UNIQ on a connection with this number.
    pub(crate) fn assigned(
        &self,
        life: u32,
        worker: u64,
        handle: &str,
        unique: &str,
        payload: &[u8],
    ) {
        let mut state = self.lock();
        state.identify(handle, unique, payload);
        let job = state.jobs.get_mut(handle).expect("was just identified");
        job.runs += 1;
        let (runs, confirmed, replaced) = (job.runs, job.confirmed, job.replaced);
        state.reruns += u64::from(runs > 1);
        if let Some((before, at)) = confirmed
            && life >= before
            && (life == before || state.committed.get(&before).is_some_and(|&time| time > at))
        {
            state.violation(format!("{handle} ran in life {life}, after its end in {before}"));
        }
        if replaced.is_some_and(|replaced| life >= replaced) {
            state.violation(format!("{handle} ran after another job of {unique}"));
        }
        let Some(label) = Label::parse(payload) else { return };
        // A job that comes back is at another place.
        let is_known = !state.assigned.insert(label.text());
        let is_repeated = state.repeated.contains(&label.text());
        if is_known || is_repeated || matches!(label.class, 'd' | 'f') {
            return;
        }
        let place = (worker, label.client, label.class);
        let last = state.places.insert(place, label.sequence);
        if last.is_some_and(|last| last > label.sequence) {
            state.violation(format!("{} came behind {last:?}", label.text()));
        }
    }

    /// A worker is about to send WORK_COMPLETE.
    pub(crate) fn completed(&self, handle: &str) {
        let mut state = self.lock();
        let job = state.jobs.get_mut(handle).expect("was assigned");
        if !std::mem::replace(&mut job.is_completed, true)
            && job.is_acknowledged
            && job.is_background
        {
            state.unfinished -= 1;
        }
    }

    /// The server has handled WORK_COMPLETE of these jobs.
    pub(crate) fn confirmed(&self, life: u32, handles: &[String]) {
        let mut state = self.lock();
        state.time += 1;
        let now = state.time;
        for handle in handles {
            state.jobs.get_mut(handle).expect("was assigned").confirmed = Some((life, now));
        }
    }

    /// Notes what broke a rule that the ledger does not know.
    pub(crate) fn note(&self, what: String) {
        self.lock().violation(what);
    }

    /// Number of acknowledged background jobs that were not completed.
    pub(crate) fn unfinished(&self) -> i64 {
        self.lock().unfinished
    }

    /// All broken rules, once everything was worked off.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let state = self.lock();
        let lost = state
            .jobs
            .iter()
            .filter(|(_, job)| job.is_acknowledged && job.is_background && !job.is_completed);
        let lost = lost.map(|(handle, job)| format!("{handle} ({:?}) is lost", job.unique));
        state.violations.iter().cloned().chain(lost).collect()
    }

    /// Counts, as text.
    pub(crate) fn summary(&self) -> String {
        let State { acknowledged, joined, reruns, jobs, deepest, .. } = &*self.lock();
        format!(
            "{acknowledged} jobs acknowledged, {joined} submissions joined, {} jobs seen, {reruns} \
             runs repeated, up to {deepest} jobs waiting",
            jobs.len()
        )
    }
}
