//! How jobs end: failures, exceptions and empty results in every form, and
//! requests that a server refuses.

use crate::client::{Client, Code, Event};
use crate::never_hangs;
use crate::operation::Operation;
use gearman_test_support::scripted::job_server::Server;
use gearman_test_support::scripted::packets::*;

/// What `do` and `execute` return when the job's packets are these.
fn outcomes(packets: &[Vec<u8>]) -> [Result<Vec<u8>, Code>; 2] {
    let bytes = all(&[created(HANDLE), all(packets)]);
    let run = |call: fn(&mut Client) -> Result<Vec<u8>, Code>| {
        let server = Server::answering(bytes.clone());
        let mut client = Client::of(&[server.port]);
        let outcome = call(&mut client);
        client.assert_usable();
        outcome
    };
    [run(|client| client.job(b"work")), run(|client| client.execute(b"work"))]
}

/// How an added task ends, and what its callbacks are told after its handle.
fn events(packets: &[Vec<u8>]) -> (Code, Vec<Event>) {
    let server = Server::answering(all(&[created(HANDLE), all(packets)]));
    let mut client = Client::of(&[server.port]);
    let added = client.add(b"work");
    assert_eq!(client.run_tasks(), Code::SUCCESS, "{}", client.error());
    client.assert_usable();
    (added.code(), added.events()[1..].to_vec())
}

fn handle_with_nul() -> Vec<u8> {
    [HANDLE, b"\0"].concat()
}

#[test]
fn a_failure_is_one_with_and_without_a_nul_behind_its_handle() {
    never_hangs(|| {
        for payload in [HANDLE.to_vec(), handle_with_nul(), [HANDLE, b"\0rest\0"].concat()] {
            let failure = [misfit(Command::WorkFail, &payload)];
            assert_eq!(outcomes(&failure), [Err(Code::WORK_FAIL), Err(Code::WORK_FAIL)]);
            assert_eq!(events(&failure), (Code::WORK_FAIL, vec![Event::Fail]));
        }
    });
}

#[test]
fn a_handle_with_a_nul_behind_it_in_job_created_is_the_handle_without() {
    never_hangs(|| {
        let server = Server::answering(all(&[
            misfit(Command::JobCreated, &handle_with_nul()),
            complete(HANDLE, b"done"),
        ]));
        let mut client = Client::of(&[server.port]);
        assert_eq!(client.job(b"work"), Ok(b"done".to_vec()));
        client.assert_usable();
    });
}

#[test]
fn a_failure_after_data_gives_no_result() {
    never_hangs(|| {
        let packets = [data(HANDLE, b"some"), fail(HANDLE)];
        assert_eq!(outcomes(&packets), [Err(Code::WORK_FAIL), Err(Code::WORK_FAIL)]);
    });
}

#[test]
fn an_exception_is_one_with_and_without_text() {
    never_hangs(|| {
        for text in [&b"it broke"[..], b"", b"\0", b"a\0b"] {
            let packets = [exception(HANDLE, text)];
            let thrown = Err(Code::WORK_EXCEPTION);
            assert_eq!(outcomes(&packets), [thrown.clone(), thrown]);
            let (code, events) = events(&packets);
            assert_eq!(
                (code, events),
                (Code::WORK_EXCEPTION, vec![Event::Exception(text.to_vec())])
            );
        }
    });
}

#[test]
fn a_failure_after_an_exception_changes_nothing() {
    never_hangs(|| {
        let packets = [exception(HANDLE, b"it broke"), fail(HANDLE)];
        let told = vec![Event::Exception(b"it broke".to_vec())];
        assert_eq!(events(&packets), (Code::WORK_EXCEPTION, told));
    });
}

#[test]
fn an_empty_result_is_a_success() {
    never_hangs(|| {
        let packets = [complete(HANDLE, b"")];
        assert_eq!(outcomes(&packets), [Ok(Vec::new()), Ok(Vec::new())]);
        assert_eq!(events(&packets), (Code::SUCCESS, vec![Event::Complete(Vec::new())]));
    });
}

#[test]
fn empty_pieces_of_a_result_add_nothing() {
    never_hangs(|| {
        let packets =
            [data(HANDLE, b""), data(HANDLE, b"x"), data(HANDLE, b""), complete(HANDLE, b"y")];
        assert_eq!(outcomes(&packets), [Ok(b"xy".to_vec()), Ok(b"xy".to_vec())]);
    });
}

#[test]
fn nul_bytes_in_a_result_are_kept() {
    never_hangs(|| {
        let packets = [data(HANDLE, b"\0a\0"), complete(HANDLE, b"\0\0")];
        assert_eq!(outcomes(&packets)[0], Ok(b"\0a\0\0\0".to_vec()));
    });
}

#[test]
fn a_status_that_is_no_number_is_zero() {
    never_hangs(|| {
        for (done, of) in [(&b""[..], &b""[..]), (b"x", b"-1"), (b" 5", b"0x10")] {
            let (code, events) = events(&[work_status(HANDLE, done, of), complete(HANDLE, b"")]);
            assert_eq!(code, Code::SUCCESS);
            assert_eq!(events[0], Event::Status(0, 0), "{done:?} of {of:?}");
        }
    });
}

#[test]
fn a_job_created_with_an_empty_or_overlong_handle_is_still_a_job() {
    never_hangs(|| {
        let overlong = [b'h'; 500];
        for handle in [&b""[..], &overlong[..63], &overlong[..64], &overlong[..]] {
            let server = Server::answering(created(handle));
            let mut client = Client::of(&[server.port]);
            let kept = String::from_utf8(handle[..handle.len().min(63)].to_vec()).unwrap();
            assert_eq!(client.background(b"work"), Ok(kept), "{} bytes", handle.len());
            client.assert_usable();
        }
    });
}

/// The code that an operation ends with when the server answers ERROR.
fn refused(operation: Operation, answer: Vec<u8>) -> Code {
    let server = Server::answering(answer);
    let mut client = Client::of(&[server.port]);
    let code = operation.run(&mut client);
    client.assert_usable();
    code
}

/// The code that ERROR becomes where the operation has none of its own.
fn code_of_refusal(operation: Operation, code: Code) -> Code {
    match operation {
        Operation::Echo => Code::INVALID_COMMAND,
        Operation::ServerOption => Code::UNKNOWN_OPTION,
        Operation::CancelJob => Code::JOB_NOT_FOUND,
        _ => code,
    }
}

#[test]
fn an_error_packet_ends_the_call_with_the_code_that_it_names() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let answer = error(b"QUEUE_ERROR", b"the queue is full");
            let wanted = code_of_refusal(operation, Code::QUEUE_ERROR);
            assert_eq!(refused(operation, answer), wanted, "{operation:?}");
        }
    });
}

#[test]
fn an_error_packet_that_names_no_code_is_a_server_error() {
    never_hangs(|| {
        for operation in Operation::ALL {
            for (code, text) in
                [(&b"NO_SUCH_CODE"[..], &b"text"[..]), (b"", b""), (b"\xff", b"\xff")]
            {
                let wanted = code_of_refusal(operation, Code::SERVER_ERROR);
                let code = refused(operation, error(code, text));
                assert_eq!(code, wanted, "{operation:?}");
            }
        }
    });
}

#[test]
fn an_error_packet_without_text_is_an_error() {
    never_hangs(|| {
        for operation in Operation::ALL {
            let wanted = code_of_refusal(operation, Code::QUEUE_ERROR);
            let code = refused(operation, misfit(Command::Error, b"QUEUE_ERROR"));
            assert_eq!(code, wanted, "{operation:?}");
            let wanted = code_of_refusal(operation, Code::SERVER_ERROR);
            assert_eq!(refused(operation, misfit(Command::Error, b"")), wanted, "{operation:?}");
        }
    });
}

#[test]
fn an_error_packet_that_names_success_is_no_success() {
    never_hangs(|| {
        for operation in Operation::ALL {
            for name in [&b"SUCCESS"[..], b"GEARMAN_SUCCESS", b"IO_WAIT", b"PAUSE"] {
                let wanted = code_of_refusal(operation, Code::SERVER_ERROR);
                assert_eq!(refused(operation, error(name, b"fine")), wanted, "{operation:?}");
            }
        }
    });
}

#[test]
fn one_refused_task_leaves_the_others_to_the_next_run() {
    never_hangs(|| {
        let server = Server::first(|mut peer| {
            if peer.receive().is_some() && peer.receive().is_some() {
                peer.send(&all(&[
                    error(b"QUEUE_ERROR", b"full"),
                    created(HANDLE),
                    complete(HANDLE, b"done"),
                ]));
                peer.serve();
            }
        });
        let mut client = Client::of(&[server.port]);
        let (first, second) = (client.add(b"first"), client.add(b"second"));
        assert_eq!(client.run_tasks(), Code::QUEUE_ERROR);
        assert_eq!(client.run_tasks(), Code::SUCCESS, "{}", client.error());
        assert_eq!(first.code(), Code::QUEUE_ERROR);
        assert_eq!(second.code(), Code::SUCCESS);
        client.assert_usable();
    });
}
