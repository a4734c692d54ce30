//! Lists, one line per item. A list can be long, so it is written in pieces, and the
//! server handles packets between them. The last line of the original's lists is a full
//! stop.
//!
//! Must not: change anything.

use std::fmt::Display;

use gearman_broker::{
    Broker, CancelledRunView, ConnectionCursor, ConnectionView, CursorStep, FunctionCursor,
    JobCursor, JobOrder, JobState, JobView, OrderedJobCursor, PeerView, Priority,
};
use gearman_protocol::percent;

use super::authority::ListFilter;
use super::workers::{WorkerFormat, WorkerList};

/// Steps of which a piece consists at most. Counted, not timed, so that a run can be repeated; the
/// longest lines take a few microseconds.
const PIECE_STEPS_MAX: usize = 256;
/// Size from which a piece ends with the current line.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// What a step of writing a list has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListStep {
    /// An item was written, or its last part.
    Item,
    /// A part of an item was written.
    Part,
    /// Nothing was written; the next step may write something.
    Skip,
    /// There is no further item.
    End,
}

impl From<CursorStep<()>> for ListStep {
    fn from(step: CursorStep<()>) -> ListStep {
        match step {
            CursorStep::Item(()) => ListStep::Item,
            CursorStep::Skip => ListStep::Skip,
            CursorStep::End => ListStep::End,
        }
    }
}

/// Does a step.
type WriteStep = Box<dyn FnMut(&Broker, &mut Vec<u8>) -> ListStep>;
/// Writes the next item.
type WriteLine = Box<dyn FnMut(&Broker, &mut Vec<u8>) -> CursorStep<()>>;

/// A list that is being written.
pub struct AdminList {
    step: WriteStep,
    /// Text between items.
    separator: &'static str,
    /// Text after the last item.
    end: &'static str,
    /// Text before the next step's: the separator, unless no item or only a part of one was written.
    before_next: &'static str,
}

impl AdminList {
    /// A list of the text protocol.
    fn lines(line: WriteLine) -> AdminList {
        AdminList::lines_in_steps(in_steps(line))
    }

    fn lines_in_steps(step: WriteStep) -> AdminList {
        AdminList { step, separator: "", end: ".\n", before_next: "" }
    }

    /// The items of a JSON array, and the end of the object that contains the array.
    pub(super) fn json(line: WriteLine) -> AdminList {
        AdminList::json_in_steps(in_steps(line))
    }

    /// The same, where an item may take several steps.
    pub(super) fn json_in_steps(step: WriteStep) -> AdminList {
        AdminList { step, separator: ",", end: "]}\n", before_next: "" }
    }

    /// Writes the next piece, within the limits of steps and size. Returns whether the list
    /// is complete.
    pub fn write_piece(&mut self, broker: &Broker, text: &mut Vec<u8>) -> bool {
        let limit = text.len() + PIECE_BYTES_MAX;
        for _ in 0..PIECE_STEPS_MAX {
            let before = text.len();
            text.extend_from_slice(self.before_next.as_bytes());
            let step = (self.step)(broker, text);
            match step {
                ListStep::Item => self.before_next = self.separator,
                ListStep::Part => self.before_next = "",
                ListStep::Skip | ListStep::End => text.truncate(before),
            }
            if step == ListStep::End {
                text.extend_from_slice(self.end.as_bytes());
                return true;
            }
            if text.len() >= limit {
                break;
            }
        }
        false
    }
}

fn in_steps(mut line: WriteLine) -> WriteStep {
    Box::new(move |broker, text| line(broker, text).into())
}

fn fields(text: &mut Vec<u8>, name: &[u8], counts: &[&dyn Display]) {
    text.extend_from_slice(name);
    for count in counts {
        text.push(b'\t');
        append(text, count);
    }
    text.push(b'\n');
}

fn append(text: &mut Vec<u8>, what: impl Display) {
    use std::io::Write;
    write!(text, "{what}").expect("a vector accepts all bytes");
}

/// `workers`: every connection with the functions that it offers.
/// Behind them, after a `!`, those that it offers and may not work on.
pub(super) fn workers(filter: ListFilter) -> AdminList {
    let mut list = WorkerList::new(filter, WorkerLines);
    AdminList::lines_in_steps(Box::new(move |broker, text| list.step(broker, text)))
}

/// The lines of `workers`.
struct WorkerLines;

impl WorkerFormat for WorkerLines {
    fn frame(
        &mut self,
        connection: &ConnectionView<'_>,
        refused: &[&[u8]],
        _broker: &Broker,
    ) -> [Vec<u8>; 2] {
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        peer(&mut head, connection.peer);
        head.extend_from_slice(b" :");
        for function in refused {
            tail.extend_from_slice(b" !");
            tail.extend_from_slice(function);
        }
        tail.push(b'\n');
        [head, tail]
    }

    fn name(&mut self, name: &[u8], text: &mut Vec<u8>) {
        text.push(b' ');
        text.extend_from_slice(name);
    }

    fn end_names(&mut self, _text: &mut Vec<u8>) {}
}

fn peer(text: &mut Vec<u8>, peer: PeerView<'_>) {
    let id = if peer.client_id.is_empty() { b"-" } else { peer.client_id };
    append(text, format_args!("{} {} ", peer.descriptor, peer.address));
    // A line stays a line, whatever a peer calls itself.
    for &byte in id {
        match byte.is_ascii_control() {
            true => append(text, format_args!("%{byte:02X}")),
            false => text.push(byte),
        }
    }
}

/// `status`: every function with its number of jobs, of running jobs and of workers.
pub(super) fn status(filter: ListFilter) -> AdminList {
    let mut cursor = FunctionCursor::default();
    AdminList::lines(Box::new(move |broker, text| {
        cursor.next(broker).keep(|f| filter.shows(f.name)).map(|f| {
            fields(text, f.name, &[&f.total(), &f.running, &f.offers]);
        })
    }))
}

/// `prioritystatus`: every function with its number of queued jobs by priority, where
/// delayed jobs count as normal, and of workers.
pub(super) fn priority_status(filter: ListFilter) -> AdminList {
    let mut cursor = FunctionCursor::default();
    AdminList::lines(Box::new(move |broker, text| {
        cursor.next(broker).keep(|f| filter.shows(f.name)).map(|f| {
            let [high, normal, low] = f.queued;
            fields(text, f.name, &[&high, &(normal + f.delayed), &low, &f.offers]);
        })
    }))
}

/// `queues`: as `prioritystatus`, with delayed jobs in a column of their own and with running
/// jobs.
pub(super) fn queues(filter: ListFilter) -> AdminList {
    let mut cursor = FunctionCursor::default();
    AdminList::lines(Box::new(move |broker, text| {
        cursor.next(broker).keep(|f| filter.shows(f.name)).map(|f| {
            let [high, normal, low] = f.queued;
            fields(text, f.name, &[&high, &normal, &low, &f.delayed, &f.running, &f.offers]);
        })
    }))
}

/// `show jobs`: every job with its retries, whether it is ignored (it runs without a
/// waiting client), and whether it is a background job, which the original stores in its
/// durable queue.
pub(super) fn show_jobs(filter: ListFilter) -> AdminList {
    let mut cursor = OrderedJobCursor::new(JobOrder::ByHandle);
    AdminList::lines(Box::new(move |broker, text| {
        cursor.next(broker).keep(|job| filter.shows(job.function)).map(|job| {
            let (ignored, queued) = (u8::from(job.is_ignored()), u8::from(job.background));
            fields(text, &job.handle, &[&job.retries, &ignored, &queued]);
        })
    }))
}

/// `show unique jobs`: the unique of every job.
pub(super) fn show_unique_jobs(filter: ListFilter) -> AdminList {
    let mut cursor = OrderedJobCursor::new(JobOrder::ByUnique);
    AdminList::lines(Box::new(move |broker, text| {
        cursor.next(broker).keep(|job| filter.shows(job.function)).map(|job| {
            text.extend_from_slice(job.unique);
            text.push(b'\n');
        })
    }))
}

/// `jobs`: every job with function, unique, priority, state, age, worker, and how long that has
/// it. Last come the jobs that were cancelled while they ran, with the workers that are busy with
/// them.
pub(super) fn jobs(mut cursor: JobCursor, filter: ListFilter) -> AdminList {
    let mut connections = None;
    AdminList::lines(Box::new(move |broker, text| {
        let connections = match &mut connections {
            Some(connections) => connections,
            slot => match cursor.next(broker).keep(|job| filter.shows(job.function)) {
                CursorStep::End => slot.insert(ConnectionCursor::new(broker)),
                step => return step.map(|job| job_line(text, &job)),
            },
        };
        connections.next(broker).filter_map(|connection| {
            let before = text.len();
            let runs = broker.cancelled_runs(connection.key);
            let is_asked = |run: &CancelledRunView<'_>| {
                filter.shows(run.function) && cursor.is_about(broker, run.function)
            };
            runs.filter(is_asked).for_each(|run| cancelled_line(text, &run, connection.peer));
            (text.len() > before).then_some(())
        })
    }))
}

fn job_line(text: &mut Vec<u8>, job: &JobView<'_>) {
    let (priority, state) = (priority_name(job.priority), state_name(job));
    job_fields(text, [&job.handle, job.function, job.unique], priority, state, job.age_seconds);
    match (job.state, job.running_seconds) {
        (JobState::Running(worker), Some(seconds)) => {
            escaped_peer(text, worker);
            append(text, format_args!("\t{seconds}\n"));
        }
        _ => text.extend_from_slice(b"-\t-\n"),
    }
}

fn cancelled_line(text: &mut Vec<u8>, run: &CancelledRunView<'_>, worker: PeerView<'_>) {
    let (priority, names) = (priority_name(run.priority), [&*run.handle, run.function, run.unique]);
    job_fields(text, names, priority, "cancelled", run.age_seconds);
    escaped_peer(text, worker);
    append(text, format_args!("\t{}\n", run.running_seconds));
}

/// The columns of `jobs` before the worker: handle, function and unique, and the others.
fn job_fields(text: &mut Vec<u8>, names: [&[u8]; 3], priority: &str, state: &str, age: u32) {
    let [handle, names @ ..] = names;
    text.extend_from_slice(handle);
    for name in names {
        text.push(b'\t');
        percent::escape(name, text);
    }
    append(text, format_args!("\t{priority}\t{state}\t{age}\t"));
}

fn escaped_peer(text: &mut Vec<u8>, worker: PeerView<'_>) {
    append(text, format_args!("{} {} ", worker.descriptor, worker.without_id()));
    match worker.client_id {
        b"" => text.push(b'-'),
        id => percent::escape(id, text),
    }
}

/// Bytes of a payload that `peek` shows.
const PEEKED_BYTES_MAX: usize = 1024;

/// `peek`: the jobs at the head of a function's queue, with the beginning of their payloads.
pub(super) fn peek(jobs: &[JobView<'_>], text: &mut Vec<u8>) {
    for job in jobs {
        let payload = job.payload;
        text.extend_from_slice(&job.handle);
        text.push(b'\t');
        percent::escape(job.unique, text);
        let (priority, state) = (priority_name(job.priority), state_name(job));
        let (age, bytes) = (job.age_seconds, payload.len());
        append(text, format_args!("\t{priority}\t{state}\t{age}\t{bytes}\t"));
        percent::escape(&payload[..bytes.min(PEEKED_BYTES_MAX)], text);
        text.push(b'\n');
    }
    text.extend_from_slice(b".\n");
}

/// The name of a priority.
pub(super) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    }
}

/// The name of a job's state.
pub(super) fn state_name(job: &JobView<'_>) -> &'static str {
    match job.state {
        JobState::Queued => "queued",
        JobState::Paused => "paused",
        JobState::Delayed(_) => "delayed",
        JobState::Running(_) => "running",
    }
}
