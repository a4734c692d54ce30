//! Random work with failed commits and crashes.

use super::*;

/// Random submissions, work, commits, failed commits and crashes. After each crash the store has
/// every acknowledged job that was not completed, and no job whose end was committed.
#[test]
fn no_acknowledged_job_is_lost_and_no_completed_one_comes_back() {
    (0..60).for_each(check_crashes);
}

/// In a build of its own: `cargo test -p gearman-broker --features defects`.
#[cfg(feature = "defects")]
#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    use crate::defects::{Defect, activate};
    let found = (0..60).find(|&seed| {
        activate(Some(Defect::AcknowledgedBeforeCommit));
        let outcome = std::panic::catch_unwind(|| check_crashes(seed));
        activate(None);
        outcome.is_err()
    });
    println!("found with seed {}", found.expect("a seed with which a job is lost"));
}

fn check_crashes(seed: u64) {
    let mut random = Random(seed);
    let memory_bytes_max = random.pick(&[500, 3000, 1 << 30]);
    let mut durable = Durable::new(DurableConfig { memory_bytes_max, ..settings() });
    durable.survey();
    let mut acknowledged = std::collections::BTreeSet::new();
    let mut submitted = 0;
    for _ in 0..120 {
        random_step(&mut random, &mut durable, &mut acknowledged, &mut submitted);
    }
    durable.restart();
    let left: std::collections::BTreeSet<String> =
        ["f", "g"].iter().flat_map(|function| durable.work(function)).collect();
    let lost: Vec<_> = acknowledged.difference(&left).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert_eq!(durable.medium.numbers(), [0; 0], "seed {seed}");
}

fn random_step(
    random: &mut Random,
    durable: &mut Durable,
    acknowledged: &mut std::collections::BTreeSet<String>,
    submitted: &mut u32,
) {
    let function = random.pick(&["f", "g"]);
    match random.below(12) {
        0..6 => {
            *submitted += 1;
            let payload = format!("p{submitted}");
            let command = random.pick(&[BG, Command::SubmitJobHighBg, Command::SubmitJobLowBg]);
            let unique = random.pick(&["", "", &payload]).to_owned();
            let fails = random.one_in(8);
            if fails {
                let error = StoreError::NotCommitted("full".to_owned());
                durable.medium.plan([Some(StoreFault::Refused(error))]);
            }
            let client = durable.world.connect();
            durable.world.send(client, command, &[function, &unique, &payload]);
            durable.commit();
            let created = durable.world.mail(client)[0].starts_with("JOB_CREATED");
            assert_eq!(created, !fails);
            if created {
                acknowledged.insert(payload);
            }
            durable.world.disconnect(client);
        }
        6 => {
            for payload in durable.work(function) {
                assert!(acknowledged.remove(&payload), "{payload} ran again or was never accepted");
            }
        }
        7 => durable.restart(),
        8 => {
            // A worker that is lost with its job.
            let worker = durable.world.worker(&[function]);
            durable.fetch();
            durable.world.ask(worker, Command::GrabJob, &[]);
            durable.world.disconnect(worker);
            durable.commit();
        }
        9 => {
            // A submission that is not committed before the crash.
            let client = durable.world.connect();
            *submitted += 1;
            let payload = format!("p{submitted}");
            durable.world.send(client, BG, &[function, "", &payload]);
            if !durable.world.mail(client).is_empty() {
                acknowledged.insert(payload);
            }
            durable.restart();
        }
        _ => durable.world.pass(1000),
    }
}
