//! Output on a terminal, which tmux provides.

use crate::processes::*;
use gearman::engine::worker::Report;
use gearman_test_support::server::Server;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::channel;

const TMUX: &str = "/usr/bin/tmux";

/// A terminal that runs a program, killed when dropped.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Starts a shell line. The screen stays when it has ended.
    fn start(line: &str) -> Terminal {
        let terminal = Terminal { socket: scratch().join("tmux") };
        let line = format!("{line}; echo \"code $?\"; cat");
        let status = terminal
            .tmux(&[
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                "100",
                "-y",
                "20",
                "sh",
                "-c",
                &line,
            ])
            .status();
        assert!(status.expect("tmux runs").success());
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = tool(TMUX, ["-S".as_ref(), self.socket.as_os_str()]);
        command.args(args).env_remove("TMUX").env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        command
    }

    /// Types a key, such as `C-c`.
    fn types(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).status().expect("tmux runs").success());
    }

    /// What the screen shows.
    fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).output().expect("tmux runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Waits until the screen shows all of this.
    #[track_caller]
    fn shows(&self, parts: &[&str]) -> String {
        wait_for(&format!("a screen with {parts:?}"), || {
            let screen = self.screen();
            parts.iter().all(|part| screen.contains(part)).then_some(screen)
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}

fn line(program: &str, server: &Server, rest: &str) -> String {
    format!("'{program}' -h 127.0.0.1 -p {} {rest}", server.port)
}

#[test]
fn progress_shows_jobs_and_how_far_each_is() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    with_each_server(|server| {
        let (go, told_to) = channel();
        let worker = scripted(server, 2, move |data, tell| {
            for (numerator, denominator) in [(25, 100), (3, 0)] {
                tell(Report::Status { numerator, denominator }, b"");
                told_to.recv().expect("told to");
            }
            Ok([data, b" is done\n"].concat())
        });
        let terminal = Terminal::start(&line(GEARMAN, server, "--progress -j 1 -f f one two"));
        let screen = terminal.shows(&["0/2 done, 1 sent", "25% (25/100)", "=>"]);
        assert!(screen.contains("f H:") && !screen.contains(" left"), "{screen}");
        assert!(!screen.contains("Complete"), "{screen}");
        go.send(()).expect("the worker listens");
        let screen = terminal.shows(&["0/2 done, 1 sent", " 3"]);
        assert!(screen.contains("f H:"), "{screen}");
        go.send(()).expect("the worker listens");
        // The result is above the bar, which is drawn again below it.
        let screen =
            terminal.shows(&["one is done\n", "1/2 done, 2 sent", " left", "25% (25/100)"]);
        assert!(screen.starts_with("one is done\n"), "{screen}");
        (0..2).for_each(|_| go.send(()).expect("the worker listens"));
        let screen = terminal.shows(&["two is done\n", "2/2 done, 2 sent", "/s", "code 0"]);
        assert!(!screen.contains("25%"), "bars of jobs are gone: {screen}");
        assert!(!screen.contains(" left"), "{screen}");
        worker.join().expect("the worker ends");
    });
}

#[test]
fn progress_of_lines_knows_its_end_when_the_input_ends() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    with_each_server(|server| {
        let worker = scripted(server, 3, |data, _| match data {
            b"2" => Err(()),
            _ => Ok(Vec::new()),
        });
        let terminal =
            Terminal::start(&format!("seq 1 3 | {}", line(GEARMAN, server, "--progress -N -f f")));
        terminal.shows(&["Job failed", "3/3 done, 3 sent, 1 failed", "code 1"]);
        worker.join().expect("the worker ends");
    });
}

#[test]
fn progress_of_lines_reads_ahead_to_estimate_the_time_that_is_left() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    let server = Server::start(GEARMAND);
    let (go, told_to) = channel();
    let worker = scripted(&server, 3, move |_, _| {
        told_to.recv().expect("told to");
        Ok(Vec::new())
    });
    let client = line(GEARMAN, &server, "--progress -N -f f");
    let terminal = Terminal::start(&format!("seq 1 3 | {client}"));
    terminal.shows(&["0/3 done, 1 sent"]);
    go.send(()).expect("the worker listens");
    terminal.shows(&["1/3 done, 2 sent", ", about ", " left"]);
    (0..2).for_each(|_| go.send(()).expect("the worker listens"));
    terminal.shows(&["3/3 done, 3 sent", "code 0"]);
    worker.join().expect("the worker ends");
}

#[test]
fn control_c_says_what_is_still_done_and_a_second_one_ends_the_client() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    with_each_server(|server| {
        // The shell outlives Control-C, and shows the exit code.
        let client = line(GEARMAN, server, "-v -N -j 2 -f f");
        let terminal = Terminal::start(&format!("trap : INT; seq 1 5 | {client}"));
        let screen = terminal.shows(&["Task created"]);
        assert!(!screen.contains("interrupted"), "{screen}");
        wait_for("both jobs", || (terminal.screen().matches("created").count() == 2).then_some(()));
        terminal.types("C-c");
        terminal.shows(&["gearman: interrupted: finishing 2 jobs, not submitting 3", "at once"]);
        assert!(!terminal.screen().contains("code "), "{}", terminal.screen());
        terminal.types("C-c");
        terminal.shows(&["code 130"]);
    });
}

#[test]
fn progress_is_for_terminals_only() {
    let server = Server::start(GEARMAND);
    let worker = scripted(&server, 1, |_, tell| {
        tell(Report::Status { numerator: 1, denominator: 2 }, b"");
        Ok(Vec::new())
    });
    run(gearman(&server, &["--progress", "-f", "f", "x"]), b"").printed("50% Complete\n");
    worker.join().expect("the worker ends");
}

#[test]
fn lists_are_tables_on_a_terminal() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    with_each_server(|server| {
        for name in ["short", "a_longer_name"] {
            assert_eq!(run(gearman(server, &["-b", "-f", name, "x"]), b"").code, Some(0));
        }
        let terminal = Terminal::start(&line(GEARADMIN, server, "--status --show-unique-jobs"));
        let screen = terminal.shows(&["code 0"]);
        for part in [
            "FUNCTION       TOTAL  RUNNING  WORKERS",
            "short              1        0        0",
            "a_longer_name      1        0        0",
            "\nUNIQUE\n",
        ] {
            assert!(screen.contains(part), "{part:?} in\n{screen}");
        }
    });
}

#[test]
fn tables_on_a_terminal_show_pauses_limits_and_ports_and_fit_its_width() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    let server = Server::start(GEARMAND);
    let long = "f".repeat(120);
    let admin = line(GEARADMIN, &server, "");
    let terminal = Terminal::start(&format!(
        "{admin} --create-function {long} --maxqueue {long} 7 --pause-function {long} \
         --status --workers --drop-function {long}"
    ));
    let screen = terminal.shows(&["code 0"]);
    let titles = screen.lines().find(|line| line.starts_with("FUNCTION")).expect("titles");
    assert!(titles.ends_with("TOTAL  RUNNING  WORKERS  PAUSED  LIMIT"), "{screen}");
    let row = screen.lines().find(|line| line.starts_with("fff")).expect("the function");
    assert!(row.contains("f…  ") && row.ends_with("yes     7"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 100), "{screen}");
    assert!(screen.contains("CANCELLED  FUNCTIONS"), "{screen}");
    assert!(screen.lines().any(|line| line.contains(" 127.0.0.1:")), "{screen}");
    assert!(screen.contains("OK, 0 queued jobs were dropped with it"), "{screen}");
}

#[test]
fn a_live_view_is_painted_in_place_and_gives_the_screen_back() {
    if !have_file(TMUX, "tmux") {
        return;
    }
    let server = Server::start(GEARMAND);
    let admin = line(GEARADMIN, &server, "--watch 0.1");
    let terminal = Terminal::start(&format!("echo before; trap : INT; {admin}"));
    let screen = terminal.shows(&["every 100ms; Control-C ends", "FUNCTION", "IN/S"]);
    assert!(!screen.contains("before"), "{screen}");
    let submitted = run(gearman(&server, &["-b", "-n", "-f", "work"]), b"1\n2\n3\n");
    assert_eq!(submitted.code, Some(0));
    let screen = terminal.shows(&["work"]);
    assert_eq!(screen.matches("FUNCTION").count(), 1, "{screen}");
    terminal.types("C-c");
    let screen = terminal.shows(&["before", "code 0"]);
    assert!(!screen.contains("FUNCTION"), "{screen}");
}
