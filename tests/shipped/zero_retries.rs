//! What the job server's package says of `--job-retries=0` when it is installed.

use std::fs;
use std::process::Command;

use super::installed::{fresh, root};

const DEFAULT: &str = "etc/default/gearman-job-server";
const CONFIG: &str = "etc/gearmand.conf";
const UNIT: &str = "etc/systemd/system/gearman-job-server.service";
const DROP_IN: &str = "etc/systemd/system/gearman-job-server.service.d/local.conf";

/// What the script says of a system that has these files.
fn output(name: &str, files: &[(&str, &str)]) -> String {
    let system = fresh(name);
    for (file, text) in files {
        let path = system.join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }
    let script = root().join("bindings/packaging/debian/share/explain-zero-retries");
    let output = Command::new("sh").arg(script).arg(&system).output().expect("sh runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{files:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn zero_retries_are_found_wherever_the_server_gets_its_options() {
    for (file, text) in [
        (DEFAULT, "PARAMS=\"--listen=localhost --job-retries=0\"\n"),
        (DEFAULT, "PARAMS=\"-j 0 --daemon\"\n"),
        (DEFAULT, "PARAMS=\"-t 10 -j0\"\n"),
        (DEFAULT, "PARAMS='-dj 0'\n"),
        (DEFAULT, "PARAMS=\"--daemon \\\n --job-retries 0 \\\n -v\"\n"),
        (DEFAULT, "PARAMS=-j0\n"),
        (CONFIG, "--job-retries=0\n"),
        (CONFIG, "--job-retries 00 --threads=4\n"),
        (UNIT, "[Service]\nExecStart=/usr/sbin/gearmand -j 0\n"),
        (DROP_IN, "[Service]\nExecStart=\nExecStart=/usr/sbin/gearmand --job-retries=0 $PARAMS\n"),
        (DROP_IN, "[Service]\nEnvironment=\"PARAMS=-j 0\"\n"),
    ] {
        let said = output("zero-retries", &[(file, text)]);
        let first = format!("gearman-job-server: /{file} has --job-retries=0.\n");
        assert!(said.starts_with(&first) && said.contains("--job-retries=1"), "{text}: {said}");
    }
}

#[test]
fn nothing_is_printed_without_zero_retries() {
    for (file, text) in [
        (DEFAULT, ""),
        (DEFAULT, "PARAMS=\"--listen=localhost\"\n"),
        (DEFAULT, "# PARAMS=\"-j 0\"\nPARAMS=\"-j 10 --threads 0\"\n"),
        (DEFAULT, "PARAMS=\"--job-retries=1 --job-handle-prefix=H-j0\"\n"),
        (CONFIG, "--job-retries=-1\n--port=0\n"),
        (DROP_IN, "[Service]\nExecStart=/usr/sbin/gearmand -w 0 -j 05\n"),
        ("etc/elsewhere", "-j 0"),
    ] {
        assert_eq!(output("more-retries", &[(file, text)]), "", "{text}");
    }
}

#[test]
fn a_configuration_file_that_the_options_name_is_looked_at() {
    let options = "PARAMS=\"--config-file=/etc/site.conf -d\"\n";
    let said = output("named-file", &[(DEFAULT, options), ("etc/site.conf", "-j 0\n")]);
    assert!(said.starts_with("gearman-job-server: /etc/site.conf has --job-retries=0"), "{said}");
}
