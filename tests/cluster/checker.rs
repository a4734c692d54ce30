//! The books of a simulation: what was submitted, acknowledged, begun, done and
//! answered, and whether it adds up.
//!
//! | rule | name |
//! |---|---|
//! | an acknowledged background job is done, unless its server crashed | `lost` |
//! | a job is begun again only when its worker was lost or out of time | `twice` |
//! | a result is that of the job that was asked for | `result` |
//! | every call of a client returns, in its time; and well, where nothing breaks | `call` |
//! | workers get a function's jobs by priority, then in order, where nothing breaks | `order` |
//! | a job does not wait beside an idle worker for longer than waking takes | `stall` |
//! | a reply is not held longer than stated | `held` |
//! | afterwards nothing is left | `left` |
//!
//! Must not: drive anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::network::LinkId;
use crate::server::{Deed, EPOCH_S};

/// A broken rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The rule's name.
    pub rule: &'static str,
    /// What happened.
    pub text: String,
    /// How many steps that took.
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
    /// The second before which it must not begin.
    due_s: Option<u64>,
    /// Handles under which it was begun.
    handles: BTreeSet<Vec<u8>>,
}

/// What the names of functions are.
pub(crate) fn function_name(function: usize) -> String {
    format!("f{function}")
}

/// A job's number in its payload, which decides what its worker does with it.
fn number_of(payload: &[u8]) -> usize {
    let digits = payload.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |n, digit| n * 10 + usize::from(digit - b'0'))
}

/// How many pieces of data a worker sends before the end of a job.
pub(crate) fn pieces(payload: &[u8]) -> usize {
    number_of(payload) % 5 % 3
}

/// Whether a job fails.
pub(crate) fn fails(payload: &[u8]) -> bool {
    number_of(payload) % 11 == 7
}

/// What a worker sends with the end of a job.
pub(crate) fn last_piece(payload: &[u8]) -> Vec<u8> {
    [b"done:", payload].concat()
}

/// All that a client gets for a job that does not fail.
fn result(payload: &[u8]) -> Vec<u8> {
    [payload.repeat(pieces(payload)), last_piece(payload)].concat()
}

/// One begin of a job.
#[derive(Clone, Debug)]
struct Begin {
    link: LinkId,
    at_us: u64,
    /// Whether the end was reported.
    is_done: bool,
    function: usize,
    /// The submission whose payload it had.
    number: usize,
}

/// A job that a server has accepted and not handed out.
#[derive(Debug)]
struct Waiting {
    function: Vec<u8>,
    unique: Vec<u8>,
    priority: usize,
    turn: u64,
    is_delayed: bool,
}

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    submissions: Vec<Submission>,
    by_unique: BTreeMap<(usize, String), Vec<usize>>,
    /// Handles of background jobs that were acknowledged.
    acknowledged: BTreeMap<Vec<u8>, usize>,
    begins: BTreeMap<Vec<u8>, Vec<Begin>>,
    /// Handles of jobs whose attempts were used up.
    pub(crate) given_up: BTreeSet<Vec<u8>>,
    /// Lives of servers that ended by a crash, as they stand in handles.
    pub(crate) crashed: BTreeSet<String>,
    /// Functions that a worker took back at some time: its server gives running jobs of
    /// them to others, also when the words for that were long on their way.
    pub(crate) taken_back: BTreeSet<usize>,
    /// By server, where nothing breaks.
    waiting: BTreeMap<usize, Vec<Waiting>>,
    failure: Option<Failure>,
    /// Whether anything breaks.
    has_faults: bool,
    /// Jobs that were begun, and calls that returned.
    pub(crate) jobs: u64,
    pub(crate) calls: u64,
}

impl Books {
    /// Empty books of a simulation in which something breaks, or nothing.
    pub(crate) fn new(has_faults: bool) -> Books {
        Books { has_faults, ..Books::default() }
    }

    /// Notes that a rule is broken. The first one stays.
    pub(crate) fn fail(&mut self, rule: &'static str, text: String) {
        self.failure.get_or_insert(Failure { rule, text, steps: 0 });
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Enters a new submission.
    pub(crate) fn submit(
        &mut self,
        function: usize,
        shared_unique: Option<usize>,
        priority: usize,
        background: bool,
        bytes: usize,
    ) -> usize {
        let number = self.submissions.len();
        // One for each priority: a job keeps the priority that it began with.
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

    /// Notes that a submission is for later.
    pub(crate) fn delay(&mut self, number: usize, due_s: u64) {
        self.submissions[number].due_s = Some(due_s);
    }

    /// A call has ended in another way than with what it asked for.
    pub(crate) fn disappoint(&mut self, what: &str) {
        if !self.has_faults {
            self.fail("call", format!("{what}, though nothing breaks"));
        }
    }

    pub(crate) fn submission(&self, number: usize) -> &Submission {
        &self.submissions[number]
    }

    /// A server has said that it has a background job.
    pub(crate) fn acknowledge(&mut self, handle: &[u8], number: usize) {
        if self.submissions[number].background {
            self.acknowledged.insert(handle.to_vec(), number);
        }
    }

    /// A call that waited for a job's result has got it.
    pub(crate) fn answer(&mut self, number: usize, got: &[u8], failed: bool) {
        let submission = &self.submissions[number];
        let key = (submission.function, submission.unique.clone());
        let is_right = |&joined: &usize| {
            let payload = &self.submissions[joined].payload;
            let is_alone = joined == number && self.by_unique[&key].len() == 1;
            match failed {
                true => fails(payload) || !self.given_up.is_empty(),
                false if is_alone && !self.has_faults => !fails(payload) && got == result(payload),
                // A worker may have been lost after some pieces; another begins anew.
                // A submission that joins a running job misses what has been sent.
                false if joined == number => !fails(payload) && got.ends_with(&result(payload)),
                false => !fails(payload) && got.ends_with(&last_piece(payload)),
            }
        };
        if !self.by_unique[&key].iter().any(is_right) {
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

    /// A worker begins a job. `excuse` says why the begin before it may not have counted.
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
        if known.is_none_or(|known| known.payload != payload || known.function != function) {
            self.fail("result", format!("job {shown} has a payload that was not submitted"));
        }
        self.check_begin(handle, number_of(payload), at_us);
        let (is_taken_back, has_faults) = (self.taken_back.contains(&function), self.has_faults);
        let begins = self.begins.entry(handle.to_vec()).or_default();
        let unexplained = begins
            .last()
            .filter(|last| !has_faults || !is_taken_back && !excuse(last.link, last.function));
        let text = unexplained.map(|last| {
            format!(
                "job {shown} begins at {at_us}; its worker on {:?} began it at {}, done: {}",
                last.link, last.at_us, last.is_done
            )
        });
        let number = number_of(payload);
        begins.push(Begin { link, at_us, is_done: false, function, number });
        if let Some(text) = text {
            self.fail("twice", text);
        }
    }

    /// A submission is one job, unless a client had to send it again; and a job for later
    /// waits for its time.
    fn check_begin(&mut self, handle: &[u8], number: usize, at_us: u64) {
        let Some(submission) = self.submissions.get_mut(number) else { return };
        submission.handles.insert(handle.to_vec());
        let (count, due_s) = (submission.handles.len(), submission.due_s);
        if self.has_faults {
            return;
        }
        if count > 1 {
            self.fail("twice", format!("submission {number} has become {count} jobs"));
        }
        if due_s.is_some_and(|due_s| EPOCH_S + at_us / 1_000_000 < due_s) {
            self.fail("order", format!("submission {number} begins at {at_us}, before its time"));
        }
    }

    /// A worker has reported the end of a job that it had from this connection.
    pub(crate) fn end(&mut self, handle: &[u8], link: LinkId) {
        let begins = self.begins.get_mut(handle);
        let theirs = begins.and_then(|all| all.iter_mut().rfind(|begin| begin.link == link));
        if let Some(begin) = theirs {
            begin.is_done = true;
        }
    }

    /// Compares what a server did in a turn with the order in which it should.
    pub(crate) fn check_order(&mut self, server: usize, turn: u64, deeds: &[Deed]) {
        let mut text = None;
        let waiting = self.waiting.entry(server).or_default();
        for deed in deeds {
            match deed {
                Deed::Accepted { function, unique, due } => {
                    // A submission with a shared unique may have joined a running job.
                    if unique.starts_with(b"shared") {
                        continue;
                    }
                    let priority = usize::from(unique.last().map_or(1, |digit| digit - b'0'));
                    let (function, unique) = (function.clone(), unique.clone());
                    let is_delayed = due.is_some();
                    waiting.push(Waiting { function, unique, priority, turn, is_delayed });
                }
                Deed::Assigned { function, unique, is_late } => {
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
                        text = Some(format!("{given} is handed out before {passed}"));
                    }
                }
            }
        }
        if let Some(text) = text {
            self.fail("order", text);
        }
    }

    /// Whether every acknowledged background job was done.
    pub(crate) fn check_acknowledged(&mut self) {
        let lost = self.acknowledged.iter().find(|(handle, number)| {
            let begins = self.begins.get(*handle);
            let begins = begins.map_or(&[][..], |begins| begins);
            let is_done =
                begins.iter().any(|begin| begin.is_done && self.is_job_of(begin, **number));
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

    /// Whether a submission may have become, or joined, the job that was begun.
    fn is_job_of(&self, begin: &Begin, number: usize) -> bool {
        let (wanted, found) = (&self.submissions[number], &self.submissions[begin.number]);
        wanted.function == found.function && wanted.unique == found.unique
    }

    fn is_of_crashed(&self, handle: &[u8]) -> bool {
        let text = String::from_utf8_lossy(handle);
        self.crashed.iter().any(|life| text.starts_with(&format!("{life}:")))
    }
}

/// Questions on one connection whose answers a server may hold, and since when.
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

    /// Since when the oldest GRAB_JOB, and the oldest submission, have no answer.
    pub(crate) fn oldest(&self) -> (Option<u64>, Option<u64>) {
        (self.grabs.front().copied(), self.submissions.front().copied())
    }

    /// How long the answer to GRAB_JOB took.
    pub(crate) fn job_or_none(&mut self, at_us: u64) -> u64 {
        self.grabs.pop_front().map_or(0, |since| at_us - since)
    }

    /// How long JOB_CREATED took.
    pub(crate) fn acknowledged(&mut self, at_us: u64) -> u64 {
        self.submissions.pop_front().map_or(0, |since| at_us - since)
    }
}
