//! Sends the requests over one connection, each after the reply to the one before.
//!
//! Must not: know what an operation means.

use std::io::{self, Write};
use std::time::Instant;

use gearman_engine::ReturnCode;
use gearman_engine::admin::Admin;
use gearman_net::MioNet;
use gearman_protocol::admin::Reply;

use crate::gearadmin::notify;
use crate::gearadmin::options::{GearadminOptions, GivenOperation};
use crate::gearadmin::show::{Answered, View};
use crate::gearadmin::watch::{self, Round};
use crate::tools::Exit;
use crate::tools::refusal::refusal_text;
use crate::tools::usage;

/// Runs every operation, until the connection is lost. Returns the exit code for the first
/// one that failed. A live view runs them again and again.
pub(crate) fn run(options: &GearadminOptions) -> Exit {
    let server = &options.server;
    let mut admin = match Admin::new(MioNet::new(), &server.host, server.port) {
        Ok(admin) => admin,
        Err(error) => {
            let why = error.message().unwrap_or("unknown error");
            notify(&format!("cannot connect to {server}: {why}"));
            return Exit::Connect;
        }
    };
    admin.link.settings.timeout = options.timeout;
    options.environment.apply(&mut admin.link.settings);
    options.tls.apply(&mut admin.link.settings, false);
    let mut view = View::new(options.format, options.watch.is_some());
    match options.watch {
        None => run_once(&mut admin, options, &mut view),
        Some(period) => {
            let about = format!("gearadmin {server}");
            watch::watch(period, options.format, &about, || round(&mut admin, options, &mut view))
        }
    }
}

fn run_once(admin: &mut Admin<MioNet>, options: &GearadminOptions, view: &mut View) -> Exit {
    let mut exit = Exit::Done;
    let mut output = io::stdout().lock();
    for given in &options.operations {
        let outcome = answer(admin, options, given, view);
        outcome.complaint.iter().for_each(|complaint| notify(complaint));
        exit = exit.or(outcome.exit);
        if let Err(error) = output.write_all(&outcome.shown).and_then(|()| output.flush()) {
            return exit.or(usage::cannot_print("gearadmin", error));
        }
        if outcome.is_lost {
            return exit;
        }
    }
    exit
}

/// Runs every operation once, for a live view.
fn round(admin: &mut Admin<MioNet>, options: &GearadminOptions, view: &mut View) -> Round {
    view.fit_to_terminal();
    let mut round = Round { text: Vec::new(), complaints: Vec::new() };
    for given in &options.operations {
        let outcome = answer(admin, options, given, view);
        round.text.extend(outcome.shown);
        round.complaints.extend(outcome.complaint);
        if outcome.is_lost {
            break;
        }
    }
    round
}

/// What became of an operation.
struct OperationOutcome {
    shown: Vec<u8>,
    complaint: Option<String>,
    exit: Exit,
    /// Whether the connection is lost, so that the next operation would fail as well.
    is_lost: bool,
}

fn answer(
    admin: &mut Admin<MioNet>,
    options: &GearadminOptions,
    given: &GivenOperation,
    view: &mut View,
) -> OperationOutcome {
    let server = &options.server;
    match ask(admin, given, view) {
        Ok((reply, shown)) => {
            let why = match &reply {
                Reply::Refused(why) => Some(refusal_text(why)),
                Reply::Done(_) | Reply::List(_) => None,
            };
            let name = given.operation.name;
            let complaint = why.map(|why| format!("{server} refused --{name}: {why}"));
            let exit = if complaint.is_some() { Exit::Refused } else { Exit::Done };
            OperationOutcome { shown, complaint, exit, is_lost: false }
        }
        Err(code) => OperationOutcome {
            shown: Vec::new(),
            complaint: Some(failure(admin, code, &server.to_string())),
            exit: Exit::from_code(code),
            is_lost: true,
        },
    }
}

/// Sends a request, and formats the reply. A request that not every server knows is sent first; a
/// server that does not know it gets the other one.
fn ask(
    admin: &mut Admin<MioNet>,
    given: &GivenOperation,
    view: &mut View,
) -> Result<(Reply, Vec<u8>), ReturnCode> {
    if let Some((request, kind)) = &given.preferred
        && view.wants(*kind)
    {
        let reply = admin.ask(request)?;
        let answered = Answered::Preferred(*kind, Instant::now());
        if let Some(shown) = view.show(given.operation, &reply, answered) {
            return Ok((reply, shown));
        }
    }
    let reply = admin.ask(&given.request)?;
    let shown = view.show(given.operation, &reply, Answered::Plain).unwrap_or_default();
    Ok((reply, shown))
}

/// The message for a request without a reply.
fn failure(admin: &Admin<MioNet>, code: ReturnCode, server: &str) -> String {
    let why = admin.link.conns[0].last_failure();
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    match code {
        ReturnCode::COULD_NOT_CONNECT => format!("cannot connect to {server}{why}"),
        ReturnCode::LOST_CONNECTION => format!("lost the connection to {server}{why}"),
        ReturnCode::TIMEOUT => {
            let limit = admin.link.settings.timeout.unwrap_or_default().as_millis();
            format!("no reply from {server} within {limit} ms")
        }
        code => format!("{server}: {}{why}", code.name()),
    }
}
