//! Sends the requests over one connection, each after the reply to the one before.
//!
//! Must not: know what an operation means.

use std::io::{self, Write};

use gearman_engine::ReturnCode;
use gearman_engine::admin::Admin;
use gearman_net::MioNet;
use gearman_protocol::admin::Reply;

use crate::gearadmin::notify;
use crate::gearadmin::options::{GearadminOptions, GivenOperation};
use crate::gearadmin::show::{self, Format};
use crate::tools::Exit;
use crate::tools::usage;

/// Runs every operation, until the connection is lost. Returns the exit code for the first
/// one that failed.
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
    options.tls.apply(&mut admin.link.settings, false);
    options.environment.apply(&mut admin.link.settings);
    let mut exit = Exit::Done;
    let mut output = io::stdout().lock();
    for given in &options.operations {
        let shown = match ask(&mut admin, given, options.format) {
            Ok((reply, shown)) => {
                if let Reply::Refused(why) = &reply {
                    exit = exit.or(Exit::Refused);
                    let (name, why) = (given.operation.name, String::from_utf8_lossy(why));
                    notify(&format!("{server} refused --{name}: {why}"));
                }
                shown
            }
            Err(code) => {
                notify(&failure(&admin, code, &server.to_string()));
                return exit.or(Exit::from_code(code));
            }
        };
        if let Err(error) = output.write_all(&shown).and_then(|()| output.flush()) {
            return exit.or(usage::cannot_print("gearadmin", error));
        }
    }
    exit
}

/// Sends a request, and formats the reply. With `--json` the request for JSON is sent
/// first; a server that does not know it gets the other one.
fn ask(
    admin: &mut Admin<MioNet>,
    given: &GivenOperation,
    format: Format,
) -> Result<(Reply, Vec<u8>), ReturnCode> {
    if let (Format::Json, Some(request), Some(json)) = (format, &given.json, given.operation.json) {
        let reply = admin.ask(request)?;
        if let Some(shown) = show::from_json(given.operation, json.member, &reply) {
            return Ok((reply, shown));
        }
    }
    let reply = admin.ask(&given.request)?;
    let shown = show::show(given.operation, &reply, format);
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
