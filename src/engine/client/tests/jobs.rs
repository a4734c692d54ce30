//! Tasks and their replies: sending, results, status, refusal.

use super::*;

#[test]
fn a_job_is_sent_created_and_completed() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let task = client.remove_task(id).expect("the task exists");
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
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        client.remove_task(id);
        let calls = world.take_calls();
        if round > 0 {
            assert_eq!((calls.send, calls.wait, calls.recv, calls.connect), (1, 2, 2, 0));
        }
    }
}

#[test]
fn replies_split_at_any_byte_give_the_same_result() {
    let answers =
        [created(), response(Command::WorkData, &[HANDLE], b"da"), complete(b"ta")].concat();
    for cut in 1..answers.len() {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"in")).sends(&answers[..cut]).sends(&answers[cut..]);
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS, "cut at {cut}");
        let task = client.remove_task(id).expect("the task exists");
        assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"data", "cut at {cut}");
    }
}

#[test]
fn a_large_result_split_anywhere_is_complete() {
    let body: Vec<u8> = (0..50_000u32).map(|n| n as u8).collect();
    let answers = [created(), complete(&body)].concat();
    for cut in (1..answers.len()).step_by(4999) {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"in")).sends(&answers[..cut]).sends(&answers[cut..]);
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        let task = client.remove_task(id).expect("the task exists");
        assert!(task.result.expect("a result").as_slice() == body, "cut at {cut}");
    }
}

#[test]
fn tasks_are_sent_in_the_order_of_adding_with_one_send() {
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
        .map(|body| client.add(&new_task(TaskKind::Add, body)).expect("a valid task"))
        .to_vec();
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    let codes: Vec<ReturnCode> =
        ids.iter().map(|id| client.task(*id).expect("the task exists").code).collect();
    assert_eq!(codes, [ReturnCode::SUCCESS, ReturnCode::WORK_FAIL, ReturnCode::SUCCESS]);
    assert_eq!(world.take_calls().send, 1);
    world.assert_done();
}

#[test]
fn coalesced_tasks_share_a_handle_and_each_gets_a_final_packet() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&[submit(b""), submit(b"")].concat())
        .sends(&[created(), created(), complete(b"r"), complete(b"r")].concat());
    let ids = [0, 1].map(|_| client.add(&new_task(TaskKind::Execute, b"")).expect("a valid task"));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    for id in ids {
        let task = client.task(id).expect("the task exists");
        assert_eq!(task.code, ReturnCode::SUCCESS);
        assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"r");
    }
}

#[test]
fn a_status_reply_finishes_its_task() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&request(Command::GetStatus, &[HANDLE], b"")).sends(&response(
        Command::StatusRes,
        &[HANDLE, b"1", b"0", b"5", b""],
        b"",
    ));
    let id = client.add_status(HANDLE, TaskKind::Do, Callbacks::default(), Token::NONE);
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let status = client.task(id).expect("the task exists").status;
    assert!(status.known && !status.running);
    assert_eq!((status.numerator, status.denominator), (5, 0));
    world.assert_done();
}

#[test]
fn an_error_packet_ends_its_task_and_the_run() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(
        &[
            response(Command::Error, &[b"QUEUE_ERROR", b"Job queue is full"], b""),
            created(),
            complete(b""),
        ]
        .concat(),
    );
    let ids =
        [b"1", b"2"].map(|body| client.add(&new_task(TaskKind::Add, body)).expect("a valid task"));
    assert_eq!(run_all(&mut client), ReturnCode::QUEUE_ERROR);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    let codes = ids.map(|id| client.task(id).expect("the task exists").code);
    assert_eq!(codes, [ReturnCode::QUEUE_ERROR, ReturnCode::SUCCESS]);
}

#[test]
fn a_late_reply_to_a_removed_task_is_ignored() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(10));
    world.peer(0).expects(&submit(b"1")).sends(&created()).pauses(50).sends(&complete(b"old"));
    let id = client.add(&new_task(TaskKind::Do, b"1")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::TIMEOUT);
    client.remove_task(id);
    client.link.settings.timeout = None;
    world
        .peer(0)
        .expects(&submit(b"2"))
        .sends(&response(Command::JobCreated, &[b"H:2"], b""))
        .sends(&response(Command::WorkComplete, &[b"H:2"], b"new"));
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    let task = client.remove_task(id).expect("the task exists");
    assert_eq!(task.result.expect("a result").as_slice(), b"new");
    world.assert_done();
}

#[test]
fn repeated_adding_and_removing_keeps_no_memory() {
    let (mut client, _world) = client(1);
    for _ in 0..10_000 {
        let id = client.add(&new_task(TaskKind::Add, b"x")).expect("a valid task");
        client.remove_task(id);
    }
    assert_eq!(client.task_count(), 0);
    assert!(client.new.len() < 1000, "removed tasks stay in the list of unsent ones");
}
