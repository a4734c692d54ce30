//! The client's state machine against scripted servers: no sockets, no time.

use super::*;
use crate::task::{Callbacks, TaskKind, Token};
use crate::testing::{Connect, ScriptNet, World, request, response};
use gearman_protocol::Command;
use std::time::Duration;

mod abandoned;
mod lost;
mod non_blocking;
mod shortcut;

const HANDLE: &[u8] = b"H:1";

fn client(servers: usize) -> (Client<ScriptNet>, World) {
    let (net, world) = ScriptNet::new();
    let mut client = Client::new(net);
    for n in 0..servers {
        client.add_server("127.0.0.1", 4730 + n as u16).expect("a numeric address");
    }
    (client, world)
}

fn new_task<'a>(kind: TaskKind, body: &'a [u8]) -> NewTask<'a> {
    NewTask {
        kind,
        command: Command::SubmitJob,
        function: b"f",
        unique: b"u",
        body: TaskBody::Copy(body),
        epoch_seconds: 0,
        reducer: b"",
        callbacks: Callbacks::default(),
        token: Token::NONE,
    }
}

fn submit(body: &[u8]) -> Vec<u8> {
    request(Command::SubmitJob, &[b"f", b"u"], body)
}

fn created() -> Vec<u8> {
    response(Command::JobCreated, &[HANDLE], b"")
}

fn complete(body: &[u8]) -> Vec<u8> {
    response(Command::WorkComplete, &[HANDLE], body)
}

/// Runs to the end; no callback is expected.
fn run_all(client: &mut Client<ScriptNet>) -> ReturnCode {
    let mut run = client.run_all();
    match client.step(&mut run) {
        TaskStep::Done(code) => code,
        call => panic!("unexpected {call:?}"),
    }
}

fn run_until(client: &mut Client<ScriptNet>, id: SlabId) -> ReturnCode {
    let mut run = client.run_until(id);
    match client.step(&mut run) {
        TaskStep::Done(code) => code,
        call => panic!("unexpected {call:?}"),
    }
}

/// Steps to a callback and returns which one.
fn next_call(client: &mut Client<ScriptNet>, run: &mut TaskRun) -> (Callbacks, TaskTicket) {
    match client.step(run) {
        TaskStep::Call(TaskUpcall::Callback(_, which), ticket) => (which, ticket),
        other => panic!("expected a callback, not {other:?}"),
    }
}

#[test]
fn a_job_is_sent_created_and_completed() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let task = client.remove_task(id).expect("still there");
    assert_eq!(task.code, ReturnCode::SUCCESS);
    assert_eq!(task.handle.as_slice(), HANDLE);
    assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"out");
    world.assert_done();
}

#[test]
fn a_job_costs_one_send_and_one_receive_per_answer() {
    let (mut client, world) = client(1);
    for round in 0..3 {
        world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
        world.take_calls();
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        client.remove_task(id);
        let calls = world.take_calls();
        if round > 0 {
            assert_eq!((calls.send, calls.wait, calls.recv, calls.connect), (1, 2, 2, 0));
        }
    }
}

#[test]
fn every_split_of_the_answers_gives_the_same_result() {
    let answers =
        [created(), response(Command::WorkData, &[HANDLE], b"da"), complete(b"ta")].concat();
    for cut in 1..answers.len() {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"in")).sends(&answers[..cut]).sends(&answers[cut..]);
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS, "cut at {cut}");
        let task = client.remove_task(id).expect("still there");
        assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"data", "cut at {cut}");
    }
}

#[test]
fn a_large_result_is_received_into_its_own_memory_at_any_split() {
    let body: Vec<u8> = (0..50_000u32).map(|n| n as u8).collect();
    let answers = [created(), complete(&body)].concat();
    for cut in (1..answers.len()).step_by(4999) {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"in")).sends(&answers[..cut]).sends(&answers[cut..]);
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        let task = client.remove_task(id).expect("still there");
        assert!(task.result.expect("a result").as_slice() == body, "cut at {cut}");
    }
}

#[test]
fn tasks_go_out_in_the_order_of_adding_as_one_send() {
    let (mut client, world) = client(1);
    let all = [submit(b"1"), submit(b"2"), submit(b"3")].concat();
    world
        .peer(0)
        .expects(&all)
        .sends(&response(Command::JobCreated, &[b"a"], b""))
        .sends(&response(Command::JobCreated, &[b"b"], b""))
        .sends(&response(Command::JobCreated, &[b"c"], b""))
        .sends(&response(Command::WorkComplete, &[b"c"], b""))
        .sends(&response(Command::WorkComplete, &[b"a"], b""))
        .sends(&response(Command::WorkFail, &[b"b"], b""));
    let ids: Vec<SlabId> = [b"1", b"2", b"3"]
        .map(|body| client.add(&new_task(TaskKind::Add, body)).expect("valid"))
        .to_vec();
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    let codes: Vec<ReturnCode> =
        ids.iter().map(|id| client.task(*id).expect("kept").code).collect();
    assert_eq!(codes, [ReturnCode::SUCCESS, ReturnCode::WORK_FAIL, ReturnCode::SUCCESS]);
    assert_eq!(world.take_calls().send, 1);
    world.assert_done();
}

#[test]
fn the_server_added_last_is_tried_first_and_the_next_when_it_refuses() {
    let (mut client, world) = client(2);
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(world.peer(1).connected, 1);
    assert_eq!(world.peer(0).connected, 1);
    world.assert_done();
}

#[test]
fn a_server_that_never_accepts_leaves_the_next_one_its_share_of_the_time() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).meets(&[Connect::Ignore]);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert!(world.now() - began <= Duration::from_millis(1000));
    world.assert_done();
}

#[test]
fn no_server_reachable_keeps_the_task_for_another_try() {
    let (mut client, world) = client(1);
    world.peer(0).meets(&[Connect::Refuse]);
    let id = client.add(&new_task(TaskKind::Add, b"in")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::COULD_NOT_CONNECT);
    assert_eq!(client.task(id).expect("kept").state, TaskState::New);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_connection_that_ends_loses_what_was_sent_and_nothing_else() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&created()).closes();
    let id = client.add(&new_task(TaskKind::Add, b"1")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::LOST_CONNECTION);
    assert!(!client.awaits_servers());
    world.peer(0).expects(&submit(b"2")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Add, b"2")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_idle_connection_that_died_is_noticed_before_anything_is_sent() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&created()).sends(&complete(b"")).closes();
    let id = client.add(&new_task(TaskKind::Do, b"1")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    world.sleep(1000);
    world.peer(0).expects(&submit(b"2")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn silence_beyond_the_limit_is_a_timeout_and_packets_restart_it() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(600));
    let status = response(Command::WorkStatus, &[HANDLE, b"1", b"2"], b"");
    world.peer(0).expects(&submit(b"")).sends(&created());
    for _ in 0..6 {
        world.peer(0).pauses(300).sends(&status);
    }
    world.peer(0).pauses(601).sends(&complete(b"late"));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Add, b"")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    assert!(world.now() - began >= Duration::from_millis(1800));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("kept").status.numerator, 1);
    world.assert_done();
}

#[test]
fn a_late_answer_to_a_removed_task_is_ignored() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(10));
    world.peer(0).expects(&submit(b"1")).pauses(50).sends(&created()).sends(&complete(b"old"));
    let id = client.add(&new_task(TaskKind::Do, b"1")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::TIMEOUT);
    client.remove_task(id);
    client.link.settings.timeout = None;
    world
        .peer(0)
        .expects(&submit(b"2"))
        .sends(&response(Command::JobCreated, &[b"H:2"], b""))
        .sends(&response(Command::WorkComplete, &[b"H:2"], b"new"));
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("valid");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let task = client.remove_task(id).expect("kept");
    assert_eq!(task.result.expect("a result").as_slice(), b"new");
    world.assert_done();
}

#[test]
fn callbacks_come_in_the_order_of_the_packets() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(
        &[
            created(),
            response(Command::WorkStatus, &[HANDLE, b"3", b"4"], b""),
            response(Command::WorkWarning, &[HANDLE], b"w"),
            response(Command::WorkData, &[HANDLE], b"d"),
            complete(b"c"),
        ]
        .concat(),
    );
    let callbacks = Callbacks(255);
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    for (expected, data) in [
        (Callbacks::CREATED, &b""[..]),
        (Callbacks::STATUS, b""),
        (Callbacks::WARNING, b"w"),
        (Callbacks::DATA, b"d"),
        (Callbacks::COMPLETE, b"c"),
    ] {
        let (which, ticket) = next_call(&mut client, &mut run);
        assert_eq!(which, expected);
        let found =
            client.task(id).and_then(|t| t.data.as_ref()).map_or(&b""[..], |d| d.as_slice());
        assert_eq!(found, data);
        assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    }
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert!(client.task(id).expect("kept").data.is_none());
}

#[test]
fn a_callback_that_fails_ends_the_run_and_is_offered_again() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::COMPLETE;
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    for _ in 0..3 {
        let mut run = client.run_all();
        let (which, ticket) = next_call(&mut client, &mut run);
        assert_eq!(which, Callbacks::COMPLETE);
        assert_eq!(client.resume(ticket, ReturnCode::PAUSE), Some(ReturnCode::PAUSE));
    }
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
}

#[test]
fn a_callback_that_never_returns_counts_as_delivered() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::CREATED;
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.abandon(ticket);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::SUCCESS);
}

#[test]
fn a_nested_run_drives_every_task_but_the_one_whose_callback_runs() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&submit(b"1"))
        .sends(&[created(), response(Command::WorkData, &[HANDLE], b"d")].concat())
        .expects(&submit(b"2"))
        .sends(&complete(b"end of the first"))
        .sends(&response(Command::JobCreated, &[b"H:2"], b""))
        .sends(&response(Command::WorkComplete, &[b"H:2"], b""));
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    let first = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"1") }).expect("valid");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::DATA);

    let second = client.add(&new_task(TaskKind::Add, b"2")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(second).expect("kept").code, ReturnCode::SUCCESS);
    let data = client.task(first).and_then(|t| t.data.as_ref()).expect("still the callback's");
    assert_eq!(data.as_slice(), b"d");

    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::COMPLETE);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_task_freed_in_its_callback_is_gone_and_its_ticket_stale() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::CREATED;
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_task(id);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task_count(), 0);
}

#[test]
fn coalesced_tasks_share_a_handle_and_each_gets_its_end() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&[submit(b""), submit(b"")].concat())
        .sends(&[created(), created(), complete(b"r"), complete(b"r")].concat());
    let ids = [0, 1].map(|_| client.add(&new_task(TaskKind::Execute, b"")).expect("valid"));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    for id in ids {
        let task = client.task(id).expect("kept");
        assert_eq!(task.code, ReturnCode::SUCCESS);
        assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"r");
    }
}

#[test]
fn an_error_from_the_server_ends_its_own_task_and_the_run() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(
        &[
            response(Command::Error, &[b"QUEUE_ERROR", b"Job queue is full"], b""),
            created(),
            complete(b""),
        ]
        .concat(),
    );
    let ids = [b"1", b"2"].map(|body| client.add(&new_task(TaskKind::Add, body)).expect("valid"));
    assert_eq!(run_all(&mut client), ReturnCode::QUEUE_ERROR);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    let codes = ids.map(|id| client.task(id).expect("kept").code);
    assert_eq!(codes, [ReturnCode::QUEUE_ERROR, ReturnCode::SUCCESS]);
}

#[test]
fn a_workload_beyond_the_socket_s_room_goes_out_in_parts_by_reference() {
    let (mut client, world) = client(1);
    let body = vec![7u8; 100_000];
    world.peer(0).takes(&[10, 0, 30_000, 0, 5_000]);
    world.peer(0).expects(&submit(&body)).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Add, &body)).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert!(client.task(id).expect("kept").workload().is_empty());
    world.assert_done();
}

#[test]
fn a_workload_function_sends_the_body_in_pieces() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"abcdef")).sends(&created()).sends(&complete(b""));
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id =
        client.add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::WORKLOAD);
    assert_eq!(client.send_workload(id, b"abc"), Ok(3));
    assert_eq!(client.resume(ticket, ReturnCode::IO_WAIT), Some(ReturnCode::IO_WAIT));
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.send_workload(id, b"too long"), Err(ReturnCode::DATA_TOO_LARGE));
    assert_eq!(client.send_workload(id, b"def"), Ok(3));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_streamed_task_is_sent_again_when_nothing_of_its_body_has_gone() {
    let (mut client, world) = client(2);
    let whole = submit(b"abcdef");
    world.peer(1).takes(&[5, 0]).expects(&whole[..5]).closes();
    world.peer(0).expects(&whole).sends(&created()).sends(&complete(b""));
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id =
        client.add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::WORKLOAD);
    assert_eq!(client.send_workload(id, b"abcdef"), Ok(6));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_workload_function_that_stops_short_fails_the_task_and_the_connection() {
    let (mut client, world) = client(1);
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id =
        client.add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.send_workload(id, b"abc"), Ok(3));
    let code = client.resume(ticket, ReturnCode::SUCCESS);
    assert_eq!(code, Some(ReturnCode::INVALID_ARGUMENT));
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::INVALID_ARGUMENT);
    assert!(!client.link.any_open());
    drop(world);
}

#[test]
fn an_unbuffered_result_is_received_by_the_callback_and_its_rest_skipped() {
    let (mut client, world) = client(1);
    client.unbuffered = true;
    world.peer(0).expects(&submit(b"")).sends(
        &[created(), response(Command::WorkData, &[HANDLE], b"abcdef"), complete(b"")].concat(),
    );
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::DATA);
    let task = client.task(id).expect("there");
    assert!(task.data.is_none());
    assert_eq!(task.data_size, 6);
    let mut space = [std::mem::MaybeUninit::new(0u8); 4];
    assert_eq!(client.recv_data(id, &mut space), Ok(4));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::COMPLETE);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_status_answer_finishes_its_task() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&request(Command::GetStatus, &[HANDLE], b"")).sends(&response(
        Command::StatusRes,
        &[HANDLE, b"1", b"0", b"5", b""],
        b"",
    ));
    let id = client.add_status(HANDLE, TaskKind::Do, Callbacks::default(), Token::NONE);
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let status = client.task(id).expect("kept").status;
    assert!(status.known && !status.running);
    assert_eq!((status.numerator, status.denominator), (5, 0));
    world.assert_done();
}

#[test]
fn an_option_is_on_when_one_server_of_two_can_be_asked_and_is_repeated_on_connecting() {
    let (mut client, world) = client(2);
    let ask = request(Command::OptionReq, &[b"exceptions"], b"");
    let yes = response(Command::OptionRes, &[b"exceptions"], b"");
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&ask).sends(&yes);
    assert_eq!(client.broadcast(Broadcast::Option(b"exceptions")), Ok(()));
    world
        .peer(1)
        .expects(&[ask, submit(b"")].concat())
        .sends(&[yes, created(), complete(b"")].concat());
    client.add(&new_task(TaskKind::Add, b"")).expect("valid");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_remembered_option_goes_out_with_the_first_packet_and_may_be_refused() {
    for answer in [
        response(Command::OptionRes, &[b"exceptions"], b""),
        response(Command::Error, &[b"UNKNOWN_OPTION", b"not here"], b""),
    ] {
        let (mut client, world) = client(1);
        client.link.settings.remember_option(b"exceptions");
        client.link.settings.remember_option(b"exceptions");
        let ask = request(Command::OptionReq, &[b"exceptions"], b"");
        world
            .peer(0)
            .expects(&[ask, submit(b"")].concat())
            .sends(&[answer, created(), complete(b"")].concat());
        client.add(&new_task(TaskKind::Add, b"")).expect("valid");
        assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
        world.assert_done();
    }
}

#[test]
fn an_echo_that_comes_back_changed_is_told() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&request(Command::EchoReq, &[], b"abc")).sends(&response(
        Command::EchoRes,
        &[],
        b"abd",
    ));
    let code = client.broadcast(Broadcast::Echo(b"abc"));
    assert_eq!(code, Err(ReturnCode::ECHO_DATA_CORRUPTION));
}

#[test]
fn an_exchange_puts_off_what_arrives_for_tasks() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&submit(b""))
        .sends(&[created(), response(Command::WorkData, &[HANDLE], b"d")].concat())
        .expects(&request(Command::EchoReq, &[], b"abc"))
        .sends(&complete(b"c"))
        .sends(&response(Command::EchoRes, &[], b"abc"));
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.broadcast(Broadcast::Echo(b"abc")), Ok(()));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::COMPLETE);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn cancelling_asks_by_text_and_reads_the_line() {
    let (mut client, world) = client(1);
    world.peer(0).expects(b"cancel job H:1\r\n").sends(b"OK\r\n");
    assert_eq!(client.cancel(HANDLE), Ok(()));
    world.peer(0).expects(b"cancel job H:1\r\n").sends(b"ERR UNKNOWN_JOB\r\n");
    assert_eq!(client.cancel(HANDLE), Err(ReturnCode::JOB_NOT_FOUND));
    assert_eq!(client.cancel(b"H:1\nshutdown"), Err(ReturnCode::INVALID_ARGUMENT));
    world.assert_done();
}

#[test]
fn nonsense_closes_the_connection_and_loses_its_tasks() {
    for (bytes, code) in [
        (&b"HTTP/1.1 400\r\n"[..], ReturnCode::INVALID_MAGIC),
        (b"\0RES\0\0\0\x63\0\0\0\0", ReturnCode::INVALID_COMMAND),
        (b"\0RES\0\0\0\x0c\0\0\0\x01H", ReturnCode::INVALID_PACKET),
    ] {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"")).sends(bytes);
        let id = client.add(&new_task(TaskKind::Add, b"")).expect("valid");
        assert_eq!(run_all(&mut client), code);
        assert_eq!(client.task(id).expect("kept").code, code);
    }
}

#[test]
fn a_forked_child_gives_its_parent_s_tasks_up() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&created());
    let callbacks = Callbacks::CREATED;
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    world.forks();
    client.resume(ticket, ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::LOST_CONNECTION);
    assert!(!client.link.any_open());
}

#[test]
fn adding_and_removing_for_ever_keeps_no_memory() {
    let (mut client, _world) = client(1);
    for _ in 0..10_000 {
        let id = client.add(&new_task(TaskKind::Add, b"x")).expect("valid");
        client.remove_task(id);
    }
    assert_eq!(client.task_count(), 0);
    assert!(client.new.len() < 1000);
}

#[test]
fn a_background_job_over_a_quiet_connection_makes_no_task() {
    let (mut client, world) = client(1);
    let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
    let bytes = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    world.peer(0).expects(&bytes).sends(&created());
    let Ok(Submitted::Task(id, mut run)) = client.submit_and_wait(&new) else {
        panic!("there is no connection yet");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    client.remove_task(id);
    world.take_calls();
    world.peer(0).expects(&bytes).sends(&created());
    let Ok(Submitted::Created(handle)) = client.submit_and_wait(&new) else {
        panic!("the connection is quiet");
    };
    assert_eq!(handle.as_slice(), HANDLE);
    let calls = world.take_calls();
    assert_eq!((calls.send, calls.wait, calls.recv), (1, 1, 1));
    assert_eq!(client.task_count(), 0);
    world.assert_done();
}

#[test]
fn a_background_job_that_meets_a_surprise_becomes_a_task() {
    let job = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    let refused = response(Command::Error, &[b"QUEUE_ERROR", b"full"], b"");
    for surprise in 0..5 {
        let (mut client, world) = client(1);
        client.link.settings.timeout = Some(Duration::from_millis(100));
        let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
        world.peer(0).expects(&job).sends(&created());
        let mut code = ReturnCode::SUCCESS;
        for round in 0..2 {
            if round == 1 {
                match surprise {
                    0 => world.peer(0).expects(&job).sends(&created()[..5]).sends(&created()[5..]),
                    1 => world.peer(0).expects(&job).sends(&refused),
                    2 => world.peer(0).expects(&job).closes(),
                    3 => world.peer(0).takes(&[3, 0]).expects(&job).sends(&created()),
                    _ => world.peer(0).expects(&job).pauses(101),
                };
            }
            let began = world.now();
            match client.submit_and_wait(&new).expect("valid") {
                Submitted::Created(_) => code = ReturnCode::SUCCESS,
                Submitted::Task(id, mut run) => {
                    let TaskStep::Done(run_code) = client.step(&mut run) else {
                        panic!("no callback")
                    };
                    let task = client.remove_task(id).expect("there");
                    code =
                        if task.code == ReturnCode::UNKNOWN_STATE { run_code } else { task.code };
                }
            }
            assert!(world.now() - began < Duration::from_millis(150), "surprise {surprise}");
        }
        let expected = [
            ReturnCode::SUCCESS,
            ReturnCode::QUEUE_ERROR,
            ReturnCode::LOST_CONNECTION,
            ReturnCode::SUCCESS,
            ReturnCode::TIMEOUT,
        ];
        assert_eq!(code, expected[surprise], "surprise {surprise}");
    }
}

#[test]
fn servers_removed_inside_a_callback_leave_its_task_alone() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::COMPLETE;
    let id = client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("valid");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_servers();
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task(id).expect("kept").code, ReturnCode::SUCCESS);
}

#[test]
fn what_was_not_sent_on_a_lost_connection_is_told_once() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(50));
    world.peer(0).meets(&[Connect::Ignore]);
    client.add(&new_task(TaskKind::Add, b"")).expect("valid");
    assert_eq!(client.broadcast(Broadcast::Option(b"exceptions")), Err(ReturnCode::TIMEOUT));
    world.peer(0).takes(&[3, 0]).closes();
    assert!(run_all(&mut client).failed());
    client.remove_servers();
}

#[test]
fn a_run_in_which_servers_are_removed_says_that_tasks_were_lost() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(&created());
    let callbacks = Callbacks::CREATED;
    for body in [b"1", b"2"] {
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, body) }).expect("valid");
    }
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_servers();
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::LOST_CONNECTION));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
}
