//! `--ping`: asks each server for an echo and prints whether it answers.
//!
//! Must not: exceed its timeout, even if the resolver blocks: each server has a thread.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{Broadcast, Client};
use gearman_net::MioNet;
use serde_json::json;

use crate::gearman::notify;
use crate::gearman::options::GearmanOptions;
use crate::tools::Exit;
use crate::tools::environment::Environment;
use crate::tools::servers::ServerAddress;
use crate::tools::tls::TlsArguments;

/// Time in which all servers have to answer, without `-t`.
const PING_TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

/// Asks all servers at the same time, and prints the answer of each.
pub(crate) fn run(options: &GearmanOptions) -> Exit {
    let limit = options.timeout.unwrap_or(PING_TIMEOUT_DEFAULT);
    let end = Instant::now() + limit;
    let (sender, answers) = mpsc::channel();
    for (number, server) in options.servers.iter().cloned().enumerate() {
        let sender = sender.clone();
        let (tls, environment) = (options.tls.clone(), options.environment.clone());
        thread::spawn(move || {
            let began = Instant::now();
            let answer = ask(&server, &tls, &environment, limit).map(|()| began.elapsed());
            // After the timeout the receiver is gone.
            let _ = sender.send((number, answer));
        });
    }
    let silent = || Err((Exit::Timeout, format!("no answer within {} ms", limit.as_millis())));
    let mut outcomes: Vec<_> = options.servers.iter().map(|_| silent()).collect();
    for _ in &options.servers {
        let left = end.saturating_duration_since(Instant::now());
        let Ok((number, answer)) = answers.recv_timeout(left) else { break };
        outcomes[number] = answer;
    }
    let mut exit = Exit::Done;
    for (server, outcome) in options.servers.iter().zip(outcomes) {
        exit = exit.or(print_outcome(options, server, outcome));
    }
    exit
}

fn print_outcome(
    options: &GearmanOptions,
    server: &ServerAddress,
    outcome: Result<Duration, (Exit, String)>,
) -> Exit {
    let name = server.to_string();
    match outcome {
        Ok(time) => {
            let ms = time.as_secs_f64() * 1000.0;
            if options.json {
                print(&json!({"server": name, "alive": true, "milliseconds": ms}));
            } else {
                print(&format_args!("{name} is alive ({ms:.1} ms)"));
            }
            Exit::Done
        }
        Err((exit, why)) => {
            if options.json {
                print(&json!({"server": name, "alive": false, "error": why}));
            }
            notify(&format!("{name}: {why}"));
            exit
        }
    }
}

/// Prints a line. A closed standard output is ignored: the exit code tells the same.
fn print(line: &dyn Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Asks one server for an echo.
///
/// # Errors
/// The exit code and why there was no echo.
fn ask(
    server: &ServerAddress,
    tls: &TlsArguments,
    environment: &Environment,
    limit: Duration,
) -> Result<(), (Exit, String)> {
    let mut client = Client::new(MioNet::new());
    client.link.settings.timeout = Some(limit);
    tls.apply(&mut client.link.settings, TlsArguments::is_in_environment());
    environment.apply(&mut client.link.settings);
    client
        .add_server(&server.host, server.port)
        .and_then(|()| client.broadcast(Broadcast::Echo(b"ping")))
        .map_err(|code| failure(&client, code))
}

/// The exit code and the words for a request that failed, of a client with one server.
pub(crate) fn failure(client: &Client<MioNet>, code: ReturnCode) -> (Exit, String) {
    let trouble = client.link.conns.first().and_then(|conn| conn.last_failure());
    let words = client.link.error.message().map(str::to_owned);
    let limit = client.link.settings.timeout.unwrap_or_default();
    let why = match code {
        ReturnCode::TIMEOUT => Some(format!("no answer within {} ms", limit.as_millis())),
        ReturnCode::GETADDRINFO => words,
        _ => trouble.or(words),
    };
    (Exit::from_code(code), why.unwrap_or_else(|| code.name().to_owned()))
}
