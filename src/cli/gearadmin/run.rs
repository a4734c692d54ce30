//! Asking: one connection, one operation after another.
//!
//! Must not: know what an operation is.

use std::io::{self, Write};

use gearman_engine::ReturnCode;
use gearman_engine::admin::Admin;
use gearman_net::MioNet;
use gearman_protocol::admin::Reply;

use crate::gearadmin::options::{Asked, Options};
use crate::gearadmin::show::{self, Format};
use crate::tools::Exit;

/// Does every operation, until the server is lost. The first that was not done
/// decides how the program ends.
pub(crate) fn run(options: &Options) -> Exit {
    let server = &options.server;
    let mut admin = match Admin::new(MioNet::new(), &server.host, server.port) {
        Ok(admin) => admin,
        Err(error) => {
            say(&format!("cannot connect to {server}: {}", error.message().unwrap_or("?")));
            return Exit::Connect;
        }
    };
    admin.link.settings.timeout = options.timeout;
    let mut exit = Exit::Done;
    let mut output = io::stdout().lock();
    for asked in &options.requests {
        let shown = match ask(&mut admin, asked, options.format) {
            Ok((reply, shown)) => {
                if let Reply::Refused(why) = &reply {
                    exit = exit.or(Exit::Refused);
                    say(&String::from_utf8_lossy(why));
                }
                shown
            }
            Err(code) => {
                say(&trouble(&admin, code, &server.to_string()));
                return exit.or(Exit::from_code(code));
            }
        };
        if let Err(error) = output.write_all(&shown).and_then(|()| output.flush()) {
            // A reader that has seen enough is no error worth telling.
            if error.kind() != io::ErrorKind::BrokenPipe {
                say(&format!("standard output: {error}"));
            }
            return exit.or(Exit::System);
        }
    }
    exit
}

/// Asks, and makes what is printed of the answer. For JSON a server is asked for
/// JSON first; one that has none says so.
fn ask(
    admin: &mut Admin<MioNet>,
    asked: &Asked,
    format: Format,
) -> Result<(Reply, Vec<u8>), ReturnCode> {
    if let (Format::Json, Some(request), Some(json)) = (format, &asked.json, asked.operation.json) {
        let reply = admin.ask(request)?;
        if let Some(shown) = show::from_json(asked.operation, json.member, &reply) {
            return Ok((reply, shown));
        }
    }
    let reply = admin.ask(&asked.request)?;
    let shown = show::show(asked.operation, &reply, format);
    Ok((reply, shown))
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "Error: {text}");
}

/// Why a server could not be asked.
fn trouble(admin: &Admin<MioNet>, code: ReturnCode, server: &str) -> String {
    let why = admin.link.conns[0].last_failure();
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    match code {
        ReturnCode::COULD_NOT_CONNECT => format!("cannot connect to {server}{why}"),
        ReturnCode::LOST_CONNECTION => format!("the connection to {server} was lost{why}"),
        ReturnCode::TIMEOUT => {
            let limit = admin.link.settings.timeout.unwrap_or_default().as_millis();
            format!("{server} did not answer within {limit} ms")
        }
        code => format!("{server}: {}{why}", code.name()),
    }
}
