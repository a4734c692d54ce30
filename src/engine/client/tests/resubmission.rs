//! Tasks that are submitted again after their server was lost, because the program allows it.

use super::*;

/// A client with two servers that submits a lost task again once.
fn resubmitting() -> (Client<ScriptNet>, World) {
    let (mut client, world) = client(2);
    client.link.settings.resubmissions = 1;
    (client, world)
}

fn add(client: &mut Client<ScriptNet>, command: Command, unique: &[u8]) -> SlabId {
    let task = NewTask { command, unique, ..new_task(TaskKind::Add, b"in") };
    client.add(&task).expect("a valid task")
}

fn code_of(client: &Client<ScriptNet>, id: SlabId) -> ReturnCode {
    client.task(id).expect("the task exists").code
}

#[test]
fn a_foreground_task_goes_on_to_the_next_server_at_every_step_of_its_job() {
    let status = response(Command::WorkStatus, &[HANDLE, b"1", b"2"], b"");
    let data = response(Command::WorkData, &[HANDLE], b"half");
    let steps = [vec![], created(), [created(), status].concat(), [created(), data].concat()];
    for step in steps {
        let (mut client, world) = resubmitting();
        world.peer(1).expects(&submit(b"in")).sends(&step).closes();
        world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"whole"));
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        let task = client.task(id).expect("the task exists");
        assert_eq!(task.code, ReturnCode::SUCCESS);
        let result = task.result.as_ref().expect("a result");
        assert_eq!(result.as_slice(), b"whole", "nothing of the first attempt is left");
        assert_eq!(world.peer(0).connected, 1);
        assert_eq!(world.peer(1).connected, 1);
        world.assert_done();
    }
}

#[test]
fn a_task_is_submitted_again_only_as_often_as_allowed() {
    for allowed in [0, 1, 2, 5] {
        let (mut client, world) = client(1);
        client.link.settings.resubmissions = allowed;
        for _ in 0..=allowed {
            world.peer(0).expects(&submit(b"in")).sends(&created()).closes();
        }
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        run_until(&mut client, id);
        assert_eq!(code_of(&client, id), ReturnCode::LOST_CONNECTION);
        assert_eq!(world.peer(0).connected, usize::from(allowed) + 1);
        world.assert_done();
    }
}

#[test]
fn a_background_task_is_submitted_again_only_with_an_id_of_the_caller() {
    for (unique, expected) in
        [(&b"id"[..], ReturnCode::SUCCESS), (b"", ReturnCode::LOST_CONNECTION)]
    {
        let (mut client, world) = resubmitting();
        world.peer(1).hears(&[Command::SubmitJobBg]).closes();
        if expected == ReturnCode::SUCCESS {
            let again = request(Command::SubmitJobBg, &[b"f", unique], b"in");
            world.peer(0).expects(&again).sends(&created());
        }
        let id = add(&mut client, Command::SubmitJobBg, unique);
        assert_eq!(run_all(&mut client), expected);
        assert_eq!(code_of(&client, id), expected);
        world.assert_done();
    }
}

#[test]
fn a_background_job_over_an_idle_connection_is_submitted_again() {
    let (mut client, world) = resubmitting();
    let packet = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
    world.peer(1).expects(&packet).sends(&created());
    client.submit_and_wait(&new).expect("a valid task");
    world.peer(1).expects(&packet).closes();
    world.peer(0).expects(&packet).sends(&created());
    match client.submit_and_wait(&new).expect("a valid task") {
        Submitted::Task(id, mut run) => {
            assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
            assert_eq!(code_of(&client, id), ReturnCode::SUCCESS);
        }
        created => panic!("{created:?} by a server that is lost"),
    }
    world.assert_done();
}

#[test]
fn a_large_body_is_sent_again_whole() {
    let (mut client, world) = resubmitting();
    let body = vec![b'x'; 100_000];
    world.peer(1).expects(&submit(&body)).sends(&created()).closes();
    world.peer(0).expects(&submit(&body)).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Add, &body)).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(code_of(&client, id), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_status_request_is_not_sent_to_another_server() {
    let (mut client, world) = resubmitting();
    world.peer(1).hears(&[Command::GetStatus]).closes();
    let id = client.add_status(HANDLE, TaskKind::Add, Callbacks::default(), Token::NONE);
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(code_of(&client, id), ReturnCode::LOST_CONNECTION);
    assert_eq!(world.peer(0).connected, 0);
}

#[test]
fn a_task_that_was_sent_before_is_lost_when_no_other_server_takes_it() {
    let (mut client, world) = resubmitting();
    world.peer(1).expects(&submit(b"in")).closes();
    world.peer(0).meets(&[Connect::Refuse]);
    world.peer(1).meets(&[Connect::Accept, Connect::Refuse]);
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::LOST_CONNECTION);
}

#[test]
fn a_server_that_acknowledges_nothing_is_left_after_the_timeout() {
    let (mut client, world) = resubmitting();
    client.link.settings.timeout = Some(Duration::from_millis(500));
    world.peer(1).expects(&submit(b"in"));
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(world.now() - began, Duration::from_millis(500));
    world.assert_done();
}

#[test]
fn a_long_job_of_a_server_that_has_acknowledged_it_is_not_submitted_again() {
    let (mut client, world) = resubmitting();
    client.link.settings.timeout = Some(Duration::from_millis(500));
    world.peer(1).expects(&submit(b"in")).sends(&created());
    let id = client.add(&new_task(TaskKind::Add, b"in")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    world.peer(1).sends(&complete(b""));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(code_of(&client, id), ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 0);
}

#[test]
fn removed_servers_lose_their_tasks_for_good() {
    let (mut client, world) = resubmitting();
    client.link.settings.timeout = Some(Duration::from_millis(500));
    world.peer(1).expects(&submit(b"in")).sends(&created());
    let id = client.add(&new_task(TaskKind::Add, b"in")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    client.remove_servers();
    assert_eq!(code_of(&client, id), ReturnCode::LOST_CONNECTION);
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
}
