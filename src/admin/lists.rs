//! Lists, one line per item. A list can be long, so it is written in pieces, and the
//! server handles packets between them. The last line of the original's lists is a full
//! stop.
//!
//! Must not: change anything.

use std::fmt::Display;
use std::time::{Duration, Instant};

use gearman_broker::{
    Broker, CancelledRunView, ConnectionCursor, ConnectionView, CursorStep, FunctionCursor,
    JobCursor, JobOrder, JobState, JobView, OrderedJobCursor, PeerView, Priority,
};
use gearman_protocol::percent;

use super::authority::ListFilter;

/// Time limit for writing a piece.
const PIECE_TIME_MAX: Duration = Duration::from_micros(300);
/// Size from which a piece ends with the current line.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Writes the next item.
type WriteLine = Box<dyn FnMut(&Broker, &mut Vec<u8>) -> CursorStep<()>>;

/// A list that is being written.
pub struct AdminList {
    line: WriteLine,
    /// Text between items.
    separator: &'static str,
    /// Text after the last item.
    end: &'static str,
    /// Whether no item was written yet.
    is_empty: bool,
}

impl AdminList {
    /// A list of the text protocol.
    fn lines(line: WriteLine) -> AdminList {
        AdminList { line, separator: "", end: ".\n", is_empty: true }
    }

    /// The items of a JSON array, and the end of the object that contains the array.
    pub(super) fn json(line: WriteLine) -> AdminList {
        AdminList { line, separator: ",", end: "]}\n", is_empty: true }
    }

    /// Writes the next piece, within the limits of time and size. Returns whether the list
    /// is complete.
    pub fn write_piece(&mut self, broker: &Broker, text: &mut Vec<u8>) -> bool {
        let started = Instant::now();
        let limit = text.len() + PIECE_BYTES_MAX;
        loop {
            let before = text.len();
            if !self.is_empty {
                text.extend_from_slice(self.separator.as_bytes());
            }
            let step = (self.line)(broker, text);
            match step {
                CursorStep::Item(()) => self.is_empty = false,
                CursorStep::Skip | CursorStep::End => text.truncate(before),
            }
            if let CursorStep::End = step {
                text.extend_from_slice(self.end.as_bytes());
                return true;
            }
            if text.len() >= limit || started.elapsed() >= PIECE_TIME_MAX {
                return false;
            }
        }
    }
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
    let mut cursor = None;
    AdminList::lines(Box::new(move |broker, text| {
        let cursor = cursor.get_or_insert_with(|| ConnectionCursor::new(broker));
        cursor.next(broker).filter_map(|connection| {
            let connection = visible(connection, &filter)?;
            peer(text, connection.peer);
            text.extend_from_slice(b" :");
            for function in connection.functions {
                text.push(b' ');
                text.extend_from_slice(function);
            }
            for function in connection.refused {
                text.extend_from_slice(b" !");
                text.extend_from_slice(function);
            }
            text.push(b'\n');
            Some(())
        })
    }))
}

/// A connection with the functions that the reader may see. A reader who may not see all
/// functions sees only connections with one of these.
pub(super) fn visible<'a>(
    mut connection: ConnectionView<'a>,
    filter: &ListFilter,
) -> Option<ConnectionView<'a>> {
    if filter.shows_all() {
        return Some(connection);
    }
    connection.functions.retain(|function| filter.shows(function));
    connection.refused.retain(|function| filter.shows(function));
    let is_empty = connection.functions.is_empty() && connection.refused.is_empty();
    (!is_empty).then_some(connection)
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
