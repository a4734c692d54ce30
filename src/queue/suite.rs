//! What every back end must do, whatever it is made of.
//!
//! One test per back end calls [`keeps_the_rules_of_a_store`] with its [`Place`]. A rule that a
//! back end cannot keep by its nature is left out by name, and `src/COMPAT.md` says so.

pub(crate) mod sessions;

use crate::batch::Batch;
use crate::record::samples::record;
use crate::record::{JobNumber, NewRecord, StoredJob, UnixSeconds};
use crate::store::{Store, StoreError, SurveyedUnique, fingerprint};

/// Where stores of a back end are.
pub(crate) trait Place {
    /// Opens the store of this place.
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;

    /// Makes the place as if no store had ever been there.
    fn empty(&self);
}

type StoreRule = (&'static str, fn(&dyn Place));

/// The rules, by name.
const RULES: &[StoreRule] = &[
    ("every byte", every_byte_of_names_and_payload_survives),
    ("lengths", long_names_and_large_payloads_survive),
    ("attributes", priority_due_time_attempts_reducer_and_submission_survive),
    ("order", jobs_come_back_in_the_order_of_their_numbers),
    ("uniques", jobs_without_unique_and_with_the_same_one_are_kept_apart),
    ("removal", a_removed_job_is_gone_and_its_number_stays_used),
    ("absent", removing_what_is_not_there_is_no_error),
    ("reservation", reserved_numbers_stay_reserved),
    ("attempts", attempts_are_those_that_were_set_last),
    ("again", an_insertion_is_not_carried_out_twice),
    ("one batch", operations_of_one_job_in_a_batch_act_in_their_order),
    ("many", thousands_of_jobs_are_written_and_removed_in_one_batch),
    ("survey", a_survey_reads_what_was_there_at_the_start_in_parts),
    ("fetch", a_fetch_answers_in_the_order_of_its_numbers),
    ("division", what_a_divided_batch_leaves_is_what_the_whole_leaves),
    ("owner", a_second_server_is_refused_by_name_until_the_first_ends),
    ("reopened", a_store_goes_on_after_it_was_opened_again),
];

/// Tries every rule in an empty place, but for those that are left out.
pub(crate) fn keeps_the_rules_of_a_store(place: &dyn Place, left_out: &[&str]) {
    for name in left_out {
        assert!(RULES.iter().any(|(rule, _)| rule == name), "no rule {name}");
    }
    for (name, rule) in RULES.iter().filter(|(name, _)| !left_out.contains(name)) {
        println!("rule: {name}");
        place.empty();
        rule(place);
    }
}

fn open(place: &dyn Place) -> Box<dyn Store> {
    place.open().expect("opens")
}

#[track_caller]
fn apply(store: &mut dyn Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::default();
    fill(&mut batch);
    assert_eq!(store.apply(&batch), Ok(vec![]));
}

/// Numbers of all jobs, as a server surveys them.
pub(crate) fn surveyed(store: &mut dyn Store, limit: usize) -> Vec<JobNumber> {
    let mut numbers = Vec::new();
    loop {
        let page = store.survey(limit).expect("a page");
        numbers.extend(page.jobs.iter().map(|job| job.number));
        if page.is_last {
            return numbers;
        }
    }
}

/// All jobs, surveyed and then fetched.
pub(crate) fn all_jobs(store: &mut dyn Store) -> Vec<StoredJob> {
    let numbers = surveyed(store, 3);
    let jobs = store.fetch(&numbers).expect("reads");
    jobs.into_iter().map(|job| job.expect("a surveyed job")).collect()
}

/// The numbers of jobs.
pub(crate) fn numbers(jobs: &[StoredJob]) -> Vec<u64> {
    jobs.iter().map(|job| job.number.0).collect()
}

/// The numbers of all jobs, surveyed and then fetched.
pub(crate) fn all_numbers(store: &mut dyn Store) -> Vec<u64> {
    numbers(&all_jobs(store))
}

/// Inserts jobs, which must be stored.
#[track_caller]
pub(crate) fn insert(store: &mut dyn Store, records: &[NewRecord<'_>]) {
    apply(store, |batch| records.iter().for_each(|record| batch.insert(record, None)));
}

/// Writes with one store, and reads with another that is opened after it.
fn written(place: &dyn Place, fill: impl FnOnce(&mut Batch)) -> Vec<StoredJob> {
    apply(&mut *open(place), fill);
    all_jobs(&mut *open(place))
}

fn every_byte_of_names_and_payload_survives(place: &dyn Place) {
    let all: Vec<u8> = (0..=255).collect();
    let payload: Vec<u8> = all.iter().rev().chain(&all).copied().collect();
    // A packet has no NUL in a name, but a store is no packet.
    let (function, unique) = (&all[..], [&all[..], b"-a\\'\"$;%"].concat());
    let jobs = written(place, |batch| {
        let odd = NewRecord { function, unique: &unique, reducer: &all, ..record(9, &payload) };
        batch.insert(&odd, None);
        batch.insert(&NewRecord { unique: b"", ..record(10, b"") }, None);
    });
    assert_eq!(numbers(&jobs), [9, 10]);
    assert_eq!((&jobs[0].function[..], &jobs[0].unique), (function, &unique));
    assert_eq!((&jobs[0].reducer[..], &jobs[0].payload[..]), (&all[..], &payload[..]));
    assert_eq!((&jobs[1].unique[..], &jobs[1].payload[..]), (&b""[..], &b""[..]));
}

fn long_names_and_large_payloads_survive(place: &dyn Place) {
    let (name, payload) = (vec![b'n'; 5000], vec![7; 900_000]);
    let jobs = written(place, |batch| {
        let long = NewRecord { function: &name, unique: &name, ..record(1, &payload) };
        batch.insert(&long, None);
    });
    assert_eq!((&jobs[0].function, &jobs[0].unique), (&name, &name));
    assert!(jobs[0].payload[..] == payload[..]);
}

fn priority_due_time_attempts_reducer_and_submission_survive(place: &dyn Place) {
    let later = UnixSeconds(40_000_000_000);
    let jobs = written(place, |batch| {
        for priority in 0..3 {
            let number = 1 + u64::from(priority);
            let attempts = u32::from(priority) * 70_000;
            let due = (priority == 2).then_some(later);
            let job = NewRecord { priority, attempts, due, ..record(number, b"x") };
            batch.insert(&job, None);
        }
    });
    let found: Vec<_> = jobs.iter().map(|job| (job.priority, job.attempts, job.due)).collect();
    assert_eq!(found, [(0, 0, None), (1, 70_000, None), (2, 140_000, Some(later))]);
    assert!(jobs.iter().all(|job| job.submitted == Some(UnixSeconds(5))));
}

fn jobs_come_back_in_the_order_of_their_numbers(place: &dyn Place) {
    let order = [5, 100, 101, 1 << 20, (1 << 40) - 1];
    let mut store = open(place);
    for number in order {
        apply(&mut *store, |batch| batch.insert(&record(number, b"x"), None));
    }
    drop(store);
    assert_eq!(numbers(&all_jobs(&mut *open(place))), order);
}

fn jobs_without_unique_and_with_the_same_one_are_kept_apart(place: &dyn Place) {
    let uniques: [&[u8]; 8] = [b"", b"", b"-", b"-", b"u", b"u", b"a-b", b"b"];
    let functions: [&[u8]; 8] = [b"f", b"f", b"f", b"f", b"f", b"g", b"f", b"f-a"];
    let jobs = written(place, |batch| {
        for (number, (unique, function)) in (1..).zip(uniques.iter().zip(functions)) {
            batch.insert(&NewRecord { unique, function, ..record(number, b"x") }, None);
        }
    });
    let found: Vec<_> = jobs.iter().map(|job| (&job.function[..], &job.unique[..])).collect();
    let wanted: Vec<_> = functions.into_iter().zip(uniques).collect();
    assert_eq!(found, wanted);
}

fn a_removed_job_is_gone_and_its_number_stays_used(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| (41..=42).for_each(|n| batch.insert(&record(n, b"x"), None)));
    apply(&mut *store, |batch| batch.delete(JobNumber(42)));
    drop(store);
    let mut store = open(place);
    assert_eq!(store.last_number(), JobNumber(42));
    assert_eq!(numbers(&all_jobs(&mut *store)), [41]);
}

fn removing_what_is_not_there_is_no_error(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| {
        batch.delete(JobNumber(1000));
        batch.set_attempts(JobNumber(1001), 3);
    });
    apply(&mut *store, |_| {});
    store.probe().expect("takes jobs");
    drop(store);
    assert_eq!(all_jobs(&mut *open(place)), []);
}

fn reserved_numbers_stay_reserved(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| batch.reserve_numbers(JobNumber(65_536)));
    apply(&mut *store, |batch| batch.reserve_numbers(JobNumber(500)));
    drop(store);
    assert_eq!(open(place).last_number(), JobNumber(65_536));
}

fn attempts_are_those_that_were_set_last(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| (1..=3).for_each(|n| batch.insert(&record(n, b"x"), None)));
    apply(&mut *store, |batch| {
        batch.set_attempts(JobNumber(1), 1);
        batch.set_attempts(JobNumber(1), 2);
        batch.set_attempts(JobNumber(3), 7);
    });
    drop(store);
    let jobs = all_jobs(&mut *open(place));
    assert_eq!(jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [2, 0, 7]);
}

fn an_insertion_is_not_carried_out_twice(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| batch.insert(&record(1, b"first"), None));
    let mut batch = Batch::default();
    batch.insert(&record(1, b"again"), None);
    batch.insert(&record(2, b"other"), None);
    // A store may report the row or leave it silently as it is.
    store.apply(&batch).expect("commits");
    let jobs = store.fetch(&[JobNumber(1), JobNumber(2)]).expect("reads");
    let payloads: Vec<_> = jobs.iter().flatten().map(|job| &job.payload[..]).collect();
    assert_eq!(payloads, [&b"first"[..], b"other"]);
}

fn operations_of_one_job_in_a_batch_act_in_their_order(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| {
        batch.insert(&record(1, b"x"), None);
        batch.insert(&record(2, b"x"), None);
        batch.set_attempts(JobNumber(1), 4);
        batch.delete(JobNumber(2));
    });
    drop(store);
    let mut store = open(place);
    let jobs = all_jobs(&mut *store);
    assert_eq!((numbers(&jobs), jobs[0].attempts), (vec![1], 4));
    assert_eq!(store.last_number(), JobNumber(2));
}

fn thousands_of_jobs_are_written_and_removed_in_one_batch(place: &dyn Place) {
    const COUNT: u64 = 5000;
    let mut store = open(place);
    apply(&mut *store, |batch| {
        (1..=COUNT).for_each(|n| batch.insert(&record(n, &n.to_le_bytes()), None));
    });
    let all: Vec<_> = (1..=COUNT).map(JobNumber).collect();
    let jobs = store.fetch(&all).expect("reads");
    let is_whole = |job: &StoredJob| job.payload[..] == job.number.0.to_le_bytes();
    assert!(jobs.iter().all(|job| job.as_ref().is_some_and(is_whole)));
    apply(&mut *store, |batch| all.iter().skip(1).for_each(|&number| batch.delete(number)));
    drop(store);
    assert_eq!(numbers(&all_jobs(&mut *open(place))), [1]);
}

fn a_survey_reads_what_was_there_at_the_start_in_parts(place: &dyn Place) {
    apply(&mut *open(place), |batch| {
        batch.insert(&record(1, b"x"), None);
        let due = Some(UnixSeconds(40_000_000_000));
        batch.insert(&NewRecord { unique: b"", priority: 0, due, ..record(2, b"") }, None);
        batch.insert(&NewRecord { unique: b"-", function: b"g", ..record(3, b"x") }, None);
    });
    let mut store = open(place);
    let page = store.survey(2).expect("a page");
    apply(&mut *store, |batch| batch.insert(&record(1 << 20, b"new"), None));
    let rest = store.survey(2).expect("a page");
    assert!(!page.is_last && rest.is_last);
    let found: Vec<_> = [&page, &rest]
        .into_iter()
        .flat_map(|page| page.jobs.iter().map(|job| (job, &page.functions)))
        .map(|(job, functions)| {
            (job.number.0, &functions[job.function as usize][..], job.priority, job.due, job.unique)
        })
        .collect();
    let known = SurveyedUnique::Fingerprint(fingerprint(b"u"));
    let due = Some(UnixSeconds(40_000_000_000));
    assert_eq!(
        found,
        [
            (1, &b"resize"[..], 1, None, known),
            (2, &b"resize"[..], 0, due, SurveyedUnique::None),
            (3, &b"g"[..], 1, None, SurveyedUnique::Payload),
        ]
    );
}

fn a_fetch_answers_in_the_order_of_its_numbers(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| {
        batch.insert(&record(1, b"one"), None);
        batch.insert(&record(2, b"two"), None);
    });
    let jobs = store.fetch(&[2, 7, 1].map(JobNumber)).expect("reads");
    let payloads: Vec<_> =
        jobs.iter().map(|job| job.as_ref().map(|job| &job.payload[..])).collect();
    assert_eq!(payloads, [Some(&b"two"[..]), None, Some(&b"one"[..])]);
    assert_eq!(store.fetch(&[]), Ok(vec![]));
}

/// The committer divides a batch that has a row that cannot be stored.
fn what_a_divided_batch_leaves_is_what_the_whole_leaves(place: &dyn Place) {
    let mut batch = Batch::default();
    for number in 1..=64 {
        batch.insert(&record(number, b"x"), None);
        if number % 3 == 0 {
            batch.delete(JobNumber(number - 1));
        }
        if number % 5 == 0 {
            batch.set_attempts(JobNumber(number - 4), 9);
        }
    }
    apply(&mut *open(place), |whole| *whole = batch.slice(0..batch.len()));
    let whole = all_jobs(&mut *open(place));
    place.empty();
    let mut store = open(place);
    let mut begin = 0;
    for end in [1, 2, 30, 31, batch.len()] {
        apply(&mut *store, |part| *part = batch.slice(begin..end));
        begin = end;
    }
    drop(store);
    assert_eq!(all_jobs(&mut *open(place)), whole);
}

fn a_second_server_is_refused_by_name_until_the_first_ends(place: &dyn Place) {
    let first = open(place);
    let error = place.open().err().expect("refused").to_string();
    let process = format!("process {}", std::process::id());
    assert!(error.contains("in use by another gearmand") && error.contains(&process), "{error}");
    drop(first);
    open(place);
}

fn a_store_goes_on_after_it_was_opened_again(place: &dyn Place) {
    let mut store = open(place);
    apply(&mut *store, |batch| batch.insert(&record(1, b"x"), None));
    store.reopen().expect("opens");
    apply(&mut *store, |batch| batch.insert(&record(2, b"y"), None));
    drop(store);
    assert_eq!(numbers(&all_jobs(&mut *open(place))), [1, 2]);
}
