//! What watches a Gearman: plugins of monitoring systems, on our server and on the original's.

use std::path::Path;
use std::process::Command;

use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand, profile_dir};
use gearman_test_support::programs::trial;
use gearman_test_support::requirements::skip;
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;

use crate::{TIMEOUT_S, server_name, tools};

/// `nagios-gearman-plugin` of PyPI. Its dependency `gearman` is for Python 2: `pygearman` stands
/// in for it, under the same name.
#[test]
fn the_nagios_plugin_of_pypi() {
    let bin = tools().join("nagios-gearman-plugin/bin");
    if !bin.exists() {
        skip(&format!("{} is missing: tests/run.sh installs it", bin.display()));
        return;
    }
    let own = own_gearmand().expect("this test is built with the server");
    for gearmand in [own, ORIGINAL_GEARMAND].into_iter().filter(|path| Path::new(path).exists()) {
        let how = server_name(gearmand);
        trial("PyPI's `nagios-gearman-plugin`", how, "`tests/clients/watching.rs`", || {
            let server = Server::start(gearmand);
            let check = |more: &[&str]| {
                let mut command = Command::new(bin.join("python"));
                command.arg(bin.join("check_gearman.py"));
                command.args(["-H", "127.0.0.1", "-p", &server.port.to_string(), "-f", "resize"]);
                command.args(more);
                let outcome = run_for(command, "check_gearman", TIMEOUT_S);
                let code = outcome.status.and_then(|status| status.code());
                (code, outcome.stdout.lines().next().unwrap_or_default().to_owned())
            };
            let unknown = "GEARMANWORKERMETRIC UNKNOWN - no check results";
            assert_eq!(check(&[]), (Some(3), unknown.to_owned()), "before there is a function");

            let port = server.port.to_string();
            let mut worker = Command::new(profile_dir().join("gearman"))
                .args(["-h", "127.0.0.1", "-p", &port, "-w", "-f", "resize", "--", "cat"])
                .spawn()
                .expect("the worker starts");
            wait_until("worker", || server.ask("status").contains("resize\t0\t0\t1\n"));
            let ok = "GEARMANWORKERMETRIC OK - Workers Avail is 1 | \
                      'Workers Avail'=1 'Workers Capacity'=0.0%;75;75";
            assert_eq!(check(&[]), (Some(0), ok.to_owned()));
            let (code, line) = check(&["-c", "2:"]);
            assert_eq!(code, Some(2), "{line}");
            assert!(
                line.starts_with("GEARMANWORKERMETRIC CRITICAL - Workers Avail is 1"),
                "{line}"
            );
            worker.kill().expect("the worker runs");
            worker.wait().expect("the worker ends");
        });
    }
}
