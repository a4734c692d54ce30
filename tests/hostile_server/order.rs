//! Servers that send valid packets at the wrong time: too early, twice, for unknown jobs, or
//! interleaved.

use crate::client::{Client, Code, Event};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;

/// Packets that no client asks for, or that are for a job it does not know.
fn for_unknown_jobs() -> Vec<(&'static str, Vec<u8>)> {
    const OTHER: &[u8] = b"H:other:9";
    vec![
        ("NOOP", packet(Command::Noop, &[], b"")),
        ("NO_JOB", packet(Command::NoJob, &[], b"")),
        ("JOB_ASSIGN", packet(Command::JobAssign, &[OTHER, b"f"], b"workload")),
        ("JOB_ASSIGN_UNIQ", packet(Command::JobAssignUniq, &[OTHER, b"f", b"u"], b"workload")),
        ("WORK_DATA", data(OTHER, b"data")),
        ("WORK_WARNING", warning(OTHER, b"warning")),
        ("WORK_STATUS", work_status(OTHER, b"1", b"2")),
        ("WORK_COMPLETE", complete(OTHER, b"result")),
        ("WORK_EXCEPTION", exception(OTHER, b"text")),
        ("WORK_FAIL", fail(OTHER)),
        ("WORK_FAIL without a handle", misfit(Command::WorkFail, b"")),
        ("WORK_DATA with an empty handle", data(b"", b"data")),
        ("a large WORK_DATA", data(OTHER, &[b'x'; 100_000])),
    ]
}

#[track_caller]
fn assert_succeeds(operation: Operation, name: &str, bytes: Vec<u8>) {
    let server = Server::answering(bytes);
    let mut client = Client::of(&[server.port]);
    let code = operation.run(&mut client);
    assert_eq!(code, Code::SUCCESS, "{operation:?} with {name}: {}", client.error());
    client.assert_usable();
}

#[test]
fn packets_of_unknown_jobs_before_the_answer_are_skipped() {
    never_hangs(|| {
        for operation in Operation::ALL {
            for (name, noise) in for_unknown_jobs() {
                assert_succeeds(operation, name, all(&[noise, operation.answer()]));
            }
        }
    });
}

#[test]
fn packets_of_unknown_jobs_after_the_answer_are_skipped() {
    never_hangs(|| {
        for operation in Operation::ALL {
            for (name, noise) in for_unknown_jobs() {
                assert_succeeds(operation, name, all(&[operation.answer(), noise]));
            }
        }
    });
}

#[test]
fn packets_of_unknown_jobs_between_those_of_a_job_are_skipped() {
    never_hangs(|| {
        for operation in Operation::FOREGROUND {
            for (name, noise) in for_unknown_jobs() {
                let bytes = all(&[
                    created(HANDLE),
                    noise.clone(),
                    data(HANDLE, b"half "),
                    noise,
                    complete(HANDLE, b"done"),
                ]);
                assert_succeeds(operation, name, bytes);
            }
        }
    });
}

/// The answers to other questions than the one that is asked.
fn answers_to_others(asked: Operation) -> Vec<(&'static str, Vec<u8>)> {
    use Operation::*;
    let mut answers = Vec::new();
    if matches!(asked, StatusTask | JobStatus | UniqueStatus | Echo | ServerOption | CancelJob) {
        answers.push(("JOB_CREATED", created(b"H:other:9")));
    }
    if !matches!(asked, StatusTask | JobStatus | UniqueStatus) {
        answers.push(("STATUS_RES", status(b"H:other:9")));
        answers.push(("STATUS_RES_UNIQUE", unique_status(b"other")));
    }
    if asked != Echo {
        answers.push(("ECHO_RES", echo(b"other")));
        answers.push(("a large ECHO_RES", echo(&[b'x'; 100_000])));
    }
    if asked != ServerOption {
        answers.push(("OPTION_RES", option(b"exceptions")));
    }
    answers
}

#[test]
fn the_answer_to_another_question_is_skipped() {
    never_hangs(|| {
        for operation in Operation::ALL {
            for (name, other) in answers_to_others(operation) {
                assert_succeeds(operation, name, all(&[other, operation.answer()]));
            }
        }
    });
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    never_hangs(|| {
        for operation in Operation::ALL {
            // A second line of text could not be told from garbage.
            if operation != Operation::CancelJob {
                let twice = all(&[operation.answer(), operation.answer()]);
                assert_succeeds(operation, "a second answer", twice);
            }
        }
    });
}

#[test]
fn what_follows_the_end_of_a_job_is_skipped() {
    never_hangs(|| {
        let after = [
            complete(HANDLE, b"again"),
            fail(HANDLE),
            exception(HANDLE, b"text"),
            data(HANDLE, b"more"),
            warning(HANDLE, b"more"),
            work_status(HANDLE, b"9", b"9"),
            created(HANDLE),
        ];
        for operation in Operation::FOREGROUND {
            for packet in &after {
                let bytes = all(&[operation.answer(), packet.clone()]);
                assert_succeeds(operation, "a late packet", bytes);
            }
        }
    });
}

#[test]
fn a_second_job_created_in_the_middle_of_a_job_changes_nothing() {
    never_hangs(|| {
        for operation in Operation::FOREGROUND {
            for handle in [HANDLE, b"H:other:9"] {
                let bytes = all(&[
                    created(HANDLE),
                    created(handle),
                    data(HANDLE, b"half "),
                    created(handle),
                    complete(HANDLE, b"done"),
                ]);
                assert_succeeds(operation, "a second JOB_CREATED", bytes);
            }
        }
    });
}

#[test]
fn a_result_before_job_created_is_skipped() {
    never_hangs(|| {
        for operation in Operation::FOREGROUND {
            let bytes = all(&[complete(HANDLE, b"too early"), operation.answer()]);
            assert_succeeds(operation, "an early result", bytes);
        }
    });
}

#[test]
fn a_job_whose_only_result_came_before_job_created_times_out() {
    never_hangs(|| {
        for operation in Operation::FOREGROUND {
            let server = Server::answering(all(&[complete(HANDLE, b"early"), created(HANDLE)]));
            let mut client = Client::of(&[server.port]);
            client.set_timeout(200);
            assert_eq!(operation.run(&mut client), Code::TIMEOUT, "{operation:?}");
            client.assert_usable();
        }
    });
}

/// Two jobs on one connection, answered with `bytes` once both have been asked.
fn two_jobs(bytes: Vec<u8>) -> (Vec<Event>, Vec<Event>) {
    let server = Server::first(move |mut peer| {
        if peer.receive().is_some() && peer.receive().is_some() {
            peer.send(&bytes);
            peer.serve();
        }
    });
    let mut client = Client::of(&[server.port]);
    let (first, second) = (client.add(b"first"), client.add(b"second"));
    assert_eq!(client.run_tasks(), Code::SUCCESS, "{}", client.error());
    client.assert_usable();
    (first.events().to_vec(), second.events().to_vec())
}

const A: &[u8] = b"H:scripted:1";
const B: &[u8] = b"H:scripted:11";

fn was_created(handle: &[u8]) -> Event {
    Event::Created(String::from_utf8(handle.to_vec()).unwrap())
}

#[test]
fn the_results_of_two_jobs_can_be_interleaved() {
    never_hangs(|| {
        let (first, second) = two_jobs(all(&[
            created(A),
            created(B),
            data(B, b"b1"),
            data(A, b"a1"),
            work_status(B, b"1", b"2"),
            data(B, b"b2"),
            warning(A, b"a2"),
            complete(B, b"b3"),
            complete(A, b"a3"),
        ]));
        let a = [
            was_created(A),
            Event::Data(b"a1".to_vec()),
            Event::Warning(b"a2".to_vec()),
            Event::Complete(b"a3".to_vec()),
        ];
        let b = [
            was_created(B),
            Event::Data(b"b1".to_vec()),
            Event::Status(1, 2),
            Event::Data(b"b2".to_vec()),
            Event::Complete(b"b3".to_vec()),
        ];
        assert_eq!((&first[..], &second[..]), (&a[..], &b[..]));
    });
}

#[test]
fn a_job_can_be_done_before_the_next_one_is_created() {
    never_hangs(|| {
        let (first, second) =
            two_jobs(all(&[created(A), complete(A, b"a"), created(B), complete(B, b"b")]));
        assert_eq!(first, [was_created(A), Event::Complete(b"a".to_vec())]);
        assert_eq!(second, [was_created(B), Event::Complete(b"b".to_vec())]);
    });
}

#[test]
fn jobs_that_share_a_handle_are_both_finished() {
    // What a server does with two submissions of one unique id.
    never_hangs(|| {
        let (first, second) = two_jobs(all(&[
            created(A),
            created(A),
            complete(A, b"result"),
            complete(A, b"result"),
        ]));
        assert_eq!(first, [was_created(A), Event::Complete(b"result".to_vec())]);
        assert_eq!(second, first);
    });
}

#[test]
fn large_results_of_two_jobs_can_be_interleaved() {
    never_hangs(|| {
        let (a, b) = (vec![b'a'; 300_000], vec![b'b'; 200_000]);
        let (first, second) = two_jobs(all(&[
            created(A),
            created(B),
            data(A, &a),
            data(B, &b),
            data(A, &a),
            complete(B, &b),
            complete(A, &a),
        ]));
        let a =
            [was_created(A), Event::Data(a.clone()), Event::Data(a.clone()), Event::Complete(a)];
        let b = [was_created(B), Event::Data(b.clone()), Event::Complete(b)];
        assert!(first == a, "the first job's events differ");
        assert!(second == b, "the second job's events differ");
    });
}
