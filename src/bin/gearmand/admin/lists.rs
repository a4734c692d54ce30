//! The lists of the text protocol: lines that end in `\n`, then a full stop.
//!
//! Must not: change anything.

use std::fmt::Display;

use crate::broker::Broker;

/// Buckets of the original's function table, whose order `status` shows.
const BUCKETS: u32 = 991;

const END: &[u8] = b".\n";

fn fields(text: &mut Vec<u8>, name: &[u8], counts: &[&dyn Display]) {
    text.extend_from_slice(name);
    for count in counts {
        text.push(b'\t');
        text.extend_from_slice(count.to_string().as_bytes());
    }
    text.push(b'\n');
}

/// `workers`: every connection with the functions that it offers.
pub(super) fn workers(broker: &Broker, text: &mut Vec<u8>) {
    for connection in broker.connections() {
        let id = if connection.client_id.is_empty() { b"-" } else { connection.client_id };
        text.extend_from_slice(
            format!("{} {} ", connection.descriptor, connection.address).as_bytes(),
        );
        text.extend_from_slice(id);
        text.extend_from_slice(b" :");
        for function in connection.functions {
            text.push(b' ');
            text.extend_from_slice(function);
        }
        text.push(b'\n');
    }
    text.extend_from_slice(END);
}

/// `status`: every function with its jobs, those that run, and its workers.
pub(super) fn status(broker: &Broker, text: &mut Vec<u8>) {
    for function in in_order(broker) {
        let total = function.queued.iter().sum::<u32>() + function.running;
        fields(text, function.name, &[&total, &function.running, &function.offers]);
    }
    text.extend_from_slice(END);
}

/// `prioritystatus`: every function with its waiting jobs by priority.
pub(super) fn priority_status(broker: &Broker, text: &mut Vec<u8>) {
    for function in in_order(broker) {
        let [high, normal, low] = function.queued;
        fields(text, function.name, &[&high, &normal, &low, &function.offers]);
    }
    text.extend_from_slice(END);
}

/// `show jobs`: every job with its retries, whether nobody wants it, and
/// whether it waits.
pub(super) fn jobs(broker: &Broker, text: &mut Vec<u8>) {
    for job in broker.jobs() {
        let (ignored, queued) = (u8::from(job.ignored), u8::from(job.queued));
        fields(text, &job.handle, &[&job.retries, &ignored, &queued]);
    }
    text.extend_from_slice(END);
}

/// `show unique jobs`: the unique of every job.
pub(super) fn uniques(broker: &Broker, text: &mut Vec<u8>) {
    for unique in broker.uniques() {
        text.extend_from_slice(unique);
        text.push(b'\n');
    }
    text.extend_from_slice(END);
}

/// Functions in the order of the original's table: by bucket, in a bucket the
/// newest first. Scripts have come to compare this output as text.
fn in_order(broker: &Broker) -> Vec<crate::broker::FunctionView<'_>> {
    let mut functions: Vec<_> = broker.functions().collect();
    functions.sort_by_cached_key(|f| (one_at_a_time(f.name) % BUCKETS, u32::MAX - f.number));
    functions
}

/// Bob Jenkins's one-at-a-time hash of signed characters.
fn one_at_a_time(name: &[u8]) -> u32 {
    let mut hash = name.iter().fold(0_u32, |hash, &byte| {
        let hash = hash.wrapping_add_signed(i32::from(byte as i8));
        let hash = hash.wrapping_add(hash << 10);
        hash ^ (hash >> 6)
    });
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_the_buckets_of_the_original() {
        let bucket = |name: &[u8]| one_at_a_time(name) % BUCKETS;
        assert_eq!([b"c", b"b", b"z", b"a"].map(|n| bucket(n)), [86, 207, 614, 937]);
        assert_eq!(bucket(b""), 0);
    }
}
