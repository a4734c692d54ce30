//! `--status` and `--wait`: asks servers for the state of jobs.
//!
//! Must not: submit, or say how a job ended; servers do not know that.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{Client, TaskStep};
use gearman_engine::task::{Callbacks, Status, TaskKind, Token};
use gearman_net::MioNet;
use serde_json::{Map, Value};

use crate::gearman::options::GearmanOptions;
use crate::gearman::{notify, ping};
use crate::tools::servers::ServerAddress;
use crate::tools::tls::TlsArguments;
use crate::tools::waiting::jittered;
use crate::tools::{Exit, json};

/// Time in which a server has to answer, without `-t`.
const ANSWER_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
/// The pause before a job is asked about again; each answer doubles it.
const ASK_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const ASK_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A server, and a connection to it that is made when it is asked.
struct AskedServer<'a> {
    address: &'a ServerAddress,
    client: Client<MioNet>,
}

/// What the servers say about a job.
enum StatusAnswer {
    /// The state, and the place of the server that knows the job.
    Known(Status, usize),
    /// None of them knows it.
    Unknown,
    /// None that answered knows it, and this is why another one did not answer.
    Failed(Exit, String),
}

/// Prints the state of each job.
pub(crate) fn show(options: &GearmanOptions) -> Exit {
    let limit = options.timeout.unwrap_or(ANSWER_TIMEOUT_DEFAULT);
    let mut servers = asked_servers(options, limit);
    let mut exit = Exit::Done;
    for handle in &options.handles {
        let (status, server) = match ask_all(&mut servers, handle) {
            StatusAnswer::Known(status, at) => (status, Some(servers[at].address)),
            StatusAnswer::Unknown => {
                exit = exit.or(Exit::Failed);
                (Status::default(), None)
            }
            StatusAnswer::Failed(failure, why) => {
                exit = exit.or(failure);
                notify(&why);
                continue;
            }
        };
        print(&shown(options, handle, &status, server));
    }
    exit
}

/// Waits until each job has ended.
pub(crate) fn wait(options: &GearmanOptions) -> Exit {
    let end = options.timeout.and_then(|limit| Instant::now().checked_add(limit));
    let waits = options.handles.iter().map(|handle| wait_for(options, handle, end));
    waits.fold(Exit::Done, Exit::or)
}

/// Waits until one job has ended. Once a server knows it, only that one is asked, however
/// long it is away.
fn wait_for(options: &GearmanOptions, handle: &OsStr, end: Option<Instant>) -> Exit {
    let limit = options.timeout.map_or(ANSWER_TIMEOUT_DEFAULT, |t| t.min(ANSWER_TIMEOUT_DEFAULT));
    let mut servers = asked_servers(options, limit);
    let (mut was_known, mut is_away) = (false, false);
    let mut last_shown = String::new();
    let mut pause = ASK_PAUSE_FIRST;
    loop {
        match ask_all(&mut servers, handle) {
            StatusAnswer::Known(status, at) => {
                let text = shown(options, handle, &status, Some(servers[at].address));
                if options.verbose && text != last_shown {
                    print(&text);
                    last_shown = text;
                }
                servers.swap(0, at);
                servers.truncate(1);
                was_known = true;
                if std::mem::take(&mut is_away) {
                    notify("connected again");
                }
            }
            StatusAnswer::Unknown => {
                if !was_known {
                    let handle = handle.to_string_lossy();
                    notify(&format!("job {handle} has ended, or there was none"));
                }
                return Exit::Done;
            }
            StatusAnswer::Failed(exit, why) if !was_known => {
                notify(&why);
                return exit;
            }
            StatusAnswer::Failed(_, why) if !is_away => {
                is_away = true;
                notify(&format!("{why}; trying again"));
            }
            StatusAnswer::Failed(..) => {}
        }
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            notify(&format!("job {} has not ended in time", handle.to_string_lossy()));
            return Exit::Timeout;
        }
        thread::sleep(left.map_or(jittered(pause), |left| left.min(jittered(pause))));
        pause = (pause * 2).min(ASK_PAUSE_MAX);
    }
}

fn asked_servers(options: &GearmanOptions, limit: Duration) -> Vec<AskedServer<'_>> {
    let asked = options.servers.iter().map(|address| {
        let mut client = Client::new(MioNet::new());
        let settings = &mut client.link.settings;
        settings.timeout = Some(limit);
        options.tls.apply(settings, TlsArguments::is_in_environment());
        options.environment.apply(settings);
        AskedServer { address, client }
    });
    asked.collect()
}

/// Asks the servers in turn, until one knows the job.
fn ask_all(servers: &mut [AskedServer<'_>], handle: &OsStr) -> StatusAnswer {
    let mut answer = StatusAnswer::Unknown;
    for (at, server) in servers.iter_mut().enumerate() {
        match ask(server, handle) {
            Ok(status) if status.known => return StatusAnswer::Known(status, at),
            Ok(_) => {}
            Err((exit, why)) => {
                answer = StatusAnswer::Failed(exit, format!("{}: {why}", server.address))
            }
        }
    }
    answer
}

/// Asks one server.
///
/// # Errors
/// The exit code and why there was no answer.
fn ask(server: &mut AskedServer<'_>, handle: &OsStr) -> Result<Status, (Exit, String)> {
    let (client, address) = (&mut server.client, server.address);
    if client.link.conns.is_empty()
        && let Err(code) = client.add_server(&address.host, address.port)
    {
        return Err(ping::failure(client, code));
    }
    let none = Callbacks::default();
    let task = client.add_status(handle.as_bytes(), TaskKind::Add, none, Token::NONE);
    let mut run = client.run_all();
    let code = loop {
        match client.step(&mut run) {
            TaskStep::Done(code) => break code,
            // A task without callbacks and hooks makes no calls.
            TaskStep::Call(..) => {}
        }
    };
    let task = client.remove_task(task);
    match (code, task) {
        (ReturnCode::SUCCESS, Some(task)) => Ok(task.status),
        (code, _) => Err(ping::failure(client, code)),
    }
}

/// The state in a word.
fn state(status: &Status) -> &'static str {
    match (status.known, status.running) {
        (false, _) => "unknown",
        (true, false) => "queued",
        (true, true) => "running",
    }
}

/// A line about a job, in the form that the options ask for.
fn shown(
    options: &GearmanOptions,
    handle: &OsStr,
    status: &Status,
    server: Option<&ServerAddress>,
) -> String {
    match options.json {
        true => as_json(handle, status, server).to_string(),
        false => as_text(handle, status),
    }
}

fn as_text(handle: &OsStr, status: &Status) -> String {
    let text = format!("{}: {}", handle.to_string_lossy(), state(status));
    match (status.numerator, status.denominator) {
        (0, 0) => text,
        (numerator, denominator) => format!("{text}, {numerator}/{denominator}"),
    }
}

fn as_json(handle: &OsStr, status: &Status, server: Option<&ServerAddress>) -> Value {
    let mut object = Map::new();
    json::put(&mut object, "handle", handle.as_bytes());
    object.insert("state".into(), state(status).into());
    if let Some(server) = server {
        object.insert("server".into(), server.to_string().into());
        object.insert("numerator".into(), status.numerator.into());
        object.insert("denominator".into(), status.denominator.into());
    }
    Value::Object(object)
}

/// Prints a line. A closed standard output is ignored: the exit code tells the same.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
