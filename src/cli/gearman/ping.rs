//! Asking servers whether they are alive.
//!
//! Must not: wait longer than it says, whatever a resolver does.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gearman_engine::ReturnCode;
use gearman_engine::client::{Broadcast, Client};
use gearman_net::MioNet;
use serde_json::json;

use crate::gearman::options::Options;
use crate::gearman::say;
use crate::tools::Exit;
use crate::tools::servers::Server;

/// How long every server has together, where nothing else was said.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks every server at once, and says how each answered.
pub(crate) fn run(options: &Options) -> Exit {
    let limit = options.timeout.unwrap_or(PATIENCE);
    let end = Instant::now() + limit;
    let (sender, answers) = mpsc::channel();
    for (number, server) in options.servers.iter().cloned().enumerate() {
        let sender = sender.clone();
        thread::spawn(move || {
            let began = Instant::now();
            let answer = ask(&server, limit).map(|()| began.elapsed());
            // Nobody waits for an answer that comes too late.
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
        exit = exit.or(tell(options, server, outcome));
    }
    exit
}

fn tell(options: &Options, server: &Server, outcome: Result<Duration, (Exit, String)>) -> Exit {
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
            say(&format!("{name}: {why}"));
            exit
        }
    }
}

/// Prints a line. The exit code says it too, should nobody read it.
fn print(line: &dyn Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Asks one server to send something back.
fn ask(server: &Server, limit: Duration) -> Result<(), (Exit, String)> {
    let mut client = Client::new(MioNet::new());
    client.link.settings.timeout = Some(limit);
    client
        .add_server(&server.host, server.port)
        .and_then(|()| client.broadcast(Broadcast::Echo(b"ping")))
        .map_err(|code| {
            let trouble = client.link.conns.first().and_then(|conn| conn.last_failure());
            let words = client.link.error.message().map(str::to_owned);
            let why = match code {
                ReturnCode::TIMEOUT => Some(format!("no answer within {} ms", limit.as_millis())),
                ReturnCode::GETADDRINFO => words,
                _ => trouble.or(words),
            };
            (Exit::from_code(code), why.unwrap_or_else(|| code.name().to_owned()))
        })
}
