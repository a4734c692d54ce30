//! What a job costs the server: ours and, where it is installed, the original,
//! in turns.
//!
//! `cargo bench --bench gearmand` measures everything; names of cases after
//! `--` measure these, `ours` or `original` one of the two, `--runs N` says how
//! often. `--against PROGRAM` puts another server, such as an earlier build of
//! ours, in the original's place. `delays` measures ours with and without each delayed
//! reply, in the cases that are named behind it. `--soak SECONDS` puts ours under a crowd that comes and goes and
//! checks that nothing is lost.
//!
//! The load speaks the protocol by itself, from one thread of this process. Only
//! the server's own processor time is counted; the load's stands beside it,
//! because on a machine with few cores they get in each other's way.

mod cases;
mod crowd;
mod delays;
mod load;
mod relay;
mod report;
mod server;
mod soak;

use cases::{CASES, Case, Scale};
use report::Runs;
use server::Kind;

/// What is to be measured.
struct Wanted {
    kinds: Vec<Kind>,
    cases: Vec<&'static Case>,
    runs: Option<usize>,
    scale: Scale,
    /// Seconds of soaking instead.
    soak: Option<u64>,
    /// Ours with and without each delayed reply instead: in these cases, or in all.
    delays: Option<Vec<String>>,
    /// The server to compare with.
    against: Option<String>,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    // Without cargo bench's own argument this is a test that it still works.
    let mut wanted = Wanted {
        kinds: Vec::new(),
        cases: Vec::new(),
        runs: Some(1),
        scale: Scale(1000),
        soak: None,
        delays: None,
        against: None,
    };
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        match &argument[..] {
            "--bench" => (wanted.runs, wanted.scale) = (wanted.runs.filter(|&n| n > 1), Scale(1)),
            "--runs" => {
                let count = arguments.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
                wanted.runs = Some(count.ok_or("--runs needs a number")?);
            }
            "--soak" => {
                let seconds = arguments.next().and_then(|n| n.parse().ok());
                wanted.soak = Some(seconds.ok_or("--soak needs a number of seconds")?);
            }
            "--against" => {
                wanted.against = Some(arguments.next().ok_or("--against needs a program")?);
            }
            "delays" => wanted.delays = Some(Vec::new()),
            "ours" => wanted.kinds.push(Kind::Ours),
            "original" => wanted.kinds.push(Kind::Original),
            name if wanted.delays.is_some() && delays::is_case(name) => {
                wanted.delays.as_mut().expect("it is there").push(name.into());
            }
            name => match CASES.iter().find(|case| case.name == name) {
                Some(case) => wanted.cases.push(case),
                None => {
                    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
                    return Err(format!("{name} is no case; they are {}", names.join(", ")));
                }
            },
        }
    }
    if wanted.kinds.is_empty() {
        wanted.kinds = vec![Kind::Original, Kind::Ours];
    }
    if wanted.cases.is_empty() {
        wanted.cases = CASES.iter().collect();
    }
    Ok(wanted)
}

fn main() {
    let wanted = match parse(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    if let Some(seconds) = wanted.soak {
        return soak::run(seconds);
    }
    if let Some(cases) = wanted.delays {
        return delays::run(&cases, wanted.runs, wanted.scale);
    }
    if let Some(program) = wanted.against {
        Kind::replace_original(program);
    }
    for kind in &wanted.kinds {
        if !kind.is_installed() {
            println!("skipped: there is no {}", kind.program());
        }
    }
    println!("  {:<44} {:>10} {:>10} {:>7}", "", "original", "ours", "ratio");
    let mut missed = 0;
    for case in wanted.cases {
        let mut runs = Runs::default();
        for _ in 0..wanted.runs.unwrap_or(case.runs) {
            for &kind in wanted.kinds.iter().filter(|kind| kind.is_installed()) {
                runs.add(kind, (case.run)(kind, wanted.scale));
            }
        }
        missed += runs.print(&format!("{}: {}", case.name, case.about));
    }
    println!("\n{missed} targets missed");
}
