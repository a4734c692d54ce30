//! Servers that keep workers waiting: late answers, no answers, results that
//! are not read; and forks.

use crate::worker::{Code, Worker};
use crate::{for_each_at_once, never_hangs};
use gearman_test_support::scripted::job_server::{Server, closed_port};
use gearman_test_support::scripted::packets::*;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// The time limit of these workers, in milliseconds.
const LIMIT: i32 = 60;

fn job() -> Vec<u8> {
    assign_uniq(HANDLE, b"f", b"unique", b"workload")
}

/// Gives a job in two parts, the second one when the barrier is passed.
fn in_two_parts(cut: usize, go_on: &Arc<Barrier>) -> Server {
    let go_on = go_on.clone();
    Server::first(move |mut peer| {
        if peer.next_grab().is_some() {
            peer.send(&job()[..cut]);
            go_on.wait();
            peer.send(&job()[cut..]);
            peer.serve();
        }
    })
}

fn commands(server: &Server) -> Vec<Command> {
    server.asked().iter().map(|request| request.command).collect()
}

#[test]
fn a_job_split_at_any_byte_by_more_than_the_timeout_is_done_once() {
    never_hangs(|| {
        for_each_at_once(0..job().len(), |cut| {
            let go_on = Arc::new(Barrier::new(2));
            let server = in_two_parts(cut, &go_on);
            let mut worker = Worker::of(&[server.port]);
            worker.set_timeout(LIMIT);
            assert_eq!(worker.work(), Code::TIMEOUT, "split at {cut}");
            assert_eq!(worker.work(), Code::TIMEOUT, "split at {cut}");
            go_on.wait();
            worker.set_timeout(30_000);
            assert_eq!(worker.work(), Code::SUCCESS, "split at {cut}: {}", worker.error());
            worker.assert_usable();
            assert_eq!(worker.times_seen(HANDLE), 1, "split at {cut}");
            let asked = commands(&server);
            let wanted = [Command::GrabJobAll, Command::WorkComplete, Command::GrabJobAll];
            assert_eq!(asked[..3], wanted, "split at {cut}");
        });
    });
}

#[test]
fn a_job_that_arrives_slowly_does_not_delay_another_server() {
    never_hangs(|| {
        for_each_at_once((0..job().len()).step_by(5), |cut| {
            let go_on = Arc::new(Barrier::new(2));
            let slow = in_two_parts(cut, &go_on);
            let right = Server::correct();
            let mut worker = Worker::of(&[right.port, slow.port]);
            worker.assert_usable();
            assert_eq!(worker.times_seen(HANDLE), 0);
            go_on.wait();
            // Until the rest arrives, the worker asks the other server.
            while worker.times_seen(HANDLE) == 0 {
                assert_eq!(worker.work(), Code::SUCCESS, "{}", worker.error());
            }
            worker.assert_usable();
            assert_eq!(worker.times_seen(HANDLE), 1, "split at {cut}");
            while slow.results().is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(slow.results()[0], (HANDLE.to_vec(), b"workload".to_vec()));
        });
    });
}

#[test]
fn a_question_in_the_middle_of_a_job_leaves_the_job_whole() {
    never_hangs(|| {
        for_each_at_once(0..job().len(), |cut| {
            let server = Server::first(move |mut peer| {
                if peer.next_grab().is_none() {
                    return;
                }
                peer.send(&job()[..cut]);
                let Some(question) = peer.receive() else { return };
                peer.send(&job()[cut..]);
                let answer = peer.correct_answer(&question);
                peer.send(&answer);
                peer.serve();
            });
            let mut worker = Worker::of(&[server.port]);
            worker.set_timeout(LIMIT);
            assert_eq!(worker.work(), Code::TIMEOUT, "split at {cut}");
            worker.set_timeout(30_000);
            assert_eq!(worker.echo(b"are you there"), Code::SUCCESS, "{}", worker.error());
            assert_eq!(worker.work(), Code::SUCCESS, "split at {cut}: {}", worker.error());
            assert_eq!(worker.times_seen(HANDLE), 1, "split at {cut}");
            worker.assert_usable();
        });
    });
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    never_hangs(|| {
        let silent = Server::new(|mut peer| peer.wait_for_disconnect());
        let mut worker = Worker::of(&[silent.port]);
        worker.set_timeout(LIMIT);
        assert_eq!(worker.work(), Code::TIMEOUT);
        assert_eq!(worker.grab(), Err(Code::TIMEOUT));
        assert_eq!(worker.echo(b"hello"), Code::TIMEOUT);
        assert_eq!(worker.work(), Code::TIMEOUT);
    });
}

#[test]
fn a_server_that_never_answers_does_not_delay_another_one() {
    never_hangs(|| {
        let silent = Server::new(|mut peer| peer.wait_for_disconnect());
        let right = Server::correct();
        for ports in [[silent.port, right.port], [right.port, silent.port]] {
            Worker::of(&ports).assert_usable();
        }
    });
}

#[test]
fn an_unreachable_server_does_not_delay_another_one() {
    never_hangs(|| {
        let right = Server::correct();
        for ports in [[closed_port(), right.port], [right.port, closed_port()]] {
            Worker::of(&ports).assert_usable();
        }
    });
}

#[test]
fn a_server_that_keeps_saying_noop_does_not_prevent_a_timeout() {
    never_hangs(|| {
        let server = Server::new(|mut peer| {
            while let Some(request) = peer.receive() {
                if request.is_grab() {
                    peer.send(&all(&[noop(), no_job()]));
                } else if request.command == Command::PreSleep {
                    peer.send(&noop());
                }
            }
        });
        let mut worker = Worker::of(&[server.port]);
        worker.set_timeout(LIMIT);
        let begun = Instant::now();
        assert_eq!(worker.work(), Code::TIMEOUT);
        assert!(begun.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_large_result_waits_for_a_server_that_is_slow_to_read_beyond_the_timeout() {
    never_hangs(|| {
        let server = Server::first(|mut peer| {
            if peer.next_grab().is_some() {
                peer.send(&job());
                // Slow to read.
                std::thread::sleep(Duration::from_millis(5 * LIMIT as u64));
                peer.serve();
            }
        });
        let mut worker = Worker::of(&[server.port]);
        worker.set_timeout(LIMIT);
        let result = vec![b'r'; 32 << 20];
        worker.set_result(result.clone());
        let code = loop {
            match worker.work() {
                // The job itself may arrive late.
                Code::TIMEOUT if worker.seen().is_empty() => {}
                code => break code,
            }
        };
        assert_eq!(code, Code::SUCCESS, "{}", worker.error());
        worker.set_result(b"small".to_vec());
        worker.assert_usable();
        assert!(server.results()[0] == (HANDLE.to_vec(), result), "another result");
    });
}

#[test]
fn a_worker_freed_in_a_forked_child_does_not_disturb_its_parent() {
    never_hangs(|| {
        let server = Server::correct();
        let mut worker = Worker::of(&[server.port]);
        worker.assert_usable();
        // SAFETY: the child calls nothing but the library, and exits at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(worker);
            // SAFETY: no destructors of the parent's run.
            unsafe { libc::_exit(0) };
        }
        let mut status = -1;
        // SAFETY: a child of ours, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        worker.assert_usable();
        assert_eq!(server.connections(), 1);
        assert!(worker.seen().iter().all(|seen| seen.handle.starts_with("H:right:0.")));
    });
}
