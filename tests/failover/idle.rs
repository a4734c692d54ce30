//! An idle worker, as the kernel sees it.

use gearman_test_support::library::{Library, set_library};
use gearman_test_support::paths::{PHP, PHP_EXTENSION, own_gearmand, scratch};
use gearman_test_support::requirements::have_file;
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Works for the servers that its argument lists.
const WORKER: &str = "$worker = new GearmanWorker();
    $worker->addServers($argv[1]);
    $worker->addFunction(\"idle\", function ($job) {});
    while (true) $worker->work();";

/// How long system calls are counted.
const COUNTED: Duration = Duration::from_secs(3);

#[test]
fn a_worker_with_three_idle_servers_makes_fewer_than_5_system_calls_a_second() {
    let strace = "/usr/bin/strace";
    if !(have_file(strace, "strace") & have_file(PHP, "php8.2-cli"))
        || !have_file(PHP_EXTENSION, "php8.2-gearman")
    {
        return;
    }
    let gearmand = own_gearmand().expect("the tests build gearmand");
    let servers = [(); 3].map(|()| Server::start(gearmand));
    let trace = scratch().join(format!("idle-{}", std::process::id()));
    let list = servers.each_ref().map(|server| format!("127.0.0.1:{}", server.port)).join(",");
    let mut command = Command::new(strace);
    let file = scratch().join(format!("idle-{}.pid", std::process::id()));
    // The end of strace does not end what it has started.
    let script = format!("echo $$ >'{}'; exec {PHP} -r '{WORKER}' {list}", file.display());
    command.arg("-f").arg("-o").arg(&trace).args(["sh", "-c", &script]);
    command.stdin(Stdio::null());
    set_library(&mut command, Library::Ours);
    let mut tracer = command.spawn().expect("strace starts");
    for server in &servers {
        wait_until("a worker that sleeps", || server.ask("status").contains("idle\t0\t0\t1"));
    }
    // Its last packets are answered.
    sleep(Duration::from_millis(500));
    let calls = || fs::read_to_string(&trace).expect("a trace").lines().count();
    let before = calls();
    sleep(COUNTED);
    let made = calls() - before;
    let pid = fs::read_to_string(&file).expect("a process id");
    let killed = Command::new("kill").arg(pid.trim()).status().expect("kill runs");
    assert!(killed.success(), "the worker still runs");
    let _ = tracer.wait();
    [trace, file].iter().for_each(|file| _ = fs::remove_file(file));
    assert!(made < 5 * COUNTED.as_secs() as usize, "{made} system calls in {COUNTED:?}");
}
