//! Access rules: what is refused, how, and what new rules change.

use std::sync::Arc;

use super::host::{World, request};
use crate::{Origin, PeerIdentity};
use gearman_access::{
    AccessControl, AdminScope, GroupMembers, ListenerRole, NameLookup, Permission, Rules,
};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

/// No users and no groups.
struct NoNames;

impl NameLookup for NoNames {
    fn user(&self, _name: &str) -> Result<Option<u32>, String> {
        Ok(None)
    }

    fn group(&self, _name: &str) -> Result<Option<GroupMembers>, String> {
        Ok(None)
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(text.as_bytes(), &NoNames).expect("valid rules")
}

fn world(text: &str) -> World {
    let mut world = World::new();
    world.server.set_access(AccessControl::new(Some(rules(text)), AdminScope::All));
    world
}

impl World {
    /// A session of a peer at an address.
    fn connect_from(&mut self, address: &str, role: ListenerRole) -> ConnectionKey {
        let key = self.connect();
        let stream = self.server.disconnect(key).expect("a session");
        let origin = Origin::Inet((address.parse::<std::net::IpAddr>().expect("one"), 4000).into());
        self.server.connect_to(role, stream, origin, 7)
    }

    fn audit(&mut self) -> Vec<String> {
        std::mem::take(&mut self.server.journal.audit)
    }
}

const SUBMIT_ONLY: &str = "deny submit from any for secret\nallow submit from any\n";

#[test]
fn a_refused_submission_is_answered_with_an_error_that_names_the_rule() {
    let mut world = world(SUBMIT_ONLY);
    let client = world.connect();
    world.deliver(client, &request(Command::SubmitJobBg, &["secret", "u"], b"x"));
    world.settle();
    let bytes = world.bytes(client);
    let text = "PERMISSION_DENIED\0Denied by line 1 of the access rules: submit secret";
    assert!(bytes.ends_with(text.as_bytes()), "{}", bytes.escape_ascii());
    assert_eq!(world.audit(), ["unix:1 submit secret: Denied by line 1 of the access rules"]);
    assert_eq!(world.server.broker.counts().functions, 0, "no function is created for it");
    let created = world.ask(client, Command::SubmitJobBg, &["open", "u"], b"x");
    assert!(created[0].starts_with("JOB_CREATED"), "{created:?}");
}

#[test]
fn a_session_that_has_submitted_one_function_is_still_refused_another() {
    let mut world = world("deny submit from any for secret\nallow submit from any");
    let client = world.connect();
    for (function, expected) in [
        ("open", "JOB_CREATED"),
        ("secret", "ERROR"),
        ("open", "JOB_CREATED"),
        ("other", "JOB_CREATED"),
        ("", "JOB_CREATED"),
        ("secret", "ERROR"),
    ] {
        let answer = world.ask(client, Command::SubmitJobBg, &[function, ""], b"x");
        assert!(answer[0].starts_with(expected), "{function}: {answer:?}");
    }
}

#[test]
fn every_kind_of_submission_is_refused() {
    let mut world = world("allow submit from any for f");
    let client = world.connect();
    for (command, args) in [
        (Command::SubmitJob, &["g", "u"][..]),
        (Command::SubmitJobBg, &["g", "u"]),
        (Command::SubmitJobHigh, &["g", "u"]),
        (Command::SubmitJobHighBg, &["g", "u"]),
        (Command::SubmitJobLow, &["g", "u"]),
        (Command::SubmitJobLowBg, &["g", "u"]),
        (Command::SubmitJobEpoch, &["g", "u", "9"]),
        (Command::SubmitReduceJob, &["g", "u", "f", ""]),
        (Command::SubmitReduceJob, &["f", "u", "g", ""]),
        (Command::SubmitReduceJobBackground, &["f", "u", "g", ""]),
    ] {
        let answer = world.ask(client, command, args, b"x");
        assert!(
            answer.len() == 1 && answer[0].starts_with("ERROR PERMISSION_DENIED"),
            "{answer:?}"
        );
    }
    assert_eq!(world.server.broker.job_count(), 0);
    let answer = world.ask(client, Command::SubmitReduceJob, &["f", "u", "f", ""], b"x");
    assert!(answer[0].starts_with("JOB_CREATED"), "{answer:?}");
}

#[test]
fn a_refused_can_do_is_not_answered_and_is_shown_in_workers() {
    let mut world = world("allow work from any for a\nallow view from any");
    let worker = world.connect();
    world.send(worker, Command::CanDo, &["a"]);
    world.send(worker, Command::CanDoTimeout, &["b", "5000"]);
    let asked = world.ask(worker, Command::GrabJob, &[], b"");
    assert_eq!(asked, ["NO_JOB"], "the answer is the answer to the question");
    assert_eq!(world.audit(), ["unix:1 work b: No access rule allows this"]);
    assert_eq!(world.ask_text(worker, "workers\n"), "7 unix:1 - : a !b\n.\n");
    let json = world.ask_text(worker, "json workers\n");
    assert!(json.contains(r#""functions":["a"],"refused":["b"]"#), "{json}");
    assert_eq!(world.server.broker.counts().functions, 1, "b is not created");
}

#[test]
fn cant_do_and_reset_abilities_forget_refused_functions() {
    let mut world = world("allow view from any");
    let worker = world.connect();
    for function in ["a", "b", "c"] {
        world.send(worker, Command::CanDo, &[function]);
    }
    world.send(worker, Command::CantDo, &["b"]);
    assert_eq!(world.ask_text(worker, "workers\n"), "7 unix:1 - : !a !c\n.\n");
    world.send(worker, Command::ResetAbilities, &[]);
    assert_eq!(world.ask_text(worker, "workers\n"), "7 unix:1 - :\n.\n");
}

#[test]
fn new_rules_give_and_take_functions_of_connected_workers() {
    let mut world = world("allow work from any for a\nallow submit view from any");
    let worker = world.connect();
    world.send(worker, Command::CanDo, &["a"]);
    world.send(worker, Command::CanDo, &["b"]);
    world.ask(worker, Command::PreSleep, &[], b"");
    let client = world.connect();
    world.ask(client, Command::SubmitJobBg, &["b", ""], b"waits");
    assert_eq!(world.received(worker), [""; 0]);
    world.server.replace_rules(rules("allow work from any for b\nallow submit view from any"));
    world.settle();
    assert_eq!(world.received(worker), ["NOOP"], "a job of its new function waits");
    let job = world.ask(worker, Command::GrabJob, &[], b"");
    assert!(job[0].starts_with("JOB_ASSIGN") && job[0].contains("waits"), "{job:?}");
    assert_eq!(world.ask_text(client, "workers\n"), "7 unix:2 - :\n7 unix:1 - : b !a\n.\n");
}

#[test]
fn a_job_that_runs_is_finished_by_its_worker_although_new_rules_take_the_function() {
    let mut world = world("allow all from any");
    let (worker, client) = (world.worker("f"), world.connect());
    world.ask(client, Command::SubmitJob, &["f", "u"], b"x");
    world.received(worker);
    let job = world.ask(worker, Command::GrabJob, &[], b"").remove(0);
    let handle = job.strip_prefix("JOB_ASSIGN ").and_then(|rest| rest.split("\\x00").next());
    let handle = handle.expect("a handle").to_string();
    world.server.replace_rules(rules("allow view from any"));
    world.settle();
    assert_eq!(world.ask(worker, Command::WorkComplete, &[&handle], b"done"), [""; 0]);
    assert_eq!(world.received(client), [format!("WORK_COMPLETE {handle}\\x00done")]);
    assert_eq!(world.ask_text(client, "status\n"), "f\t0\t0\t0\n.\n");
}

#[test]
fn the_next_packet_of_an_open_connection_obeys_new_rules() {
    let mut world = world("allow submit from any");
    let client = world.connect();
    assert!(world.ask(client, Command::SubmitJobBg, &["f", ""], b"")[0].starts_with("JOB_CREATED"));
    world.server.replace_rules(rules("allow view from any"));
    assert!(world.ask(client, Command::SubmitJobBg, &["f", ""], b"")[0].starts_with("ERROR"));
}

#[test]
fn a_peer_without_any_permission_may_only_echo() {
    let mut world = world("allow all from net:10.0.0.0/8");
    let peer = world.connect();
    assert_eq!(world.ask(peer, Command::EchoReq, &[], b"hello"), ["ECHO_RES hello"]);
    let status = world.ask(peer, Command::GetStatus, &["H:x:1"], b"");
    assert!(status[0].starts_with("ERROR PERMISSION_DENIED"), "{status:?}");
    let refused = "ERR PERMISSION_DENIED No+access+rule+allows+this\r\n";
    for line in
        ["status", "workers", "version", "json server", "pause function f", "cancel job H:1"]
    {
        assert_eq!(world.ask_text(peer, &format!("{line}\n")), refused, "{line}");
    }
    let friend = world.connect_from("10.0.0.1", ListenerRole::Jobs);
    assert!(world.ask(friend, Command::GetStatus, &["H:x:1"], b"")[0].starts_with("STATUS_RES"));
}

#[test]
fn commands_need_their_permission_on_their_function() {
    let mut world = world(
        "allow submit work from any\nallow admin from any for a*\nallow cancel from any for c\n",
    );
    let peer = world.connect();
    world.send(peer, Command::CanDo, &["CAPITAL"]);
    let mut handles = Vec::new();
    for function in ["a", "b", "c"] {
        let created = world.ask(peer, Command::SubmitJobBg, &[function, "u"], b"").remove(0);
        handles.push(created.trim_start_matches("JOB_CREATED ").to_string());
    }
    let denied = "ERR PERMISSION_DENIED No+access+rule+allows+this\r\n";
    for (line, answer) in [
        ("pause function a", "OK\r\n"),
        ("pause function b", denied),
        ("resume function c", denied),
        ("maxqueue ab 3", "OK\r\n"),
        ("maxqueue b 3", denied),
        ("create function az", "OK\r\n"),
        ("create function z", denied),
        ("drop function AZ", "OK\r\n"),
        ("drop function B", denied),
        ("cancelunique b u", denied),
        ("cancelunique c u", "OK\r\n"),
        (&format!("cancel job {}", handles[1]), denied),
        (&format!("cancel job {}", handles[0]), "OK\r\n"),
        ("cancel job H:none:1", "ERR UNKNOWN_JOB\r\n"),
    ] {
        assert_eq!(world.ask_text(peer, &format!("{line}\n")), answer, "{line}");
    }
    let audit = world.audit();
    assert_eq!(audit[0], "unix:1 pause function a: OK");
    assert_eq!(audit[1], format!("unix:1 pause function b: {} denied", denied.trim_end()));
    assert_eq!(audit.len(), 14, "{audit:#?}");
}

#[test]
fn lists_have_only_what_their_reader_may_see() {
    let mut world = world("allow all from net:10.0.0.1\nallow view from net:10.0.0.2 for team.*\n");
    let all = world.connect_from("10.0.0.1", ListenerRole::Jobs);
    let team = world.connect_from("10.0.0.2", ListenerRole::Jobs);
    for function in ["team.mail", "other"] {
        world.send(all, Command::CanDo, &[function]);
        world.ask(all, Command::SubmitJobBg, &[function, function], b"");
    }
    assert_eq!(world.ask_text(team, "status\n"), "team.mail\t1\t0\t1\n.\n");
    assert_eq!(world.ask_text(team, "prioritystatus\n"), "team.mail\t0\t1\t0\t1\n.\n");
    assert_eq!(world.ask_text(team, "show unique jobs\n"), "team.mail\n.\n");
    assert_eq!(world.ask_text(team, "show jobs\n").lines().count(), 2);
    assert_eq!(world.ask_text(team, "jobs\n").lines().count(), 2);
    assert_eq!(world.ask_text(team, "jobs other\n"), ".\n");
    assert_eq!(world.ask_text(team, "workers\n"), "7 10.0.0.1 - : team.mail\n.\n");
    for line in ["json status\n", "json workers\n", "json jobs\n"] {
        let json = world.ask_text(team, line);
        assert!(json.contains("team.mail") && !json.contains("other"), "{json}");
    }
    assert_eq!(world.ask_text(all, "status\n").lines().count(), 3);
    assert_eq!(world.ask_text(all, "workers\n").lines().count(), 3);
}

#[test]
fn a_certificate_gives_its_permissions() {
    let mut world = world("allow submit from cert:web.example.org");
    let (with, without) = (world.connect(), world.connect());
    let identity =
        PeerIdentity { common_name: Some("web.example.org".into()), ..PeerIdentity::default() };
    world.stream(with).identity = Some(Arc::new(identity));
    assert!(world.ask(with, Command::SubmitJobBg, &["f", ""], b"")[0].starts_with("JOB_CREATED"));
    assert!(world.ask(without, Command::SubmitJobBg, &["f", ""], b"")[0].starts_with("ERROR"));
    world.ask(with, Command::CanDo, &["f"], b"");
    let audit = world.audit().pop().expect("a line");
    assert_eq!(audit, "unix:1 (certificate of web.example.org) work f: No access rule allows this");
}

#[test]
fn an_admin_listener_takes_text_commands_and_no_jobs() {
    let mut world = World::new();
    world.server.set_access(AccessControl::new(None, AdminScope::ReadOnly));
    let admin = world.connect_from("10.0.0.1", ListenerRole::Admin(AdminScope::All));
    let reader = world.connect_from("10.0.0.1", ListenerRole::Admin(AdminScope::ReadOnly));
    let plain = world.connect_from("10.0.0.1", ListenerRole::Jobs);
    world.send(plain, Command::CanDo, &["f"]);
    assert_eq!(world.ask_text(admin, "pause function f\n"), "OK\r\n");
    let read_only =
        "ERR PERMISSION_DENIED This+address+takes+only+text+commands+that+change+nothing\r\n";
    for peer in [reader, plain] {
        assert_eq!(world.ask_text(peer, "resume function f\n"), read_only);
        assert_eq!(world.ask_text(peer, "status\n"), "f\t0\t0\t1\n.\n");
    }
    for peer in [admin, reader] {
        let answer = world.ask(peer, Command::SubmitJobBg, &["f", ""], b"");
        assert!(answer[0].starts_with("ERROR PERMISSION_DENIED"), "{answer:?}");
        assert_eq!(world.ask(peer, Command::EchoReq, &[], b"x"), ["ECHO_RES x"]);
    }
    assert!(world.ask(plain, Command::SubmitJobBg, &["f", ""], b"")[0].starts_with("JOB_CREATED"));
}

#[test]
fn refusals_are_counted_by_permission() {
    let mut world = world("allow view from any");
    let peer = world.connect();
    world.ask(peer, Command::SubmitJob, &["f", "u"], b"");
    world.ask(peer, Command::CanDo, &["f"], b"");
    world.ask(peer, Command::CanDo, &["g"], b"");
    world.ask_text(peer, "pause function f\n");
    let counts = world.server.access().expect("rules").refusals();
    let counts = Permission::ALL.map(|permission| counts.of(permission));
    assert_eq!(counts, [1, 2, 0, 0, 1]);
}

#[test]
fn many_refused_functions_of_a_worker_cost_bounded_memory() {
    let mut world = world("allow view from any");
    let worker = world.connect();
    for number in 0..3000 {
        world.send(worker, Command::CanDo, &[&format!("f{number}")]);
        if number % 500 == 0 {
            world.settle();
        }
    }
    let list = world.ask_text(worker, "workers\n");
    assert_eq!(list.matches('!').count(), 1000);
}
