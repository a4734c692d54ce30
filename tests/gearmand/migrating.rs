//! Copying a queue into another, where there is nothing to copy. What is copied is in tests/durable.

use std::fs;

use super::durable::{start, stop};
use super::support::*;

/// Copies a file into a Redis that is not there; returns what is printed to standard error.
fn refused(arguments: &[&str]) -> String {
    let command = ["--migrate-queue", "libsqlite3", "redis", "--redis-port=1"];
    let output = gearmand(&[&command[..], arguments].concat());
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_queue_that_is_not_there_is_named_and_not_made() {
    let directory = Directory::new("migrating-nothing");
    let file = directory.file("typo.db");
    let text = refused(&["--libsqlite3-db", &file]);
    assert_eq!(text, format!("gearmand: --libsqlite3-db {file}: there is no such file\n"));
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[test]
fn a_table_that_is_not_in_the_file_is_named_and_not_made() {
    let directory = Directory::new("migrating-no-table");
    let file = directory.file("queue.db");
    stop(start(&file, &[]));
    let before = fs::read(&file).expect("reads");
    let text = refused(&["--libsqlite3-db", &file, "--libsqlite3-table=typo"]);
    assert_eq!(text, format!("gearmand: --libsqlite3-db {file}: there is no table typo\n"));
    assert_eq!(fs::read(&file).expect("reads"), before);
}
