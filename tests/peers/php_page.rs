//! `src/docs/php.md`: its programs run, its services and settings are valid, and its errors are
//! those that PHP gives.
//!
//! Must not: repeat a text of the page.

use crate::php::{directory, installed};
use crate::{World, have};
use gearman_test_support::library::{Library, set_library};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{PHP, own_gearmand, repository, scratch};
use gearman_test_support::requirements::have_program;
use gearman_test_support::server::Server;
use gearman_test_support::wait::{wait_for, wait_until};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn page() -> String {
    fs::read_to_string(repository().join("src/docs/php.md")).expect("the page")
}

/// The block of code with this text.
fn block(with: &str) -> String {
    let page = page();
    let blocks = page.split("```").skip(1).step_by(2);
    let mut found = blocks.filter(|block| block.contains(with));
    let block = found.next().unwrap_or_else(|| panic!("no block with {with}"));
    let (_, text) = block.split_once('\n').expect("a language");
    text.to_owned()
}

/// A directory of this process for one test.
fn fresh(name: &str) -> PathBuf {
    let directory = scratch().join(format!("php-page-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// A program of the page, in a file that uses this job server.
fn program(directory: &Path, with: &str, port: u16) -> PathBuf {
    let text = block(with).replace("127.0.0.1:4730", &format!("127.0.0.1:{port}"));
    let file = directory.join(with).with_extension("php");
    fs::write(&file, text).expect("a file");
    file
}

fn php(file: &Path, library: Library) -> Command {
    let mut command = Command::new(PHP);
    command.args(["-d", "display_errors=stderr", "-d", "log_errors=0"]).arg(file);
    command.stdin(Stdio::null());
    set_library(&mut command, library);
    command
}

/// A process that is sent SIGKILL when it is dropped.
struct Running(Child);

impl Running {
    /// Sends SIGTERM and waits for the end. Returns the exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = libc::pid_t::try_from(self.0.id()).expect("a process id");
        // SAFETY: kill takes numbers only; the child has not been waited for.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        wait_for("end of the process", || self.0.try_wait().expect("it can be waited for")).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether so many workers offer the page's function, and no job waits.
fn has_workers(server: &Server, number: usize) -> bool {
    server.ask("status").lines().any(|line| line == format!("reverse\t0\t0\t{number}"))
}

/// Runs the page's client, whose job a worker has to do.
fn client_gets_its_result(client: &Path) {
    let outcome = run_for(php(client, Library::Preloaded), "client", 60);
    outcome.assert_succeeded("the client");
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), ("!dlroW olleH\n", ""));
}

#[test]
fn the_first_worker_and_client_of_the_page_do_a_job() {
    let Some(gearmand) = own_gearmand().filter(|_| installed()) else { return };
    let (directory, server) = (fresh("first"), Server::start(gearmand));
    let worker = program(&directory, "worker.php", server.port);
    let client = program(&directory, "client.php", server.port);
    let _worker = Running(php(&worker, Library::Preloaded).spawn().expect("php starts"));
    client_gets_its_result(&client);
}

#[test]
fn the_worker_of_the_page_survives_the_absence_and_restarts_of_its_server() {
    let Some(gearmand) = own_gearmand().filter(|_| installed()) else { return };
    for &library in Library::ways() {
        let directory = fresh("restarts");
        // Of a server that has ended.
        let port = Server::start(gearmand).port;
        let client = program(&directory, "client.php", port);
        let log = directory.join("log");
        let mut command = php(&program(&directory, "service.php", port), library);
        command.stderr(File::create(&log).expect("a log"));
        let worker = Running(command.spawn().expect("php starts"));
        wait_until("a line about the missing server", || {
            fs::read_to_string(&log).expect("the log").contains("no job server: ")
        });
        for _ in 0..3 {
            let server = Server::start_at(gearmand, port);
            wait_until("the worker", || has_workers(&server, 1));
            client_gets_its_result(&client);
            // It is killed here.
            drop(server);
        }
        assert_eq!(worker.stop(), Some(0), "{library:?}");
    }
}

/// The warnings, exceptions and codes that the script produces, without what differs by run.
fn produced(world: &World) -> Vec<(String, String)> {
    let mut command = php(&directory().join("errors.php"), Library::Preloaded);
    command.args([&world.server, &world.other].map(|server| server.port.to_string()));
    let outcome = run_for(command, "errors", 120);
    outcome.assert_succeeded("errors.php");
    let (mut errors, mut text) = (Vec::new(), String::new());
    for line in outcome.stdout.lines() {
        match (line.trim().strip_prefix("code: "), line.starts_with("  ")) {
            (Some(code), _) => errors.push((std::mem::take(&mut text), code.to_owned())),
            (None, true) => text = line.trim().to_owned(),
            // What has no code is an exception or a warning alone.
            (None, false) if !text.is_empty() => {
                errors.push((std::mem::take(&mut text), String::new()));
            }
            (None, false) => {}
        }
    }
    errors.extend((!text.is_empty()).then(|| (text, String::new())));
    errors
}

#[test]
fn the_errors_of_the_page_are_those_that_php_gives() {
    let Some(gearmand) = own_gearmand().filter(|_| installed()) else { return };
    let page = page();
    let section = page.split("## Errors\n").nth(1).expect("the section");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let documented: Vec<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let quoted = cells[1].starts_with('`').then(|| cells[1].trim_matches('`'));
            (quoted.unwrap_or(""), cells[2])
        })
        .collect();
    // A success, which one of the calls is.
    let produced: BTreeSet<_> =
        produced(&World::new(Library::Preloaded, gearmand)).into_iter().collect();
    let produced: Vec<_> = produced.into_iter().filter(|(_, code)| code != "0").collect();
    let fits = |row: &(&str, &str), error: &(String, String)| {
        row.1 == error.1 && error.0.contains(row.0) && row.0.is_empty() == error.0.is_empty()
    };
    let missing: Vec<_> =
        documented.iter().filter(|row| !produced.iter().any(|error| fits(row, error))).collect();
    assert!(missing.is_empty(), "documented and not produced: {missing:#?} of {produced:#?}");
    let unknown: Vec<_> =
        produced.iter().filter(|error| !documented.iter().any(|row| fits(row, error))).collect();
    assert!(unknown.is_empty(), "produced and not documented: {unknown:#?}");
}

#[test]
fn systemd_finds_nothing_wrong_in_the_unit_of_the_page() {
    if !have_program("systemd-analyze", &["--version"]) || !have(&[("/usr/bin/php", "php8.2-cli")])
    {
        return;
    }
    let unit = fresh("systemd").join("reverse-worker@1.service");
    fs::write(&unit, block("ExecStart=")).expect("the unit");
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze.arg("verify").arg("--man=no").arg(&unit).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // Other units of this machine have faults of their own.
    let about_it: Vec<&str> = said.lines().filter(|line| line.contains("reverse-worker")).collect();
    assert!(about_it.is_empty(), "{about_it:#?}");
}

#[test]
fn supervisor_runs_and_stops_the_workers_of_the_page() {
    let supervisord = "/usr/bin/supervisord";
    let Some(gearmand) = own_gearmand().filter(|_| installed()) else { return };
    // SAFETY: geteuid has no preconditions.
    if !have(&[(supervisord, "supervisor")]) || unsafe { libc::geteuid() } != 0 {
        return;
    }
    let (directory, server) = (fresh("supervisor"), Server::start(gearmand));
    let service = program(&directory, "service.php", server.port);
    let section = block("[program:");
    let command = format!("{PHP} {}", service.display());
    assert!(section.contains("/usr/bin/php /srv/app/service.php"), "{section}");
    let section = section.replace("/usr/bin/php /srv/app/service.php", &command);
    // Only root can read the directory of the test.
    let section = section.replace("user=www-data", "user=root");
    let config = directory.join("supervisord.conf");
    let own = format!(
        "[supervisord]\nuser=root\nlogfile={0}/log\npidfile={0}/pid\nchildlogdir={0}\n",
        directory.display()
    );
    fs::write(&config, format!("{own}{section}")).expect("the configuration");
    let mut command = Command::new(supervisord);
    command.arg("--nodaemon").arg("--configuration").arg(&config);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    set_library(&mut command, Library::Preloaded);
    let supervisor = Running(command.spawn().expect("supervisord starts"));
    wait_until("both workers", || has_workers(&server, 2));
    client_gets_its_result(&program(&directory, "client.php", server.port));
    assert_eq!(supervisor.stop(), Some(0));
    wait_until("the workers' end", || has_workers(&server, 0));
}

#[test]
fn php_fpm_takes_the_settings_of_the_page() {
    let fpm = "/usr/sbin/php-fpm8.2";
    if !have(&[(fpm, "php8.2-fpm")]) {
        return;
    }
    let directory = fresh("fpm");
    let config = directory.join("fpm.conf");
    let pool = format!("[www]\nlisten = {}/socket\nuser = root\n", directory.display());
    let log = format!("[global]\nerror_log = {}/log\n", directory.display());
    fs::write(&config, format!("{log}{pool}{}", block("pm.max_children"))).expect("a file");
    let mut command = Command::new(fpm);
    let output = command.arg("-t").arg("--allow-to-run-as-root").arg("--fpm-config").arg(&config);
    let output = output.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("test is successful"), "{said}");
}
