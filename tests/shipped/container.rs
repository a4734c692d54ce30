//! The container of the job server, as far as it can be tried without building its image.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use gearman_test_support::paths::{own_gearmand, profile_dir};
use gearman_test_support::requirements::skip;
use gearman_test_support::server::Server;

use crate::installed::{fresh, root, run};

fn packaging(name: &str) -> PathBuf {
    root().join("bindings/packaging").join(name)
}

/// The JSON arrays of the last instruction of a kind in the Containerfile, as words.
fn words(containerfile: &str, instruction: &str) -> Vec<String> {
    let mut lines = containerfile.lines().map(str::trim_start);
    let line = lines.rfind(|line| line.starts_with(instruction));
    let line = line.unwrap_or_else(|| panic!("no {instruction}"));
    let array = &line[line.find('[').expect("an array")..];
    serde_json::from_str(array).expect("an array of words")
}

#[test]
fn the_container_is_healthy_when_its_server_answers() {
    let Some(gearmand) = own_gearmand() else {
        skip("the package is built without its job server");
        return;
    };
    let text = fs::read_to_string(packaging("Containerfile")).expect("the Containerfile");
    // Of the instruction HEALTHCHECK, which has CMD on a line of its own.
    let (_, check) = text.split_once("HEALTHCHECK").expect("a health check");
    let check = check.lines().nth(1).expect("its command");
    let check = words(check, "CMD");
    assert_eq!(check[0], "gearman");
    let healthy = |port: u16| {
        let port = port.to_string();
        let arguments = check[1..].iter().map(|word| if word == "4730" { &port } else { word });
        let mut command = Command::new(profile_dir().join("gearman"));
        command.args(arguments).output().expect("the check runs").status.success()
    };
    let server = Server::start(gearmand);
    assert!(healthy(server.port));
    let port = server.port;
    drop(server);
    assert!(!healthy(port));
}

#[test]
fn the_container_starts_its_server_with_options_that_it_has() {
    let Some(gearmand) = own_gearmand() else {
        skip("the package is built without its job server");
        return;
    };
    let text = fs::read_to_string(packaging("Containerfile")).expect("the Containerfile");
    assert_eq!(words(&text, "ENTRYPOINT"), ["/usr/sbin/gearmand"]);
    let directory = fresh("container");
    let volume = directory.to_str().expect("UTF-8");
    let arguments = words(&text, "CMD [\"--");
    let arguments = arguments.iter().map(|word| word.replace("/var/lib/gearman", volume));
    run(Command::new(gearmand).args(arguments).arg("--check-args"));
    for line in text.lines().filter_map(|line| line.trim_start().split_once(" bindings/")) {
        let script = line.1.split_whitespace().next().expect("a path");
        assert!(root().join("bindings").join(script).exists(), "{script}");
    }
}
