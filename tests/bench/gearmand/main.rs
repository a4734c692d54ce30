//! Benchmark of the job server: processor time, throughput and memory per job, beside the
//! original where it is installed, in alternating runs.
//!
//! `cargo bench --bench gearmand` runs all cases. Arguments after `--` select cases by name and
//! servers (`ours`, `original`); `--runs N` sets the number of runs. `--against PROGRAM` replaces
//! the original by another server, such as an earlier build. `--queued N` sets the number of jobs that a file of the
//! durable queue has at the start. `delays` compares our server with
//! and without each delayed reply, in the cases that follow. `--soak SECONDS` loads our server
//! with clients and workers that connect and disconnect, and checks that no job is lost.
//!
//! The load generator has its own protocol code and runs in one thread of this process. Only the
//! server's processor time is compared. The load's own is printed too, because on a machine with
//! few cores the two compete.

mod background;
mod cases;
mod crowd;
mod databases;
mod delays;
mod durable;
mod load;
mod relay;
mod report;
mod server;
mod soak;
mod stores;
mod tls;
mod wire;

use cases::{CASES, Case, Scale};
use report::Runs;
use server::Kind;

/// The command line: what to measure.
struct Settings {
    kinds: Vec<Kind>,
    cases: Vec<&'static Case>,
    runs: Option<usize>,
    scale: Scale,
    /// Seconds of soak test, which replaces the cases.
    soak: Option<u64>,
    /// Cases of the comparison of delayed replies, which replaces the others; all if empty.
    delays: Option<Vec<String>>,
    /// Program that replaces the original.
    against: Option<String>,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    // `cargo test` runs this without `--bench`: one short run shows that it works.
    let mut settings = Settings {
        kinds: Vec::new(),
        cases: Vec::new(),
        runs: Some(1),
        scale: Scale::new(1000),
        soak: None,
        delays: None,
        against: None,
    };
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        match &argument[..] {
            "--bench" => {
                settings.runs = settings.runs.filter(|&n| n > 1);
                settings.scale.divisor = 1;
            }
            "--runs" => {
                let count = arguments.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
                settings.runs = Some(count.ok_or("--runs needs a number")?);
            }
            "--queued" => {
                let count = arguments.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
                settings.scale.queued = count.ok_or("--queued needs a number of jobs")?;
            }
            "--soak" => {
                let seconds = arguments.next().and_then(|n| n.parse().ok());
                settings.soak = Some(seconds.ok_or("--soak needs a number of seconds")?);
            }
            "--against" => {
                settings.against = Some(arguments.next().ok_or("--against needs a program")?);
            }
            "delays" => settings.delays = Some(Vec::new()),
            "ours" => settings.kinds.push(Kind::Ours),
            "original" => settings.kinds.push(Kind::Original),
            name if settings.delays.is_some() && delays::is_case(name) => {
                settings.delays.as_mut().expect("it is there").push(name.into());
            }
            name => match CASES.iter().find(|case| case.name == name) {
                Some(case) => settings.cases.push(case),
                None => {
                    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
                    return Err(format!("{name} is no case; they are {}", names.join(", ")));
                }
            },
        }
    }
    if settings.kinds.is_empty() {
        settings.kinds = vec![Kind::Original, Kind::Ours];
    }
    if settings.cases.is_empty() {
        settings.cases = CASES.iter().collect();
    }
    Ok(settings)
}

fn main() {
    let settings = match parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    if let Some(seconds) = settings.soak {
        return soak::run(seconds);
    }
    if let Some(cases) = settings.delays {
        return delays::run(&cases, settings.runs, settings.scale);
    }
    if let Some(program) = settings.against {
        Kind::replace_original(program);
    }
    for kind in &settings.kinds {
        if !kind.is_installed() {
            println!("skipped: there is no {}", kind.program());
        }
    }
    println!("  {:<46} {:>10} {:>10} {:>7}", "", "original", "ours", "ratio");
    let mut missed = 0;
    for case in settings.cases {
        let mut runs = Runs::default();
        for _ in 0..settings.runs.unwrap_or(case.runs) {
            for &kind in settings.kinds.iter().filter(|kind| kind.is_installed()) {
                runs.add(kind, (case.run)(kind, settings.scale));
            }
        }
        missed += runs.print(&format!("{}: {}", case.name, case.about));
    }
    println!("\n{missed} targets missed");
}
