//! Requests without a task: options, echo, cancelling a job.

use super::*;

#[test]
fn an_option_needs_one_reachable_server_and_is_repeated_on_connecting() {
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
    client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_option_is_sent_first_on_a_new_connection_and_may_be_refused() {
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
        client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
        assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
        world.assert_done();
    }
}

#[test]
fn a_changed_echo_is_echo_data_corruption() {
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
fn a_request_defers_events_for_tasks() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&submit(b""))
        .sends(&[created(), response(Command::WorkData, &[HANDLE], b"d")].concat())
        .expects(&request(Command::EchoReq, &[], b"abc"))
        .sends(&complete(b"c"))
        .sends(&response(Command::EchoRes, &[], b"abc"));
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
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
fn cancelling_a_job_sends_a_text_command() {
    let (mut client, world) = client(1);
    world.peer(0).expects(b"cancel job H:1\r\n").sends(b"OK\r\n");
    assert_eq!(client.cancel(HANDLE), Ok(()));
    world.peer(0).expects(b"cancel job H:1\r\n").sends(b"ERR UNKNOWN_JOB\r\n");
    assert_eq!(client.cancel(HANDLE), Err(ReturnCode::JOB_NOT_FOUND));
    assert_eq!(client.cancel(b"H:1\nshutdown"), Err(ReturnCode::INVALID_ARGUMENT));
    world.assert_done();
}
