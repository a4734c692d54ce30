//! Servers that answer workers in pieces, in the wrong order, or with invalid packets.

use crate::never_hangs;
use crate::worker::{Code, Seen, Worker};
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;

const WORKLOAD: &[u8] = b"work to\0do";

/// The three ways of giving the same job.
fn assignments() -> [Vec<u8>; 3] {
    [
        assign(HANDLE, b"f", WORKLOAD),
        assign_uniq(HANDLE, b"f", b"unique", WORKLOAD),
        packet(Command::JobAssignAll, &[HANDLE, b"f", b"unique", b""], WORKLOAD),
    ]
}

/// Answers the first request for a job with `bytes`, and all others correctly.
fn answering(bytes: Vec<u8>) -> Server {
    Server::first(move |mut peer| {
        if peer.next_grab().is_some() {
            peer.send(&bytes);
            peer.serve();
        }
    })
}

#[track_caller]
fn assert_done_once(server: &Server, worker: &Worker) {
    let results = server.results();
    let of_it: Vec<_> = results.iter().filter(|(handle, _)| handle == HANDLE).collect();
    assert_eq!(of_it, [&(HANDLE.to_vec(), WORKLOAD.to_vec())]);
    assert_eq!(worker.times_seen(HANDLE), 1);
}

#[test]
fn a_job_that_comes_byte_by_byte_is_done() {
    never_hangs(|| {
        for blocking in [true, false] {
            for (number, bytes) in assignments().into_iter().enumerate() {
                let server = Server::new(move |mut peer| {
                    if peer.next_grab().is_some() {
                        peer.send_byte_by_byte(&bytes);
                        peer.serve();
                    }
                });
                let mut worker = Worker::of(&[server.port]);
                let code = if blocking {
                    worker.work()
                } else {
                    worker.set_non_blocking();
                    worker.work_and_wait()
                };
                assert_eq!(code, Code::SUCCESS, "{}", worker.error());
                let unique = if number == 0 { "" } else { "unique" };
                let handle = String::from_utf8(HANDLE.to_vec()).unwrap();
                let seen = Seen { handle, unique: unique.to_owned(), workload: WORKLOAD.to_vec() };
                assert_eq!(worker.seen(), [seen]);
                if blocking {
                    worker.assert_usable();
                    assert_done_once(&server, &worker);
                }
            }
        }
    });
}

#[test]
fn a_grabbed_job_can_come_byte_by_byte() {
    never_hangs(|| {
        for bytes in assignments() {
            let server = Server::new(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send_byte_by_byte(&bytes);
                    peer.wait_for_disconnect();
                }
            });
            let mut worker = Worker::of(&[server.port]);
            let handle = String::from_utf8(HANDLE.to_vec()).unwrap();
            assert_eq!(worker.grab(), Ok((handle, WORKLOAD.to_vec())));
        }
    });
}

#[test]
fn wake_ups_at_any_moment_neither_lose_nor_repeat_a_job() {
    never_hangs(|| {
        let job = assign_uniq(HANDLE, b"f", b"unique", WORKLOAD);
        let answers = [
            ("before NO_JOB", all(&[noop(), no_job()])),
            ("twice before NO_JOB", all(&[noop(), noop(), no_job()])),
            ("after NO_JOB", all(&[no_job(), noop()])),
            ("around NO_JOB", all(&[noop(), no_job(), noop()])),
            ("before the job", all(&[noop(), job.clone()])),
            ("after the job", all(&[job.clone(), noop()])),
            ("around the job", all(&[noop(), job, noop(), noop()])),
        ];
        for (when, answer) in answers {
            let server = answering(answer);
            let mut worker = Worker::of(&[server.port]);
            worker.set_timeout(30_000);
            for done in 1..=4 {
                assert_eq!(worker.work(), Code::SUCCESS, "{when}: {}", worker.error());
                assert_eq!(worker.seen().len(), done, "{when}");
            }
            let mut handles: Vec<_> = worker.seen().iter().map(|seen| &seen.handle).collect();
            handles.dedup();
            assert_eq!(handles.len(), 4, "{when}: {handles:?}");
        }
    });
}

#[test]
fn a_job_after_a_wake_up_is_done() {
    never_hangs(|| {
        let server = Server::new(|mut peer| {
            let (mut asleep, mut asked) = (false, 0);
            while let Some(request) = peer.receive() {
                if request.command == Command::PreSleep {
                    asleep = true;
                    peer.send(&noop());
                } else if request.is_grab() {
                    asked += 1;
                    let job = assign_uniq(HANDLE, b"f", b"unique", WORKLOAD);
                    let answer = if asleep { job } else { no_job() };
                    peer.send(&answer);
                    assert!(asked < 10, "the worker does not sleep");
                }
            }
        });
        let mut worker = Worker::of(&[server.port]);
        assert_eq!(worker.work(), Code::SUCCESS, "{}", worker.error());
        assert_eq!(worker.times_seen(HANDLE), 1);
    });
}

#[test]
fn a_packet_that_no_worker_asks_for_is_unexpected_and_hides_no_job() {
    never_hangs(|| {
        let job = assign_uniq(HANDLE, b"f", b"unique", WORKLOAD);
        let noises = [
            created(b"H:1"),
            complete(b"H:1", b"result"),
            data(b"H:1", &[b'x'; 100_000]),
            fail(b"H:1"),
            status(b"H:1"),
            unique_status(b"u"),
            error(b"JOB_NOT_FOUND", b"Job given in work result not found"),
            misfit(Command::Error, b"JOB_NOT_FOUND"),
        ];
        for noise in noises {
            for bytes in [all(&[noise.clone(), job.clone()]), all(&[job.clone(), noise.clone()])] {
                let server = answering(bytes);
                let mut worker = Worker::of(&[server.port]);
                worker.set_timeout(30_000);
                let mut codes = Vec::new();
                while worker.seen().is_empty() {
                    codes.push(worker.work());
                }
                // A packet behind the job may still be under way.
                let unexpected = Code::UNEXPECTED_PACKET;
                assert!(matches!(codes[..], [Code::SUCCESS] | [_, Code::SUCCESS]), "{codes:?}");
                assert!(codes.len() == 1 || codes[0] == unexpected, "{codes:?}");
                if codes.len() == 1 {
                    assert_eq!(worker.work(), unexpected);
                }
                worker.assert_usable();
                assert_done_once(&server, &worker);
            }
        }
    });
}

#[test]
fn a_grab_that_is_refused_with_a_code_of_the_library_is_an_unexpected_packet() {
    never_hangs(|| {
        let server = answering(error(b"QUEUE_ERROR", b"text"));
        let mut worker = Worker::of(&[server.port]);
        assert_eq!(worker.work(), Code::UNEXPECTED_PACKET);
        worker.assert_usable();
    });
}

#[test]
fn a_grab_that_is_refused_with_another_code_is_asked_again_as_grab_job() {
    never_hangs(|| {
        for answer in [error(b"INVALID", b"text"), misfit(Command::Error, b"")] {
            let server = answering(answer);
            let mut worker = Worker::of(&[server.port]);
            assert_eq!(worker.work(), Code::SUCCESS);
            worker.assert_usable();
        }
    });
}

#[test]
fn an_invalid_packet_ends_the_connection_with_its_code() {
    never_hangs(|| {
        let nonsense = [
            (b"\0RSE\0\0\0\x0a\0\0\0\0".to_vec(), Code::INVALID_MAGIC),
            (b"OK\r\n".to_vec(), Code::INVALID_MAGIC),
            (vec![0; 12], Code::INVALID_MAGIC),
            (raw(43, 0, b""), Code::INVALID_COMMAND),
            (raw(u32::MAX, 0, b""), Code::INVALID_COMMAND),
            (raw(0, 0, b""), Code::INVALID_COMMAND),
            (raw(Command::JobAssign.number(), u32::MAX, b""), Code::INVALID_PACKET),
            (raw(Command::NoJob.number(), u32::MAX - 1, b""), Code::INVALID_PACKET),
            (raw(Command::JobAssignUniq.number(), 1 << 20, &[b'h'; 9000]), Code::INVALID_PACKET),
            (misfit(Command::JobAssign, b""), Code::INVALID_PACKET),
            (misfit(Command::JobAssign, b"H:1\0f"), Code::INVALID_PACKET),
            (misfit(Command::JobAssignUniq, b"H:1\0f\0u"), Code::INVALID_PACKET),
            (misfit(Command::JobAssignAll, b"H:1\0f\0u\0"), Code::INVALID_PACKET),
        ];
        for (bytes, code) in nonsense {
            let sent = bytes.clone();
            let server = Server::first(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send(&sent);
                    peer.wait_for_disconnect();
                }
            });
            let mut worker = Worker::of(&[server.port]);
            assert_eq!(
                worker.work(),
                code,
                "{:?}: {}",
                &bytes[..bytes.len().min(20)],
                worker.error()
            );
            worker.assert_usable();
        }
    });
}

#[test]
fn a_job_for_an_unknown_function_is_given_back() {
    never_hangs(|| {
        for name in [&b"g"[..], b"", &[b'f'; 2000]] {
            let job = assign_uniq(HANDLE, name, b"unique", WORKLOAD);
            let server = Server::first(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send(&job);
                    // The worker closes the connection, so that the job is free again.
                    assert!(peer.receive().is_none());
                }
            });
            let mut worker = Worker::of(&[server.port]);
            assert_eq!(worker.work(), Code::INVALID_FUNCTION_NAME, "{}", worker.error());
            worker.assert_usable();
            assert_eq!(worker.times_seen(HANDLE), 0);
        }
    });
}

#[test]
fn a_job_with_empty_texts_and_no_workload_is_done() {
    never_hangs(|| {
        let jobs =
            [(assign(b"", b"f", b""), ""), (assign_uniq(HANDLE, b"f", b"", b""), "H:scripted:1")];
        for (job, handle) in jobs {
            let server = answering(job);
            let mut worker = Worker::of(&[server.port]);
            assert_eq!(worker.work(), Code::SUCCESS, "{}", worker.error());
            let (unique, workload) = (String::new(), Vec::new());
            assert_eq!(worker.seen(), [Seen { handle: handle.to_owned(), unique, workload }]);
            worker.assert_usable();
        }
    });
}

#[test]
fn an_overlong_handle_comes_back_to_the_server_as_it_was() {
    never_hangs(|| {
        for size in [63, 64, 65, 500, 2000] {
            let handle = vec![b'h'; size];
            let server = answering(assign_uniq(&handle, b"f", b"unique", WORKLOAD));
            let mut worker = Worker::of(&[server.port]);
            assert_eq!(worker.work(), Code::SUCCESS, "{}", worker.error());
            worker.assert_usable();
            assert_eq!(server.results()[0], (handle, WORKLOAD.to_vec()), "{size} bytes");
        }
    });
}

#[test]
fn a_second_job_for_one_grab_is_not_done_twice() {
    never_hangs(|| {
        let job = assign_uniq(HANDLE, b"f", b"unique", WORKLOAD);
        let server = answering(all(&[job.clone(), job]));
        let mut worker = Worker::of(&[server.port]);
        worker.set_timeout(30_000);
        while worker.seen().len() < 3 {
            let code = worker.work();
            assert!(matches!(code, Code::SUCCESS | Code::UNEXPECTED_PACKET), "{code:?}");
        }
        assert_done_once(&server, &worker);
    });
}
