//! A Perl module with XS code, built against the installed headers and library.

use crate::installed::{installed, root, run, under_prefix};
use crate::php_extension::copied;
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::own_gearmand;
use gearman_test_support::programs::trial;
use gearman_test_support::requirements::{have_program, skip};
use gearman_test_support::server::Server;
use std::process::Command;

/// Subtests of the module's test that passed.
fn passed(tap: &str) -> usize {
    tap.lines().filter(|line| line.starts_with("ok ")).count()
}

#[test]
fn a_perl_module_builds_against_the_installed_library_and_passes_its_tests() {
    if !have_program("pkg-config", &["--version"])
        || !have_program("perl", &["-MExtUtils::Embed", "-e", "1"])
    {
        return;
    }
    let headers = run(Command::new("perl").args(["-MConfig", "-e", "print $Config{archlibexp}"]));
    if !std::path::Path::new(&headers).join("CORE/perl.h").exists() {
        skip("Perl's headers are missing: install libperl-dev");
        return;
    }
    let Some(gearmand) = own_gearmand() else {
        skip("the package is built without its job server");
        return;
    };
    let source = root().join("bindings/perl/tests/GearmanProbe");
    trial("a Perl XS module built on our headers", "linked", "`bindings/perl/tests`", || {
        let directory = copied(&source, "perl-xs");
        run(Command::new("perl")
            .arg("Makefile.PL")
            .current_dir(&directory)
            .env("PKG_CONFIG_PATH", under_prefix("lib/pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", installed()));
        run(Command::new("make").current_dir(&directory));
        let server = Server::start(gearmand);
        let mut tests = Command::new("perl");
        tests.arg("-Mblib").arg(source.join("t/probe.t")).current_dir(&directory);
        tests.env("GEARMAN_TEST_PORT", server.port.to_string());
        tests.env("LD_LIBRARY_PATH", under_prefix("lib"));
        let outcome = run_for(tests, "probe.t", 120);
        outcome.assert_succeeded("probe.t");
        let tap = outcome.stdout;
        assert!(passed(&tap) >= 9 && !tap.contains("not ok"), "{tap}");
    });
}
