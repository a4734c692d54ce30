//! Parked jobs: queued and delayed jobs that are only in the store.
//!
//! A job is parked when memory is short, when older jobs of its queue are parked, and at the start
//! of the server. Jobs are fetched ahead of need: the head of each queue that has workers is in
//! memory. A parked job costs four bytes, nine more with a unique id, and the slack of a hash table.
//!
//! Must not: read the store; it asks the driver for jobs by number.

use std::collections::BTreeSet;

use gearman_queue::{JobNumber, StoredJob, SurveyPage, SurveyedUnique, fingerprint};

use super::super::function::Function;
use super::super::job::{Job, NewJob, PRIORITIES, Priority, Stage};
use super::super::jobs::JOB_OVERHEAD_BYTES;
use super::super::slab::{Id, Key};
use super::super::{Broker, Outbox, UnixSeconds};
use super::Durability;
use super::delays::{DuePlace, ParkedDelays};
use super::numbers::{NumberMap, NumberQueue};
use super::uniques::UniqueIndex;

/// Jobs in memory, of a queue with parked jobs, below which more are fetched: work for the time in
/// which the store copies a WAL into its file, and reads nothing.
const AHEAD_MAX: usize = 8192;
/// The same while more than half of the memory for waiting jobs is used.
const SHORT_AHEAD_MAX: usize = 1024;
/// Bytes of such jobs, by the average of the jobs fetched before.
const AHEAD_BYTES_MAX: usize = 16 << 20;
/// Jobs that are fetched at a time.
const FETCHED_MAX: usize = 4096;
/// Functions whose queues are searched for the work of one small packet.
const FUNCTIONS_PER_WORK: usize = 32;

/// Jobs that are only in the store, apart from the numbers, which each function has.
pub(crate) struct Parked {
    uniques: UniqueIndex,
    delayed: ParkedDelays,
    /// Numbers to fetch that the driver has not taken.
    wanted: Vec<JobNumber>,
    /// Jobs that are being fetched.
    fetching: NumberMap<Fetch>,
    /// Jobs that the survey has found and that are not indexed by a unique, because that is `-`.
    /// They are on their way into memory.
    unidentified: BTreeSet<u64>,
    memory_bytes_max: usize,
    /// Average bytes of the jobs that were fetched.
    average_bytes: usize,
    /// Whether the survey has not ended.
    pub(super) is_surveying: bool,
    /// Jobs that the survey has found.
    pub(super) surveyed: u64,
    /// Jobs that were committed during the survey.
    pub(super) after_survey: Vec<u64>,
}

/// A job that is being fetched.
#[derive(Clone, Copy)]
struct Fetch {
    function: Key<Function>,
    priority: u8,
}

impl Parked {
    pub(super) fn new(memory_bytes_max: usize) -> Parked {
        Parked {
            uniques: UniqueIndex::default(),
            delayed: ParkedDelays::default(),
            wanted: Vec::new(),
            fetching: NumberMap::default(),
            unidentified: BTreeSet::new(),
            memory_bytes_max,
            average_bytes: AHEAD_BYTES_MAX / 64,
            is_surveying: true,
            surveyed: 0,
            after_survey: Vec::new(),
        }
    }

    /// Jobs of a queue that are kept in memory ahead of need, while waiting jobs use so many bytes.
    fn fetched_ahead(&self, memory_used: usize) -> usize {
        let is_short = memory_used > self.memory_bytes_max / 2;
        let most = if is_short { SHORT_AHEAD_MAX } else { AHEAD_MAX };
        (AHEAD_BYTES_MAX / self.average_bytes.max(1)).clamp(1, most)
    }
}

impl Broker {
    /// Takes note of a part of what the store has.
    pub fn surveyed(&mut self, page: &SurveyPage, out: &mut dyn Outbox) {
        let names = page.functions.iter();
        let functions: Vec<_> = names.map(|name| self.functions.get_or_create(name)).collect();
        for job in &page.jobs {
            let function = functions[job.function as usize];
            let due = job.due.unwrap_or(UnixSeconds(0));
            let number = job.number.0;
            self.functions[function].totals.submitted += 1;
            let durable = self.durable.as_mut().expect("only a durable queue is surveyed");
            let is_indexed = match job.unique {
                SurveyedUnique::None => true,
                SurveyedUnique::Fingerprint(found) => durable.parked.uniques.insert(found, number),
                // Only its payload identifies it: it is kept in memory.
                SurveyedUnique::Payload => false,
            };
            if due > self.now.unix {
                let key = self.functions.key(function);
                durable.parked.delayed.insert((due, number), key);
                self.functions[function].parked_delayed += 1;
            } else {
                self.functions[function].parked[usize::from(job.priority)].push(number);
            }
            if !is_indexed {
                durable.parked.unidentified.insert(number);
                self.fetch_now(function, number);
            }
        }
        let parked = &mut self.durable.as_mut().expect("only a durable queue is surveyed").parked;
        parked.surveyed += page.jobs.len() as u64;
        if page.is_last {
            parked.is_surveying = false;
            for number in std::mem::take(&mut parked.after_survey) {
                if let Some(id) = self.jobs.find_number(number)
                    && let Stage::Admitted { due } = self.jobs[id].stage
                {
                    self.park_or_activate(id, due, out);
                }
            }
        }
        functions.into_iter().for_each(|function| self.refill(function));
    }

    /// Number of jobs that are only in the store, or on their way from it.
    pub fn parked_count(&self) -> usize {
        let Some(durable) = &self.durable else { return 0 };
        let queued = self.functions.iter().flat_map(|(_, function)| &function.parked);
        let queued: usize = queued.map(NumberQueue::len).sum();
        queued + durable.parked.delayed.len() + durable.parked.fetching.len()
    }

    /// Requests jobs again that could not be read.
    pub fn want_again(&mut self, numbers: &[JobNumber]) {
        if let Some(durable) = &mut self.durable {
            durable.parked.wanted.extend_from_slice(numbers);
        }
    }

    /// Number of jobs that the survey has found, and whether it is still going on.
    pub fn survey_progress(&self) -> (u64, bool) {
        self.durable
            .as_ref()
            .map_or((0, false), |durable| (durable.parked.surveyed, durable.parked.is_surveying))
    }

    /// Parks a job that was just stored, if it must not stay in memory. Returns whether it did.
    pub(super) fn park(&mut self, id: Id<Job>, due: UnixSeconds) -> bool {
        let job = &self.jobs[id];
        let (function, priority, number) = (job.function, job.priority as usize, job.number);
        let Some(durable) = &mut self.durable else { return false };
        let is_short = self.jobs.bytes() > durable.parked.memory_bytes_max;
        let parked = &self.functions[function].parked[priority];
        let is_delayed = due > self.now.unix;
        // A later job must not overtake those that are parked, or are being fetched.
        let is_fetching = self.functions[function].fetching[priority] > 0;
        let is_behind = !is_delayed && (!parked.is_empty() || is_fetching);
        if !(is_short || is_behind) || !job.waiters.is_empty() || job.unique() == b"-" {
            return false;
        }
        if !is_delayed && parked.last().is_some_and(|last| last >= number) {
            return false;
        }
        if !job.unique().is_empty() {
            let found = fingerprint(job.unique());
            if !durable.parked.uniques.insert(found, number) {
                return false;
            }
        }
        self.functions[function].totals.submitted += 1;
        if is_delayed {
            let key = self.functions.key(function);
            durable.parked.delayed.insert((due, number), key);
            self.functions[function].parked_delayed += 1;
        } else {
            self.functions[function].parked[priority].push(number);
        }
        self.uncount_unique(id);
        self.jobs.remove(id);
        self.refill(function);
        true
    }

    /// Fetches the next parked jobs of a function that has workers, if few are in memory.
    pub(in super::super) fn refill(&mut self, id: Id<Function>) {
        let function = &self.functions[id];
        if !function.abilities.is_empty() && function.has_parked() {
            self.fetch_head(id);
        }
    }

    /// Whether an answer about the head of a function's queue must wait, because its jobs are not
    /// in memory. They are then fetched.
    pub fn must_wait_for_head(&mut self, name: &[u8]) -> bool {
        let Some(durable) = &self.durable else { return false };
        if durable.parked.is_surveying {
            return true;
        }
        let Some(id) = self.functions.find(name) else { return false };
        self.fetch_head(id);
        self.functions[id].fetching.iter().any(|&jobs| jobs > 0)
    }

    /// Fetches the next parked jobs of a function, if few are in memory.
    fn fetch_head(&mut self, id: Id<Function>) {
        let memory_used = self.jobs.bytes();
        for priority in 0..PRIORITIES {
            let parked = &mut self.durable.as_mut().expect("only durable jobs are parked").parked;
            let ahead = parked.fetched_ahead(memory_used);
            let function = &mut self.functions[id];
            let ready = function.queues[priority].len() + function.fetching[priority];
            if ready as usize >= ahead || function.parked[priority].is_empty() {
                continue;
            }
            let key = self.functions.key(id);
            let function = &mut self.functions[id];
            for _ in 0..ahead.min(FETCHED_MAX) {
                let Some(number) = function.parked[priority].pop() else { break };
                function.fetching[priority] += 1;
                parked.fetching.insert(number, Fetch { function: key, priority: priority as u8 });
                parked.wanted.push(JobNumber(number));
            }
        }
    }

    /// Fetches one parked job, in front of others. Returns whether it is on its way.
    fn fetch_now(&mut self, id: Id<Function>, number: u64) -> bool {
        let key = self.functions.key(id);
        let parked = &mut self.durable.as_mut().expect("only durable jobs are parked").parked;
        if let Some(fetch) = parked.fetching.get(&number) {
            return fetch.function == key;
        }
        let function = &mut self.functions[id];
        let queue = function.parked.iter_mut().position(|queue| queue.remove(number));
        let Some(priority) = queue else { return self.fetch_delayed_now(id, number) };
        function.fetching[priority] += 1;
        parked.fetching.insert(number, Fetch { function: key, priority: priority as u8 });
        parked.wanted.push(JobNumber(number));
        true
    }

    fn fetch_delayed_now(&mut self, id: Id<Function>, number: u64) -> bool {
        let key = self.functions.key(id);
        let parked = &mut self.durable.as_mut().expect("only durable jobs are parked").parked;
        if parked.delayed.function_of(number) != Some(key) {
            return false;
        }
        parked.delayed.remove(number);
        parked.wanted.push(JobNumber(number));
        parked.fetching.insert(number, Fetch { function: key, priority: Priority::Normal as u8 });
        let function = &mut self.functions[id];
        function.parked_delayed -= 1;
        function.fetching[Priority::Normal as usize] += 1;
        true
    }

    /// Whether a packet about this unique must wait, because a parked job of the function may be
    /// the one that it means; of any function for `None`. That job is then fetched.
    pub fn must_wait_for(&mut self, function: Option<&[u8]>, unique: &[u8]) -> bool {
        let Some(durable) = &self.durable else { return false };
        if unique.is_empty() {
            return false;
        }
        if durable.parked.is_surveying || !durable.parked.unidentified.is_empty() {
            return true;
        }
        if durable.parked.uniques.is_empty() {
            return false;
        }
        let candidates: Vec<_> = durable.parked.uniques.candidates(fingerprint(unique)).collect();
        candidates.into_iter().fold(false, |waits, number| {
            let owner = match function {
                Some(name) => self.functions.find(name),
                None => self.parked_function(number),
            };
            owner.is_some_and(|owner| self.fetch_now(owner, number)) || waits
        })
    }

    /// Whether an answer about this handle must wait, because the survey may find its job.
    pub fn must_wait_for_handle(&self, handle: &[u8]) -> bool {
        let is_surveying = self.durable.as_ref().is_some_and(|durable| durable.parked.is_surveying);
        is_surveying
            && self.jobs.find_handle(handle).is_none()
            && self.jobs.parse_handle(handle).is_some()
    }

    /// Moves the numbers of the jobs to fetch behind those of `numbers`.
    pub fn take_wanted(&mut self, numbers: &mut Vec<JobNumber>) {
        if let Some(durable) = &mut self.durable {
            numbers.append(&mut durable.parked.wanted);
        }
    }

    /// Takes back jobs that were fetched. `None` is a job that the store does not have any more.
    pub fn fetched(&mut self, jobs: Vec<(JobNumber, Option<StoredJob>)>, out: &mut dyn Outbox) {
        let mut touched = Vec::new();
        for (JobNumber(number), job) in jobs {
            let durable = self.durable.as_mut().expect("only durable jobs are fetched");
            durable.parked.unidentified.remove(&number);
            // A job that was cancelled meanwhile is not expected any more.
            let Some(fetch) = durable.parked.fetching.remove(&number) else { continue };
            let Some(function) = self.functions.find_key(fetch.function) else { continue };
            let fetching = &mut self.functions[function].fetching[usize::from(fetch.priority)];
            *fetching = fetching.checked_sub(1).expect("a fetched job was not counted");
            match job {
                Some(job) => self.unpark(function, job, out),
                None => self.functions[function].totals.abandoned += 1,
            }
            if touched.last() != Some(&function) {
                touched.push(function);
            }
        }
        touched.into_iter().for_each(|function| self.refill(function));
    }

    fn unpark(&mut self, function: Id<Function>, job: StoredJob, out: &mut dyn Outbox) {
        let parked = &mut self.durable.as_mut().expect("only durable jobs are fetched").parked;
        let bytes = job.payload.len() + JOB_OVERHEAD_BYTES;
        parked.average_bytes = (parked.average_bytes * 7 + bytes) / 8;
        if !job.unique.is_empty() {
            parked.uniques.remove(fingerprint(&job.unique), job.number.0);
        }
        let age = job.submitted.map_or(0, |at| self.now.unix.0.saturating_sub(at.0));
        let id = self.jobs.insert_numbered(
            job.number.0,
            NewJob {
                function,
                unique: &job.unique,
                reducer: &job.reducer,
                payload: &job.payload,
                memory: None,
                identity: None,
                priority: Priority::of_number(job.priority),
                background: true,
                due: UnixSeconds(0),
                submitted_seconds: self.now.monotonic.as_seconds().saturating_sub(age) as u32,
            },
        );
        let stored = &mut self.jobs[id];
        stored.durability = Durability::Stored;
        stored.retries = u8::try_from(job.attempts).unwrap_or(u8::MAX);
        let due = job.due.unwrap_or(UnixSeconds(0));
        // Submitted before this server started, or counted when it was parked.
        match due > self.now.unix {
            true => self.delay(id, due),
            false => self.enqueue(id, out),
        }
    }

    /// Fetches the delayed jobs that are due.
    pub(in super::super) fn fetch_due(&mut self) {
        let Some(durable) = &mut self.durable else { return };
        let parked = &mut durable.parked;
        while let Some((number, key)) = parked.delayed.pop_due(self.now.unix) {
            let Some(function) = self.functions.find_key(key) else { continue };
            self.functions[function].parked_delayed -= 1;
            self.functions[function].fetching[Priority::Normal as usize] += 1;
            let fetch = Fetch { function: key, priority: Priority::Normal as u8 };
            parked.fetching.insert(number, fetch);
            parked.wanted.push(JobNumber(number));
        }
    }

    /// When the next parked job is due.
    pub(in super::super) fn next_parked_due(&self) -> Option<UnixSeconds> {
        self.durable.as_ref()?.parked.delayed.next_due()
    }

    /// The function of a parked job, or of one that is being fetched.
    pub(in super::super) fn parked_function(&self, number: u64) -> Option<Id<Function>> {
        let parked = &self.durable.as_ref()?.parked;
        if let Some(fetch) = parked.fetching.get(&number) {
            return self.functions.find_key(fetch.function);
        }
        if let Some(key) = parked.delayed.function_of(number) {
            return self.functions.find_key(key);
        }
        let mut functions = self.functions.iter();
        let queued = functions
            .find(|(_, function)| function.parked.iter().any(|queue| queue.contains(number)));
        queued.map(|(id, _)| id)
    }

    /// The work of a search for a parked job, which looks at the queues of all functions.
    pub(in super::super) fn parked_search_work(&self) -> u32 {
        let functions = if self.has_store() { self.functions.len() } else { 0 };
        (functions / FUNCTIONS_PER_WORK) as u32
    }

    /// Whether a job with this number is parked.
    pub(in super::super) fn is_parked(&self, number: u64) -> bool {
        self.parked_function(number).is_some()
    }

    /// Removes a parked job. Returns whether there was one.
    pub(in super::super) fn cancel_parked(&mut self, number: u64) -> bool {
        let Some(id) = self.parked_function(number) else { return false };
        let function = &mut self.functions[id];
        let parked = &mut self.durable.as_mut().expect("only durable jobs are parked").parked;
        if let Some(fetch) = parked.fetching.remove(&number) {
            function.fetching[usize::from(fetch.priority)] -= 1;
        } else if !function.parked.iter_mut().any(|queue| queue.remove(number)) {
            parked.delayed.remove(number);
            function.parked_delayed -= 1;
        }
        function.totals.cancelled += 1;
        self.forget_stored(number);
        true
    }

    /// Drops a queued parked job of a function, if one is not newer than `last`.
    pub(in super::super) fn drop_parked(&mut self, id: Id<Function>, last: u64) -> bool {
        let function = &mut self.functions[id];
        let is_old = |queue: &&mut NumberQueue| queue.front().is_some_and(|first| first <= last);
        let number = function.parked.iter_mut().find(is_old).and_then(NumberQueue::pop);
        let Some(number) = number else { return false };
        function.totals.dropped += 1;
        self.forget_stored(number);
        true
    }

    /// The delayed parked job, of any function, after a place; the first one for `None`.
    pub(in super::super) fn parked_delayed_after(
        &self,
        place: Option<DuePlace>,
    ) -> Option<(DuePlace, Key<Function>)> {
        self.durable.as_ref()?.parked.delayed.after(place)
    }

    /// Drops a delayed parked job of a function.
    pub(in super::super) fn drop_parked_delayed(&mut self, id: Id<Function>, number: u64) {
        let parked = &mut self.durable.as_mut().expect("only durable jobs are parked").parked;
        let owner = parked.delayed.remove(number);
        assert_eq!(owner, Some(self.functions.key(id)), "another function's job is dropped");
        self.functions[id].parked_delayed -= 1;
        self.functions[id].totals.dropped += 1;
        self.forget_stored(number);
    }

    /// Drops the jobs of a function that are being fetched and not newer than `last`. Returns how
    /// many there were.
    pub(in super::super) fn drop_fetching(&mut self, id: Id<Function>, last: u64) -> u32 {
        let key = self.functions.key(id);
        let Some(durable) = &mut self.durable else { return 0 };
        let is_meant = |(number, fetch): &(&u64, &Fetch)| fetch.function == key && **number <= last;
        let found = durable.parked.fetching.iter().filter(is_meant);
        let found: Vec<_> = found.map(|(&number, &fetch)| (number, fetch)).collect();
        for (number, fetch) in &found {
            let parked = &mut self.durable.as_mut().expect("it was just there").parked;
            parked.fetching.remove(number);
            self.functions[id].fetching[usize::from(fetch.priority)] -= 1;
            self.functions[id].totals.dropped += 1;
            self.forget_stored(*number);
        }
        found.len() as u32
    }
}
