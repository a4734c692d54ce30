//! A PHP extension that is configured and compiled against the installed headers
//! and library, as extensions for libgearman are.

use crate::installed::{fresh, root, run, under_prefix};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{PHP, own_gearmand};
use gearman_test_support::programs::trial;
use gearman_test_support::requirements::{have_program, skip};
use gearman_test_support::server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Copies the sources of a directory, without its subdirectories, to a fresh one.
pub(crate) fn copied(sources: &Path, name: &str) -> PathBuf {
    let directory = fresh(name);
    for entry in fs::read_dir(sources).expect("the sources can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, directory.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    directory
}

#[test]
fn a_php_extension_builds_against_the_installed_library() {
    if !have_program("phpize8.2", &["--version"]) || !have_program(PHP, &["--version"]) {
        return;
    }
    let Some(gearmand) = own_gearmand() else {
        skip("the package is built without its job server");
        return;
    };
    trial(
        "a PHP extension built on our headers",
        "linked",
        "`bindings/php/tests/extension`",
        || {
            let directory = copied(&root().join("bindings/php/tests/extension"), "php-extension");
            let prefix = under_prefix("");
            run(Command::new("phpize8.2").current_dir(&directory));
            run(Command::new("./configure")
                .current_dir(&directory)
                .arg("--with-php-config=php-config8.2")
                .arg(format!("--with-gearman-probe={}", prefix.display())));
            run(Command::new("make")
                .current_dir(&directory)
                .arg("CFLAGS=-g -O2 -Wall -Wextra -Werror -Wno-unused-parameter"));

            let server = Server::start(gearmand);
            let mut php = Command::new(PHP);
            php.args(["-d", "display_errors=stderr", "-d"]);
            php.arg(format!("extension={}", directory.join("modules/gearman_probe.so").display()));
            php.arg(directory.join("probe.php")).arg(server.port.to_string());
            php.stdin(Stdio::null()).env("LD_LIBRARY_PATH", under_prefix("lib"));
            let outcome = run_for(php, "probe.php", 60);
            outcome.assert_succeeded("probe.php");
            let version = env!("CARGO_PKG_VERSION");
            let wanted = format!(
                "string(12) \"!dlroW olleH\"\nstring(7) \"1000000\"\nint(0)\nbool(false)\n1\n{version}\n"
            );
            assert_eq!(outcome.stdout, wanted);
            assert_eq!(outcome.stderr, "");
        },
    );
}
