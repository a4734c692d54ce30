//! Lists, line by line: they can be long, and the server has other things to
//! do, so a list is written in pieces. Those of the original end in a line that
//! is a full stop.
//!
//! Must not: change anything.

use std::fmt::Display;
use std::time::{Duration, Instant};

use gearman_broker::{
    Broker, ConnectionWalk, FunctionWalk, JobView, JobWalk, PeerView, Priority, State, Step, Table,
    TableWalk,
};
use gearman_protocol::percent;

/// How long it may take to write a piece.
const PIECE_TIME: Duration = Duration::from_micros(300);
/// How large a piece may be, its last line aside.
const PIECE_BYTES: usize = 64 << 10;

/// Writes the next line, if there is one.
type WriteLine = Box<dyn FnMut(&Broker, &mut Vec<u8>) -> Step<()>>;

/// A list that is being written.
pub struct List {
    line: WriteLine,
    /// What stands between lines.
    between: &'static str,
    end: &'static str,
    /// Whether no line has been written.
    is_empty: bool,
}

impl List {
    /// A list of the text protocol.
    fn lines(line: WriteLine) -> List {
        List { line, between: "", end: ".\n", is_empty: true }
    }

    /// The inside of a JSON array, and the end of the object that it is in.
    pub(super) fn json(line: WriteLine) -> List {
        List { line, between: ",", end: "]}\n", is_empty: true }
    }

    /// Writes as much as a turn of the event loop may be held up for. Returns
    /// whether that was the end.
    pub fn write_piece(&mut self, broker: &Broker, text: &mut Vec<u8>) -> bool {
        let started = Instant::now();
        let limit = text.len() + PIECE_BYTES;
        loop {
            let before = text.len();
            if !self.is_empty {
                text.extend_from_slice(self.between.as_bytes());
            }
            let step = (self.line)(broker, text);
            match step {
                Step::One(()) => self.is_empty = false,
                Step::None | Step::End => text.truncate(before),
            }
            if let Step::End = step {
                text.extend_from_slice(self.end.as_bytes());
                return true;
            }
            if text.len() >= limit || started.elapsed() >= PIECE_TIME {
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
    write!(text, "{what}").expect("memory takes what is written to it");
}

/// `workers`: every connection with the functions that it offers.
pub(super) fn workers() -> List {
    let mut walk = None;
    List::lines(Box::new(move |broker, text| {
        let walk = walk.get_or_insert_with(|| ConnectionWalk::new(broker));
        walk.step(broker).map(|connection| {
            peer(text, connection.peer);
            text.extend_from_slice(b" :");
            for function in connection.functions {
                text.push(b' ');
                text.extend_from_slice(function);
            }
            text.push(b'\n');
        })
    }))
}

fn peer(text: &mut Vec<u8>, peer: PeerView<'_>) {
    let id = if peer.client_id.is_empty() { b"-" } else { peer.client_id };
    append(text, format_args!("{} {} ", peer.descriptor, peer.address));
    text.extend_from_slice(id);
}

/// `status`: every function with its jobs, those that run, and its workers.
pub(super) fn status() -> List {
    let mut walk = FunctionWalk::default();
    List::lines(Box::new(move |broker, text| {
        walk.step(broker).map(|f| {
            fields(text, f.name, &[&f.total(), &f.running, &f.offers]);
        })
    }))
}

/// `prioritystatus`: every function with its waiting jobs by priority; those for
/// later are of the normal one.
pub(super) fn priority_status() -> List {
    let mut walk = FunctionWalk::default();
    List::lines(Box::new(move |broker, text| {
        walk.step(broker).map(|f| {
            let [high, normal, low] = f.queued;
            fields(text, f.name, &[&high, &(normal + f.delayed), &low, &f.offers]);
        })
    }))
}

/// `show jobs`: every job with its retries, whether nobody wants it, and
/// whether it is done without anybody waiting, and so would be kept in a queue on
/// disk. Whether it runs is not to be seen.
pub(super) fn show_jobs() -> List {
    let mut walk = TableWalk::new(Table::Handles);
    List::lines(Box::new(move |broker, text| {
        walk.step(broker).map(|job| {
            let (ignored, queued) = (u8::from(job.is_ignored()), u8::from(job.background));
            fields(text, &job.handle, &[&job.retries, &ignored, &queued]);
        })
    }))
}

/// `show unique jobs`: the unique of every job.
pub(super) fn show_unique_jobs() -> List {
    let mut walk = TableWalk::new(Table::Uniques);
    List::lines(Box::new(move |broker, text| {
        walk.step(broker).map(|job| {
            text.extend_from_slice(job.unique);
            text.push(b'\n');
        })
    }))
}

/// `jobs`: every job with all that administrators ask for first.
pub(super) fn jobs(mut walk: JobWalk) -> List {
    List::lines(Box::new(move |broker, text| {
        walk.step(broker).map(|job| {
            text.extend_from_slice(&job.handle);
            text.push(b'\t');
            percent::escape(job.function, text);
            text.push(b'\t');
            percent::escape(job.unique, text);
            let (priority, state) = (priority_name(job.priority), state_name(&job));
            append(text, format_args!("\t{priority}\t{state}\t{}\t", job.age));
            match job.state {
                State::Running(worker) => escaped_peer(text, worker),
                _ => text.push(b'-'),
            }
            text.push(b'\n');
        })
    }))
}

fn escaped_peer(text: &mut Vec<u8>, worker: PeerView<'_>) {
    append(text, format_args!("{} {} ", worker.descriptor, worker.address));
    match worker.client_id {
        b"" => text.push(b'-'),
        id => percent::escape(id, text),
    }
}

/// A priority in one word.
pub(super) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    }
}

/// A job's state in one word.
pub(super) fn state_name(job: &JobView<'_>) -> &'static str {
    match job.state {
        State::Queued => "queued",
        State::Paused => "paused",
        State::Delayed(_) => "delayed",
        State::Running(_) => "running",
    }
}
