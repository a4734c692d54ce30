//! The examples of `bindings/php/examples` with Debian's PHP extension, on the original and on
//! ours.

use crate::{World, gives_on, have, on_the_original};
use gearman_test_support::library::{Library, set_library};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, PHP, profile_dir, repository};
use gearman_test_support::programs::trial;
use std::process::{Command, Stdio};

const MODULES: &str = "/usr/lib/php/20220829";

/// Runs an example to its end and returns what it printed.
fn example(world: &World, name: &str) -> String {
    let mut command = Command::new(PHP);
    command.args(["-d", "display_errors=stderr", "-d", "log_errors=0"]);
    command.arg(repository().join("bindings/php/examples").join(name).with_extension("php"));
    command.args(["-h", "127.0.0.1", "-p", &world.server.port.to_string()]);
    command.env("GEARMAN", profile_dir().join("gearman")).stdin(Stdio::null());
    set_library(&mut command, world.library);
    let outcome = run_for(command, name, 120);
    outcome.assert_succeeded(&format!("{name} on {:?}", world.library));
    assert_eq!(outcome.stderr, "", "{name} on {:?}", world.library);
    outcome.stdout
}

/// An example prints this on the original and on ours, with either job server.
fn prints(name: &str, expected: &str) {
    let gearman = format!("{MODULES}/gearman.so");
    let sqlite = format!("{MODULES}/pdo_sqlite.so");
    let gd = format!("{MODULES}/gd.so");
    if !have(&[
        (PHP, "php8.2-cli"),
        (&gearman, "php8.2-gearman"),
        (&sqlite, "php8.2-sqlite3"),
        (&gd, "php8.2-gd"),
        (ORIGINAL_GEARMAND, "gearman-job-server"),
    ]) {
        return;
    }
    assert_eq!(on_the_original(|world| example(world, name)), expected);
    let how = Library::Ours.how();
    trial("Debian's `php8.2-gearman`, php-cli", how, "`bindings/php/examples`", || {
        gives_on(&[Library::Ours], expected, |world| example(world, name));
    });
}

#[test]
fn a_crawl_pipeline_stores_every_page_once() {
    let expected = "\
/          200  171 bytes  4 links  Front page
/about     200  140 bytes  1 links  About this site
/archive   200  194 bytes  4 links  Archive
/news      200  169 bytes  4 links  News
/news/1    200  117 bytes  2 links  A server was started
/news/2    200  155 bytes  3 links  A worker was added
/news/3    200  117 bytes  2 links  A job was done
/picture   404    0 bytes  0 links
8 pages stored, 1 of them missing at the site
";
    prints("crawl", expected);
}

#[test]
fn a_log_pipeline_counts_every_line() {
    let expected = "\
12 lines went through gearman -n -f logger
     6  /
     3  /news
     2  /missing
     1  /picture.png
12 requests: 10 x 200, 2 x 404; 49600 bytes
";
    prints("log_summary", expected);
}

#[test]
fn thumbnails_arrive_as_they_are_made() {
    let expected = "\
image/png of 320x240, yellow in the middle: yes
25%
image/png of 160x120, yellow in the middle: yes
50%
image/png of 80x60, yellow in the middle: yes
75%
image/png of 40x30, yellow in the middle: yes
100%
complete
";
    prints("resize", expected);
}

#[test]
fn pieces_are_sorted_and_merged() {
    let expected = "\
map: 6 pieces sorted
reduce: 6 pieces merged to 3
reduce: 3 pieces merged to 2
reduce: 2 pieces merged to 1
20000 numbers from 78 to 999983 are in order
";
    prints("merge_sort", expected);
}

#[test]
fn a_nightly_job_of_two_machines_is_one_job() {
    let expected = "\
2026-11-29: submitted by two machines, one job
  anna     49
  ben       5
  carla     0
  dan     101
";
    prints("nightly", expected);
}
