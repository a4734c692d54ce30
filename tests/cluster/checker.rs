//! The checker of a simulation: it records submissions, acknowledgements, job runs and
//! results, and checks them against these rules.
//!
//! | rule | name |
//! |---|---|
//! | an acknowledged background job is done, unless its server crashed without a store | `lost` |
//! | a job whose end is committed is not assigned again, after a crash neither | `again` |
//! | a job is run again only if its worker was lost or exceeded the time limit | `twice` |
//! | a submission becomes one job, and one more for each resubmission that is allowed | `copies` |
//! | a client gets the result of the job that it submitted | `result` |
//! | every call of a client returns in time, and succeeds if the script has no faults | `call` |
//! | without faults, workers get a function's jobs by priority, then in order | `order` |
//! | a queued job does not wait, while a worker is idle, for longer than a wake-up takes | `stall` |
//! | a worker gets no job of a function that the rules of the server refuse it | `refused` |
//! | a reply is not held longer than documented | `held` |
//! | a report of a peer that does not run the job has no effect | `foreign`, `result`, `lost` |
//! | a server ends a connection for a fault only if the peer has committed it | `reason` |
//! | what peers leave unread exceeds its limits by one message at most | `unread` |
//! | a session handles its share of a turn at most, and one that is ready has its turn | `turns` |
//! | after all peers have disconnected, servers have no jobs, sessions or timers | `left` |
//!
//! Must not: drive the simulation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::network::LinkId;
use crate::script::FUNCTIONS;
use crate::server::{EPOCH_S, ServerEvent};

/// A violation of a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Name of the rule.
    pub rule: &'static str,
    /// Description of the violation.
    pub text: String,
    /// Number of steps until the violation.
    pub steps: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (after {} steps)", self.rule, self.text, self.steps)
    }
}

/// A job as a client submitted it.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) function: usize,
    pub(crate) unique: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) priority: usize,
    pub(crate) background: bool,
    /// The second before which it must not be run.
    due_s: Option<u64>,
    /// Handles under which it was run.
    handles: BTreeSet<Vec<u8>>,
}

/// The name of a function.
pub(crate) fn function_name(function: usize) -> String {
    format!("f{function}")
}

/// The function of a name; `None` for an adversary's.
pub(crate) fn function_number(name: &[u8]) -> Option<usize> {
    let [b'f', digit @ b'0'..=b'9'] = name else { return None };
    Some(usize::from(digit - b'0')).filter(|&number| number < FUNCTIONS)
}

/// The beginning of the payload of an adversary's job, and of what it reports on its own.
pub(crate) const HOSTILE: &[u8] = b"hostile";
/// What an adversary reports on a job that it does not run.
pub(crate) const FORGED: &[u8] = b"forged";
/// The beginning of the uniques of an adversary's jobs for honest workers.
const HOSTILE_UNIQUE: &[u8] = b"h";

/// The number of a submission in its payload. It determines how its worker runs it.
fn number_of(payload: &[u8]) -> usize {
    let digits = payload.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |n, digit| n * 10 + usize::from(digit - b'0'))
}

/// Number of WORK_DATA packets that a worker sends before the end of a job.
pub(crate) fn pieces(payload: &[u8]) -> usize {
    number_of(payload) % 5 % 3
}

/// Whether a job fails.
pub(crate) fn fails(payload: &[u8]) -> bool {
    number_of(payload) % 11 == 7
}

/// The body of a job's WORK_COMPLETE.
pub(crate) fn last_piece(payload: &[u8]) -> Vec<u8> {
    [b"done:", payload].concat()
}

/// All data that a client gets for a job that does not fail.
fn result(payload: &[u8]) -> Vec<u8> {
    [payload.repeat(pieces(payload)), last_piece(payload)].concat()
}

/// One run of a job by a worker.
#[derive(Clone, Debug)]
struct JobRun {
    link: LinkId,
    at_us: u64,
    /// Whether the end was reported.
    is_done: bool,
    function: usize,
    /// The submission in its payload.
    number: usize,
}

/// A job that a server has accepted and not assigned.
#[derive(Debug)]
struct Waiting {
    function: Vec<u8>,
    unique: Vec<u8>,
    priority: usize,
    turn: u64,
    is_delayed: bool,
}

/// Records of a simulation, and the first violation of a rule.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    submissions: Vec<Submission>,
    by_unique: BTreeMap<(usize, String), Vec<usize>>,
    /// How often an adversary has submitted the same as a submission.
    copies: BTreeMap<usize, usize>,
    /// Handles of acknowledged background jobs.
    acknowledged: BTreeMap<Vec<u8>, usize>,
    runs: BTreeMap<Vec<u8>, Vec<JobRun>>,
    /// Handles of jobs that failed because their attempts were exhausted.
    pub(crate) given_up: BTreeSet<Vec<u8>>,
    /// Handle prefixes of server processes that crashed.
    pub(crate) crashed: BTreeSet<String>,
    /// Functions that a worker has ever withdrawn. Its server then hands the worker's
    /// running jobs to others, even if CANT_DO arrives late.
    pub(crate) withdrawn: BTreeSet<usize>,
    /// Jobs by server; only without faults.
    waiting: BTreeMap<usize, Vec<Waiting>>,
    failure: Option<Failure>,
    /// Whether the script has faults.
    has_faults: bool,
    /// How often clients may submit a lost job again.
    resubmissions: u16,
    /// Number of job runs, and of calls that returned.
    pub(crate) jobs: u64,
    pub(crate) calls: u64,
}

impl Checker {
    /// A checker for a script with or without faults.
    pub(crate) fn new(has_faults: bool, resubmissions: u16) -> Checker {
        Checker { has_faults, resubmissions, ..Checker::default() }
    }

    /// Records the violation of a rule. The first one is kept.
    pub(crate) fn fail(&mut self, rule: &'static str, text: String) {
        self.failure.get_or_insert(Failure { rule, text, steps: 0 });
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Records a submission; returns its number.
    pub(crate) fn submit(
        &mut self,
        function: usize,
        shared_unique: Option<usize>,
        priority: usize,
        background: bool,
        bytes: usize,
    ) -> usize {
        let number = self.submissions.len();
        // One unique for each priority: a submission that joins a job does not change the
        // job's priority.
        let unique = match shared_unique {
            Some(shared) => format!("shared{shared}p{priority}"),
            None => format!("u{number}p{priority}"),
        };
        let mut payload = format!("{number}:").into_bytes();
        payload.resize(payload.len().max(bytes), b'x');
        self.by_unique.entry((function, unique.clone())).or_default().push(number);
        self.submissions.push(Submission {
            function,
            unique,
            payload,
            priority,
            background,
            due_s: None,
            handles: BTreeSet::new(),
        });
        number
    }

    /// Records that a submission is delayed.
    pub(crate) fn delay(&mut self, number: usize, due_s: u64) {
        self.submissions[number].due_s = Some(due_s);
    }

    /// Records that a call failed, which is a violation if the script has no faults.
    pub(crate) fn fail_unless_faults(&mut self, what: &str) {
        if !self.has_faults {
            self.fail("call", format!("{what}, but the script has no faults"));
        }
    }

    pub(crate) fn submission(&self, number: usize) -> &Submission {
        &self.submissions[number]
    }

    /// A submission that an adversary may repeat, and does.
    pub(crate) fn copy_submission(&mut self, chance: u64) -> Option<&Submission> {
        let number = chance.checked_rem(self.submissions.len() as u64)? as usize;
        if self.submissions[number].due_s.is_some() {
            return None;
        }
        *self.copies.entry(number).or_default() += 1;
        Some(&self.submissions[number])
    }

    /// Whether the jobs of a unique are not one for each submission of an honest client.
    fn is_joined_by_others(&self, unique: &[u8]) -> bool {
        let mut copied = self.copies.keys().map(|&number| &self.submissions[number]);
        unique.starts_with(b"shared")
            || unique.starts_with(HOSTILE_UNIQUE)
            || copied.any(|copied| copied.unique.as_bytes() == unique)
    }

    /// Records the acknowledgement of a background job.
    pub(crate) fn acknowledge(&mut self, handle: &[u8], number: usize) {
        if self.submissions[number].background {
            self.acknowledged.insert(handle.to_vec(), number);
        }
    }

    /// Checks the result of a foreground job.
    pub(crate) fn answer(&mut self, number: usize, got: &[u8], failed: bool) {
        let submission = &self.submissions[number];
        let key = (submission.function, submission.unique.clone());
        let may_join_itself = self.has_faults && self.resubmissions > 0;
        let is_right = |&joined: &usize| {
            let payload = &self.submissions[joined].payload;
            let is_copied = self.copies.contains_key(&joined);
            let is_alone = joined == number && self.by_unique[&key].len() == 1 && !is_copied;
            match failed {
                true => fails(payload) || !self.given_up.is_empty(),
                false if is_alone && !self.has_faults => !fails(payload) && got == result(payload),
                // If a worker was lost after some WORK_DATA, another starts from the beginning.
                // A submission that joins a running job misses the data sent before; its own job
                // may run, too, when it is submitted again.
                false if joined == number && !may_join_itself && !is_copied => {
                    !fails(payload) && got.ends_with(&result(payload))
                }
                false => !fails(payload) && got.ends_with(&last_piece(payload)),
            }
        };
        let is_forged = got.windows(FORGED.len()).any(|bytes| bytes == FORGED);
        if is_forged || !self.by_unique[&key].iter().any(is_right) {
            let shown = String::from_utf8_lossy(&got[..got.len().min(60)]).into_owned();
            self.fail(
                "result",
                format!(
                    "submission {number} got {shown:?} of {} bytes, failed {failed}",
                    got.len()
                ),
            );
        }
    }

    /// Records that a worker starts a job. `excuse` returns whether the previous run, on this
    /// connection and of this function, may have been lost.
    pub(crate) fn begin(
        &mut self,
        handle: &[u8],
        function: usize,
        payload: &[u8],
        link: LinkId,
        at_us: u64,
        excuse: impl Fn(LinkId, usize) -> bool,
    ) {
        self.jobs += 1;
        let shown = String::from_utf8_lossy(handle).into_owned();
        let known = self.submissions.get(number_of(payload));
        let is_hostile = payload.starts_with(HOSTILE);
        if !is_hostile
            && known.is_none_or(|known| known.payload != payload || known.function != function)
        {
            self.fail("result", format!("job {shown} has a payload that was not submitted"));
        }
        if !is_hostile {
            self.check_run(handle, number_of(payload), at_us);
        }
        let (is_withdrawn, has_faults) = (self.withdrawn.contains(&function), self.has_faults);
        let runs = self.runs.entry(handle.to_vec()).or_default();
        let unexplained = runs
            .last()
            .filter(|last| !has_faults || !is_withdrawn && !excuse(last.link, last.function));
        let text = unexplained.map(|last| {
            format!(
                "job {shown} starts at {at_us}; a worker on {:?} started it at {}, done: {}",
                last.link, last.at_us, last.is_done
            )
        });
        let number = number_of(payload);
        runs.push(JobRun { link, at_us, is_done: false, function, number });
        if let Some(text) = text {
            self.fail("twice", text);
        }
    }

    /// Checks that a submission is one job, and one more for each resubmission that its client
    /// is allowed, and that a delayed job is not run too early.
    fn check_run(&mut self, handle: &[u8], number: usize, at_us: u64) {
        let Some(submission) = self.submissions.get_mut(number) else { return };
        submission.handles.insert(handle.to_vec());
        let (count, due_s) = (submission.handles.len(), submission.due_s);
        let again = if self.has_faults { usize::from(self.resubmissions) } else { 0 };
        let copies = self.copies.get(&number).copied().unwrap_or(0);
        if count > 1 + again + copies {
            self.fail("copies", format!("submission {number} has become {count} jobs"));
        }
        if self.has_faults {
            return;
        }
        if due_s.is_some_and(|due_s| EPOCH_S + at_us / 1_000_000 < due_s) {
            self.fail("order", format!("submission {number} runs at {at_us}, before it is due"));
        }
    }

    /// Records that a worker has reported the end of a job on this connection.
    pub(crate) fn end(&mut self, handle: &[u8], link: LinkId) {
        let runs = self.runs.get_mut(handle);
        if let Some(run) = runs.and_then(|all| all.iter_mut().rfind(|run| run.link == link)) {
            run.is_done = true;
        }
    }

    /// Checks the order in which a server has assigned jobs in a turn.
    pub(crate) fn check_order(&mut self, server: usize, turn: u64, events: &[ServerEvent]) {
        let mut text = None;
        let mut waiting = self.waiting.remove(&server).unwrap_or_default();
        for event in events {
            match event {
                ServerEvent::Accepted { function, unique, due } => {
                    // It may have joined a running job.
                    if function_number(function).is_none() || self.is_joined_by_others(unique) {
                        continue;
                    }
                    let priority = usize::from(unique.last().map_or(1, |digit| digit - b'0'));
                    let (function, unique) = (function.clone(), unique.clone());
                    let is_delayed = due.is_some();
                    waiting.push(Waiting { function, unique, priority, turn, is_delayed });
                }
                ServerEvent::Assigned { function, unique, is_late, .. } => {
                    let mut all = waiting.iter();
                    let found = all.position(|w| w.function == *function && w.unique == *unique);
                    let Some(at) = found else { continue };
                    let given = waiting.remove(at);
                    let before = |w: &&Waiting| {
                        !w.is_delayed
                            && !is_late
                            && !given.is_delayed
                            && w.function == given.function
                            && w.turn < turn
                            && (w.priority < given.priority
                                || w.priority == given.priority && w.turn < given.turn)
                    };
                    if let Some(passed) = waiting.iter().find(before) {
                        let name = |w: &Waiting| String::from_utf8_lossy(&w.unique).into_owned();
                        let (given, passed) = (name(&given), name(passed));
                        text = Some(format!("{given} is assigned before {passed}"));
                    }
                }
            }
        }
        self.waiting.insert(server, waiting);
        if let Some(text) = text {
            self.fail("order", text);
        }
    }

    /// Checks that every acknowledged background job was done.
    pub(crate) fn check_acknowledged(&mut self) {
        let lost = self.acknowledged.iter().find(|(handle, number)| {
            let runs = self.runs.get(*handle);
            let runs = runs.map_or(&[][..], |runs| runs);
            let is_done = runs.iter().any(|run| run.is_done && self.is_job_of(run, **number));
            !is_done && !self.given_up.contains(*handle) && !self.is_of_crashed(handle)
        });
        if let Some((handle, number)) = lost {
            let text = format!(
                "submission {number} was acknowledged as {} and not done",
                String::from_utf8_lossy(handle)
            );
            self.fail("lost", text);
        }
    }

    /// Whether a submission may have created, or joined, the job of this run.
    fn is_job_of(&self, run: &JobRun, number: usize) -> bool {
        let (wanted, found) = (&self.submissions[number], &self.submissions[run.number]);
        wanted.function == found.function && wanted.unique == found.unique
    }

    fn is_of_crashed(&self, handle: &[u8]) -> bool {
        let text = String::from_utf8_lossy(handle);
        self.crashed.iter().any(|life| text.starts_with(&format!("{life}:")))
    }
}

/// Times of the requests on one connection whose replies a server may hold.
#[derive(Debug, Default)]
pub(crate) struct HeldReplies {
    grabs: VecDeque<u64>,
    submissions: VecDeque<u64>,
}

impl HeldReplies {
    pub(crate) fn asked_for_job(&mut self, at_us: u64) {
        self.grabs.push_back(at_us);
    }

    pub(crate) fn submitted(&mut self, at_us: u64) {
        self.submissions.push_back(at_us);
    }

    /// Times of the oldest grab and the oldest submission without a reply.
    pub(crate) fn oldest(&self) -> (Option<u64>, Option<u64>) {
        (self.grabs.front().copied(), self.submissions.front().copied())
    }

    /// Records the reply to a grab; returns how long it took.
    pub(crate) fn job_or_none(&mut self, at_us: u64) -> u64 {
        self.grabs.pop_front().map_or(0, |since| at_us - since)
    }

    /// Records the reply to a submission; returns how long it took.
    pub(crate) fn acknowledged(&mut self, at_us: u64) -> u64 {
        self.submissions.pop_front().map_or(0, |since| at_us - since)
    }
}
