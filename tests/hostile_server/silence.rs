//! Servers that do not answer, do not read, do not accept, or do not run.

use crate::client::{Client, Code, Event};
use crate::operation::Operation;
use crate::{for_each_at_once, never_hangs};
use gearman_test_support::scripted::job_server::{Server, closed_port};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// The time limit of these clients, in milliseconds.
const LIMIT: i32 = 200;

/// Answers the first request only when the second one has arrived, and then both.
fn late(operation: Operation) -> Server {
    Server::first(move |mut peer| {
        if peer.receive().is_none() {
            return;
        }
        let Some(second) = peer.receive() else { return };
        let answer = peer.correct_answer(&second);
        peer.send(&operation.answer());
        peer.send(&answer);
        peer.serve();
    })
}

#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let server = late(operation);
            let mut client = Client::of(&[server.port]);
            client.set_timeout(LIMIT);
            assert_eq!(operation.run(&mut client), Code::TIMEOUT, "{operation:?}");
            client.assert_usable();
        }
    });
}

#[test]
fn a_server_that_stops_in_the_middle_of_its_answer_is_a_timeout() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let mut answer = operation.answer();
            let rest = answer.split_off(answer.len() - 1);
            let server = Server::first(move |mut peer| {
                if peer.receive().is_none() {
                    return;
                }
                peer.send(&answer);
                let Some(second) = peer.receive() else { return };
                peer.send(&rest);
                let answer = peer.correct_answer(&second);
                peer.send(&answer);
                peer.serve();
            });
            let mut client = Client::of(&[server.port]);
            client.set_timeout(LIMIT);
            assert_eq!(operation.run(&mut client), Code::TIMEOUT, "{operation:?}");
            client.assert_usable();
        }
    });
}

#[test]
fn a_timeout_of_zero_does_not_wait() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let server = Server::new(|mut peer| peer.wait_for_disconnect());
            let mut client = Client::of(&[server.port]);
            client.set_timeout(0);
            let begun = Instant::now();
            let code = operation.run(&mut client);
            assert_ne!(code, Code::SUCCESS, "{operation:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{operation:?} waits");
        }
    });
}

#[test]
fn a_server_that_does_not_accept_is_a_timeout() {
    // The kernel accepts for it, so the request is sent nevertheless.
    never_hangs(|| {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        for operation in Operation::ALL {
            let mut client = Client::of(&[port]);
            client.set_timeout(LIMIT);
            assert_eq!(operation.run(&mut client), Code::TIMEOUT, "{operation:?}");
        }
    });
}

/// A port whose queue of new connections is full: connecting to it hangs.
struct Full {
    port: u16,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn new() -> Full {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // SAFETY: a live socket; a queue of one.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let address = listener.local_addr().unwrap();
        let limit = Duration::from_millis(100);
        let connect = |address: SocketAddr| TcpStream::connect_timeout(&address, limit);
        let waiting = std::iter::from_fn(|| connect(address).ok()).collect();
        Full { port: address.port(), _listener: listener, _waiting: waiting }
    }
}

#[test]
fn connecting_takes_no_longer_than_the_timeout() {
    never_hangs(|| {
        let full = Full::new();
        for operation in Operation::ALL {
            let mut client = Client::of(&[full.port]);
            client.set_timeout(LIMIT);
            assert_eq!(operation.run(&mut client), Code::TIMEOUT, "{operation:?}");
        }
    });
}

/// Operations that go to one server, and so can go to another one.
const FOR_ONE_SERVER: [Operation; 11] = [
    Operation::Do,
    Operation::Background,
    Operation::RunTasks,
    Operation::RunTasksNonBlocking,
    Operation::StatusTask,
    Operation::JobStatus,
    Operation::UniqueStatus,
    Operation::Execute,
    Operation::ExecuteByPartition,
    Operation::StreamedWorkload,
    Operation::UnbufferedResult,
];

#[test]
fn when_connecting_takes_too_long_the_next_server_is_used() {
    never_hangs(|| {
        let full = Full::new();
        for_each_at_once(FOR_ONE_SERVER, |operation| {
            let server = Server::answering(operation.answer());
            let mut client = Client::of(&[server.port, full.port]);
            // The first server gets half of it.
            client.set_timeout(3000);
            let code = operation.run(&mut client);
            assert_eq!(code, Code::SUCCESS, "{operation:?}: {}", client.error());
        });
    });
}

#[test]
fn an_unreachable_server_is_could_not_connect() {
    never_hangs(|| {
        let port = closed_port();
        for operation in Operation::ALL {
            let mut client = Client::of(&[port]);
            for attempt in ["first", "second"] {
                let code = operation.run(&mut client);
                assert_eq!(code, Code::COULD_NOT_CONNECT, "{operation:?}, {attempt} attempt");
            }
        }
    });
}

#[test]
fn when_a_server_is_unreachable_the_next_one_is_used() {
    never_hangs(|| {
        for operation in FOR_ONE_SERVER {
            let server = Server::answering(operation.answer());
            let mut client = Client::of(&[server.port, closed_port()]);
            let code = operation.run(&mut client);
            assert_eq!(code, Code::SUCCESS, "{operation:?}: {}", client.error());
            client.assert_usable();
        }
    });
}

#[test]
fn a_connection_closed_as_soon_as_it_is_made_is_lost() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let server = Server::first(drop);
            let mut client = Client::of(&[server.port]);
            let code = operation.run(&mut client);
            assert_eq!(code, Code::LOST_CONNECTION, "{operation:?}");
            client.assert_usable();
        }
    });
}

#[test]
fn a_server_that_does_not_read_a_large_workload_does_not_stop_another() {
    for blocking in [true, false] {
        never_hangs(move || {
            let right = Server::correct();
            let unresponsive = Server::new(|mut peer| peer.wait_for_disconnect());
            let mut client = Client::of(&[right.port, unresponsive.port]);
            client.set_timeout(3000);
            let large = client.add(&vec![b'x'; 32 << 20]);
            let small: Vec<_> = (0..10).map(|_| client.add(b"small")).collect();
            let code = if blocking {
                client.run_tasks()
            } else {
                client.set_non_blocking();
                client.run_tasks_and_wait()
            };
            assert_eq!(code, Code::TIMEOUT);
            for task in &small {
                assert_eq!(task.events().last(), Some(&Event::Complete(b"small".to_vec())));
                assert_eq!(task.code(), Code::SUCCESS);
            }
            assert_eq!(large.events(), []);
        });
    }
}

#[test]
fn a_server_that_does_not_read_a_large_workload_is_a_timeout() {
    never_hangs(|| {
        let workload = vec![b'x'; 32 << 20];
        let unresponsive = Server::new(|mut peer| peer.wait_for_disconnect());
        let mut client = Client::of(&[unresponsive.port]);
        client.set_timeout(LIMIT);
        assert_eq!(client.job(&workload), Err(Code::TIMEOUT));
        assert_eq!(client.background(&workload), Err(Code::TIMEOUT));
        assert_eq!(client.echo(&workload), Code::TIMEOUT);
        assert_eq!(client.execute(&workload), Err(Code::TIMEOUT));
    });
}

#[test]
fn progress_on_another_connection_does_not_hide_a_silent_one() {
    never_hangs(|| {
        // Sends data of a job of its own until the client disconnects.
        let sending = Server::new(|mut peer| {
            use gearman_test_support::scripted::packets::{HANDLE, created, data};
            if peer.receive().is_some() {
                peer.send(&created(HANDLE));
                while peer.send(&data(HANDLE, b".")) {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        });
        let unresponsive = Server::new(|mut peer| peer.wait_for_disconnect());
        let mut client = Client::of(&[sending.port, unresponsive.port]);
        client.set_timeout(2 * LIMIT);
        // More than the connection can take, so that the next task goes elsewhere.
        let _tasks = [client.add(&vec![b'x'; 32 << 20]), client.add(b"small")];
        assert_eq!(client.run_tasks(), Code::TIMEOUT);
    });
}

/// The time for which these clients are idle: longer than the 10 ms for which a connection counts
/// as just used.
const PAUSE: Duration = Duration::from_millis(50);

#[test]
fn a_server_that_ended_while_its_client_was_idle_is_noticed_before_it_is_used() {
    never_hangs(|| {
        for operation in FOR_ONE_SERVER {
            let other = Server::answering(operation.answer());
            let ending = Server::correct();
            let mut client = Client::of(&[other.port, ending.port]);
            assert_eq!(client.background(b"work").as_deref(), Ok("H:right:0.1"));
            drop(ending);
            thread::sleep(PAUSE);
            let code = operation.run(&mut client);
            assert_eq!(code, Code::SUCCESS, "{operation:?}: {}", client.error());
            client.assert_usable();
        }
    });
}

/// The code of an operation on a connection that was reset, after the client was idle for
/// `pause`.
#[track_caller]
fn after_a_reset(operation: Operation, pause: Duration) -> Code {
    let step = Arc::new(Barrier::new(2));
    let server = {
        let step = step.clone();
        Server::new(move |mut peer| {
            let Some(request) = peer.receive() else { return };
            if peer.number > 0 {
                peer.send(&operation.answer());
                peer.serve();
                return;
            }
            let answer = peer.correct_answer(&request);
            peer.send(&answer);
            step.wait();
            peer.reset();
            step.wait();
        })
    };
    let mut client = Client::of(&[server.port]);
    assert!(client.background(b"work").is_ok());
    step.wait();
    step.wait();
    thread::sleep(pause);
    let code = operation.run(&mut client);
    if code == Code::SUCCESS {
        client.assert_usable();
    }
    code
}

#[test]
fn a_connection_that_was_reset_while_it_was_idle_is_made_again() {
    never_hangs(|| {
        for operation in Operation::ALL {
            assert_eq!(after_a_reset(operation, PAUSE), Code::SUCCESS, "{operation:?}");
        }
    });
}

#[test]
fn a_connection_that_turns_out_to_be_reset_when_a_job_is_sent_is_made_again() {
    // Nothing went out, so trying again is safe.
    never_hangs(|| {
        for operation in FOR_ONE_SERVER {
            let code = after_a_reset(operation, Duration::ZERO);
            assert_eq!(code, Code::SUCCESS, "{operation:?}");
        }
    });
}

#[test]
fn a_connection_that_turns_out_to_be_reset_when_a_question_is_sent_is_lost() {
    // On a slow machine the reset is noticed before.
    never_hangs(|| {
        for operation in [Operation::Echo, Operation::ServerOption, Operation::CancelJob] {
            let code = after_a_reset(operation, Duration::ZERO);
            let right = matches!(code, Code::LOST_CONNECTION | Code::SUCCESS);
            assert!(right, "{operation:?}: {code:?}");
        }
    });
}

#[test]
fn a_client_freed_in_a_forked_child_does_not_disturb_its_parent() {
    never_hangs(|| {
        let server = Server::new(|mut peer| {
            let mut first = true;
            while let Some(request) = peer.receive() {
                let answer = peer.correct_answer(&request);
                if first {
                    // Part of the answer before the fork, the rest after it.
                    first = false;
                    peer.send(&answer[..5]);
                    let Some(second) = peer.receive() else { return };
                    peer.send(&answer[5..]);
                    let answer = peer.correct_answer(&second);
                    peer.send(&answer);
                } else {
                    peer.send(&answer);
                }
            }
        });
        let mut client = Client::of(&[server.port]);
        client.set_timeout(LIMIT);
        let waiting = client.add(b"waiting");
        assert_eq!(client.run_tasks(), Code::TIMEOUT);

        // SAFETY: the child calls nothing but the library, and exits at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(client);
            // SAFETY: no destructors of the parent's run.
            unsafe { libc::_exit(0) };
        }
        let mut status = -1;
        // SAFETY: a child of ours, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);

        client.set_timeout(30_000);
        let second = client.add(b"second");
        assert_eq!(client.run_tasks(), Code::SUCCESS, "{}", client.error());
        assert_eq!(waiting.events().last(), Some(&Event::Complete(b"waiting".to_vec())));
        assert_eq!(second.events().last(), Some(&Event::Complete(b"second".to_vec())));
        assert_eq!(server.connections(), 1);
        client.assert_usable();
    });
}

#[test]
fn a_forked_child_that_goes_on_has_connections_of_its_own() {
    never_hangs(|| {
        let server = Server::correct();
        let mut client = Client::of(&[server.port]);
        assert_eq!(client.background(b"parent").as_deref(), Ok("H:right:0.1"));

        // SAFETY: the child calls nothing but the library, and exits at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let its_own = client.background(b"child").as_deref() == Ok("H:right:1.1");
            drop(client);
            // SAFETY: no destructors of the parent's run.
            unsafe { libc::_exit(i32::from(!its_own)) };
        }
        let mut status = -1;
        // SAFETY: a child of ours, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child failed");
        assert_eq!(client.background(b"parent").as_deref(), Ok("H:right:0.2"));
    });
}
