//! Servers that workers lose: closed and reset at every byte, and while a result
//! is being sent.

use crate::worker::{Code, Worker};
use crate::{for_each_at_once, never_hangs};
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;
use std::sync::{Arc, Barrier};

fn job() -> Vec<u8> {
    assign_uniq(HANDLE, b"f", b"unique", b"workload")
}

/// The first connection answers the first grab with part of a job and ends.
fn ending_after(cut: usize, reset: bool) -> Server {
    Server::first(move |mut peer| {
        if peer.next_grab().is_some() {
            peer.send(&job()[..cut]);
            if reset {
                peer.reset();
            }
        }
    })
}

#[test]
fn a_job_whose_connection_ends_at_any_byte_of_it_is_not_begun() {
    for reset in [false, true] {
        never_hangs(move || {
            for_each_at_once(0..job().len(), |cut| {
                let server = ending_after(cut, reset);
                let mut worker = Worker::of(&[server.port]);
                worker.set_timeout(30_000);
                let code = worker.work();
                assert_eq!(code, Code::SUCCESS, "ended after {cut} bytes: {}", worker.error());
                assert_eq!(worker.times_seen(HANDLE), 0, "ended after {cut} bytes");
                assert_eq!(worker.seen()[0].workload, b"right work");
                worker.assert_usable();
            });
        });
    }
}

#[test]
fn a_connection_that_ends_before_no_job_is_whole_is_made_again() {
    never_hangs(|| {
        for_each_at_once(0..no_job().len(), |cut| {
            let server = Server::first(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send(&no_job()[..cut]);
                }
            });
            let mut worker = Worker::of(&[server.port]);
            worker.assert_usable();
        });
    });
}

#[test]
fn a_connection_that_ends_while_the_worker_sleeps_is_made_again() {
    never_hangs(|| {
        for reset in [false, true] {
            let server = Server::first(move |mut peer| {
                while let Some(request) = peer.receive() {
                    if request.is_grab() {
                        peer.send(&no_job());
                    } else if request.command == Command::PreSleep {
                        break;
                    }
                }
                if reset {
                    peer.reset();
                }
            });
            let mut worker = Worker::of(&[server.port]);
            worker.assert_usable();
        }
    });
}

#[test]
fn when_a_server_ends_the_next_one_gives_the_job() {
    never_hangs(|| {
        let right = Server::correct();
        let ending = ending_after(7, false);
        let mut worker = Worker::of(&[right.port, ending.port]);
        worker.assert_usable();
        drop(ending);
        worker.assert_usable();
    });
}

#[test]
fn a_job_whose_connection_ends_while_it_runs_cannot_be_reported() {
    never_hangs(|| {
        let gate = Arc::new(Barrier::new(2));
        let server = {
            let gate = gate.clone();
            Server::first(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send(&job());
                    gate.wait();
                    peer.reset();
                    gate.wait();
                }
            })
        };
        let mut worker = Worker::of(&[server.port]);
        worker.set_gate(&gate);
        assert_eq!(worker.work(), Code::LOST_CONNECTION, "{}", worker.error());
        worker.assert_usable();
        assert_eq!(worker.times_seen(HANDLE), 1);
        assert!(server.results().iter().all(|(handle, _)| handle != HANDLE));
    });
}

#[test]
fn a_connection_that_ends_while_a_large_result_is_sent_is_lost() {
    never_hangs(|| {
        for reset in [false, true] {
            let server = Server::first(move |mut peer| {
                if peer.next_grab().is_some() {
                    peer.send(&job());
                    peer.receive_some();
                    if reset {
                        peer.reset();
                    }
                }
            });
            let mut worker = Worker::of(&[server.port]);
            worker.set_result(vec![b'r'; 32 << 20]);
            assert_eq!(worker.work(), Code::LOST_CONNECTION, "{}", worker.error());
            worker.set_result(b"small".to_vec());
            worker.assert_usable();
            assert_eq!(worker.times_seen(HANDLE), 1);
        }
    });
}

#[test]
fn a_declared_workload_of_4_gib_that_never_comes_is_no_job() {
    never_hangs(|| {
        let mut payload = HANDLE.to_vec();
        payload.extend_from_slice(b"\0f\0unique\0and no more");
        let huge = raw(Command::JobAssignUniq.number(), u32::MAX - 1, &payload);
        let server = Server::first(move |mut peer| {
            if peer.next_grab().is_some() {
                peer.send(&huge);
            }
        });
        let mut worker = Worker::of(&[server.port]);
        worker.assert_usable();
        assert_eq!(worker.times_seen(HANDLE), 0);
    });
}
