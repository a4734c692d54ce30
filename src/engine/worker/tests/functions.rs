//! The packets that register a worker's functions.

use super::*;

#[test]
fn the_newest_function_of_a_name_is_called_and_all_are_registered() {
    let (mut worker, world) = worker(1);
    worker.add_function(b"f", 5000, Some(8)).expect("the same name again");
    let timed = request(Command::CanDoTimeout, &[b"f", b"5000"], b"");
    let hello = [timed, can_do(), grab()].concat();
    world.peer(0).expects(&hello).sends(&assign("H:1"));
    match worker.work() {
        WorkStep::Call(upcall, _) => assert_eq!(upcall.token, 8),
        done => panic!("{done:?}"),
    }
    assert!(worker.has_function(b"f") && worker.has_token(TOKEN) && worker.has_token(8));
    assert_eq!(worker.remove_function(b"f"), Ok(()));
    assert!(!worker.has_function(b"f") && !worker.has_token(TOKEN));
    assert_eq!(worker.remove_function(b"f"), Err(ReturnCode::NO_REGISTERED_FUNCTION));
    assert_eq!(work(&mut worker), ReturnCode::NO_REGISTERED_FUNCTIONS);
    worker.add_function(b"g", 0, None).expect("a valid name");
    let cant_do = request(Command::CantDo, &[b"f"], b"");
    let can_do = request(Command::CanDo, &[b"g"], b"");
    world.peer(0).expects(&[&cant_do[..], &cant_do, &can_do, &grab()].concat()).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    world.assert_done();
}

#[test]
fn changed_functions_are_sent_with_the_next_grab() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    world.take_calls();
    worker.add_function(b"g", 0, None).expect("a valid name");
    worker.remove_function(b"g").expect("registered");
    worker.remove_all_functions().expect("registered");
    worker.add_function(b"h", 0, None).expect("a valid name");
    assert_eq!(world.take_calls().send, 0);
    let changes = [
        request(Command::CanDo, &[b"g"], b""),
        request(Command::CantDo, &[b"g"], b""),
        request(Command::ResetAbilities, &[], b""),
        request(Command::CanDo, &[b"h"], b""),
        grab(),
    ];
    world.peer(0).expects(&changes.concat()).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    assert_eq!(world.take_calls().send, 1);
    world.assert_done();
}

#[test]
fn a_new_connection_gets_all_functions() {
    let (mut worker, world) = worker(1);
    worker.add_function(b"g", 0, None).expect("a valid name");
    let hello = [request(Command::CanDo, &[b"g"], b""), hello()].concat();
    world.peer(0).expects(&hello).closes();
    world.peer(0).expects(&hello).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn the_namespace_is_part_of_the_name_on_the_wire() {
    let (net, world) = ScriptNet::new();
    let mut worker = Worker::new(net);
    worker.add_server("127.0.0.1", 0).expect("a numeric address");
    worker.link.settings.set_namespace(Some(b"ns-"));
    worker.add_function(b"f", 0, Some(TOKEN)).expect("a valid name");
    assert!(worker.has_function(b"f") && !worker.has_function(b"ns-f"));
    let hello = [request(Command::CanDo, &[b"ns-f"], b""), grab()].concat();
    let job = response(Command::JobAssignUniq, &[b"H:1", b"ns-f", b"u"], b"");
    world.peer(0).expects(&hello).sends(&job);
    let (id, _) = step(&mut worker).expect("a job");
    assert_eq!(worker.job(id).expect("the job exists").function(), b"ns-f");
    worker.link.settings.set_namespace(None);
    assert!(worker.has_function(b"f"), "its name stays when the namespace changes");
}

#[test]
fn invalid_function_names_are_refused() {
    let (mut worker, _) = worker(0);
    assert_eq!(worker.add_function(b"", 0, None), Err(ReturnCode::INVALID_ARGUMENT));
    assert_eq!(worker.add_function(&[b'x'; 513], 0, None), Err(ReturnCode::INVALID_ARGUMENT));
    assert_eq!(worker.add_function(&[b'x'; 512], 0, None), Ok(()));
    assert_eq!(work(&mut worker), ReturnCode::NO_SERVERS);
}

#[test]
fn a_function_that_removes_itself_still_sends_its_result() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1"));
    let WorkStep::Call(_, ticket) = worker.work() else { panic!("a job") };
    worker.remove_all_functions().expect("registered");
    world.peer(0).expects(&complete("H:1", b"ok"));
    let outcome = Outcome::Complete(ReturnCode::SUCCESS);
    assert_eq!(worker.finish(ticket, outcome, b"ok"), ReturnCode::SUCCESS);
    world.assert_done();
    world.peer(0).expects(&request(Command::ResetAbilities, &[], b""));
    assert_eq!(worker.work(), WorkStep::Done(ReturnCode::NO_REGISTERED_FUNCTIONS));
    world.assert_done();
}
