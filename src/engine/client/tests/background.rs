//! Background jobs, with and without a task.

use super::*;

#[test]
fn a_background_job_over_an_idle_connection_creates_no_task() {
    let (mut client, world) = client(1);
    let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
    let bytes = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    world.peer(0).expects(&bytes).sends(&created());
    let Ok(Submitted::Task(id, mut run)) = client.submit_and_wait(&new) else {
        panic!("a job without a connection needs a task");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    client.remove_task(id);
    world.take_calls();
    world.peer(0).expects(&bytes).sends(&created());
    let Ok(Submitted::Created(handle)) = client.submit_and_wait(&new) else {
        panic!("a job on an idle connection needs no task");
    };
    assert_eq!(handle.as_slice(), HANDLE);
    let calls = world.take_calls();
    assert_eq!((calls.send, calls.wait, calls.recv), (1, 1, 1));
    assert_eq!(client.task_count(), 0);
    world.assert_done();
}

#[test]
fn a_background_job_outside_the_normal_case_becomes_a_task() {
    let job = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    let refused = response(Command::Error, &[b"QUEUE_ERROR", b"full"], b"");
    for case in 0..5 {
        let (mut client, world) = client(1);
        client.link.settings.timeout = Some(Duration::from_millis(100));
        let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
        world.peer(0).expects(&job).sends(&created());
        let mut code = ReturnCode::SUCCESS;
        for round in 0..2 {
            if round == 1 {
                match case {
                    0 => world.peer(0).expects(&job).sends(&created()[..5]).sends(&created()[5..]),
                    1 => world.peer(0).expects(&job).sends(&refused),
                    2 => world.peer(0).expects(&job).closes(),
                    3 => world.peer(0).takes(&[3, 0]).expects(&job).sends(&created()),
                    _ => world.peer(0).expects(&job).pauses(101),
                };
            }
            let began = world.now();
            match client.submit_and_wait(&new).expect("a valid task") {
                Submitted::Created(_) => code = ReturnCode::SUCCESS,
                Submitted::Task(id, mut run) => {
                    let TaskStep::Done(run_code) = client.step(&mut run) else {
                        panic!("unexpected callback")
                    };
                    let task = client.remove_task(id).expect("the task exists");
                    code =
                        if task.code == ReturnCode::UNKNOWN_STATE { run_code } else { task.code };
                }
            }
            assert!(world.now() - began < Duration::from_millis(150), "case {case}");
        }
        let expected = [
            ReturnCode::SUCCESS,
            ReturnCode::QUEUE_ERROR,
            ReturnCode::LOST_CONNECTION,
            ReturnCode::SUCCESS,
            ReturnCode::TIMEOUT,
        ];
        assert_eq!(code, expected[case], "case {case}");
    }
}
