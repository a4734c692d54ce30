//! PostgreSQL with the extension of `bindings/postgresql`.
//!
//! Must not: look at what a function returns, or write into the system's directories: the server
//! runs from a copy of its programs, beside which it finds the extension.

use crate::Counted;
use crate::build::{can_be_built, packages};
use crate::job_server::JobServer;
use crate::shared_process::SharedProcess;
use gearman_test_support::databases::process::{Home, command};
use gearman_test_support::library::own_library_dir;
use gearman_test_support::requirements::skip;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

/// A server that all tests share.
pub(crate) struct PostgreSql {
    home: PathBuf,
    _process: Mutex<SharedProcess>,
}

/// The server, started by the first test; `None`, and a line, without what it takes.
pub(crate) fn postgresql() -> Option<Counted<PostgreSql>> {
    static SERVER: OnceLock<Option<PostgreSql>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Some(PostgreSql::start(&newest()?))).as_ref()?;
    Some(Counted::begin(server, "Debian's `postgresql`"))
}

/// The newest version that is installed with its headers.
fn newest() -> Option<String> {
    if !can_be_built() {
        return None;
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter(|version| {
            let file = |name: &str| version.path().join(name).exists();
            file("bin/initdb") && file("lib/pgxs/src/makefiles/pgxs.mk")
        })
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max();
    if newest.is_none() {
        skip("PostgreSQL with headers is missing: install postgresql-server-dev-all");
    }
    newest.map(|version| version.to_string())
}

/// Copies the files of a directory as links, with its subdirectories.
fn link_tree(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-rs").args([from, to]).status().expect("cp runs");
    assert!(done.success(), "cp -rs {}", from.display());
}

impl PostgreSql {
    fn start(version: &str) -> PostgreSql {
        let home = Home::new("postgresql-functions").keep();
        let path = |name: &str| home.join(name);
        let (programs, share) =
            (format!("lib/postgresql/{version}"), format!("share/postgresql/{version}"));
        let extension = packages().join("usr");
        fs::create_dir_all(path(&format!("{programs}/bin"))).expect("a directory");
        fs::create_dir_all(path("share/postgresql")).expect("a directory");
        for program in ["postgres", "initdb"] {
            let program = format!("{programs}/bin/{program}");
            fs::copy(Path::new("/usr").join(&program), path(&program)).expect("a program");
        }
        link_tree(&Path::new("/usr").join(&programs).join("lib"), &path(&programs));
        link_tree(&Path::new("/usr").join(&share), &path("share/postgresql"));
        let library = path(&programs).join("lib");
        fs::copy(extension.join(&programs).join("lib/gearman.so"), library.join("gearman.so"))
            .expect("the extension");
        fs::copy(own_library_dir().join("libgearman.so.8"), library.join("libgearman.so.8"))
            .expect("the library");
        for file in ["gearman.control", "gearman--1.0.sql"] {
            fs::copy(
                extension.join(&share).join("extension").join(file),
                path(&share).join("extension").join(file),
            )
            .expect("the extension");
        }
        let program = |name: &str| path(&format!("{programs}/bin/{name}"));
        let initdb = command(&program("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "-D"])
            .arg(path("data"))
            .output()
            .expect("initdb runs");
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let mut postgres = command(&program("postgres"));
        postgres.arg("-D").arg(path("data")).arg("-k").arg(&home).args(["-h", ""]);
        postgres.env("LD_LIBRARY_PATH", &library);
        let mut process = SharedProcess::start(&home, &postgres);
        wait_until("PostgreSQL", || {
            process.assert_alive();
            let probe = client(&home, "").args(["-c", ""]).output();
            probe.is_ok_and(|done| done.status.success())
        });
        let server = PostgreSql { home, _process: Mutex::new(process) };
        server.query("", "CREATE EXTENSION gearman");
        server
    }

    /// Runs statements in one session whose job servers are these.
    fn try_query(&self, servers: &str, statements: &str) -> Output {
        let mut client = client(&self.home, servers);
        client.args(["-v", "ON_ERROR_STOP=1", "-c", statements]).output().expect("psql runs")
    }

    /// The rows that statements return, their fields between `|`.
    pub(crate) fn query(&self, servers: &str, statements: &str) -> String {
        let output = self.try_query(servers, statements);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {error}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs the lines of a script in one session, of which some may fail: the rows, and the errors.
    pub(crate) fn script(&self, server: &JobServer, lines: &[&str]) -> (String, String) {
        let mut client = client(&self.home, &server.address());
        lines.iter().for_each(|line| {
            client.args(["-c", line]);
        });
        let output = client.output().expect("psql runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// The error of statements, of which one must fail.
    pub(crate) fn error(&self, servers: &str, statements: &str) -> String {
        let output = self.try_query(servers, statements);
        assert!(!output.status.success(), "{statements} does not fail");
        String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
    }
}

fn client(directory: &Path, servers: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-h"]).arg(directory);
    command.env("PGOPTIONS", format!("-c gearman.servers={servers}")).stdin(Stdio::null());
    command
}
