//! MariaDB with the functions of `bindings/mysql`.
//!
//! Must not: look at what a function returns.

use crate::Counted;
use crate::build::{can_be_built, packages};
use crate::shared_process::SharedProcess;
use gearman_test_support::databases::process::Home;
use gearman_test_support::databases::{create_mariadb, has_mariadb, mariadb_client, mariadbd};
use gearman_test_support::library::own_library_dir;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Mutex, OnceLock, RwLock};

/// A server that all tests share.
pub(crate) struct MariaDb {
    home: PathBuf,
    _process: Mutex<SharedProcess>,
    /// Held for writing while a setting of the whole server is not the default.
    settings: RwLock<()>,
}

/// The server, started by the first test; `None`, and a line, without what it takes.
pub(crate) fn mariadb() -> Option<Counted<MariaDb>> {
    static SERVER: OnceLock<Option<MariaDb>> = OnceLock::new();
    let server = SERVER.get_or_init(|| installed().then(MariaDb::start)).as_ref()?;
    Some(Counted::begin(server, "Debian's `mariadb-server`"))
}

fn installed() -> bool {
    has_mariadb() && can_be_built()
}

impl MariaDb {
    fn start() -> MariaDb {
        let library = packages().join("usr/lib/mysql/plugin/libgearman_mysql_udf.so");
        let home = Home::new("mariadb-functions").keep();
        let path = |name: &str| home.join(name);
        fs::create_dir(path("plugin")).expect("a directory");
        fs::copy(library, path("plugin/libgearman_mysql_udf.so")).expect("the library");
        // A user that is not root may not be able to enter the directory of the build.
        fs::copy(own_library_dir().join("libgearman.so.8"), path("plugin/libgearman.so.8"))
            .expect("the library");
        create_mariadb(&home);
        let mut mariadbd = mariadbd(&home);
        mariadbd.arg("--skip-networking");
        mariadbd.arg(format!("--plugin-dir={}", path("plugin").display()));
        mariadbd.env("LD_LIBRARY_PATH", path("plugin"));
        let mut process = SharedProcess::start(&home, &mariadbd);
        wait_until("MariaDB", || {
            process.assert_alive();
            mariadb_client(&home).args(["-e", ""]).output().is_ok_and(|done| done.status.success())
        });
        let (process, settings) = (Mutex::new(process), RwLock::new(()));
        let server = MariaDb { home, _process: process, settings };
        server.run_file("install.sql");
        server
    }

    /// Runs a script of the package.
    pub(crate) fn run_file(&self, name: &str) {
        let script = fs::File::open(packages().join("usr/share/mariadb-plugin-gearman").join(name));
        let output = mariadb_client(&self.home)
            .stdin(script.expect("a script"))
            .output()
            .expect("mariadb runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sets something for the whole server, which no other statement may see, and back. Returns the
    /// output of the statements between.
    pub(crate) fn with_setting(&self, set: &str, statements: &str, back: &str) -> Output {
        let _alone = self.settings.write().expect("no test has panicked with it");
        self.run(set);
        let output = self.run(statements);
        self.run(back);
        output
    }

    fn try_query(&self, statements: &str) -> Output {
        let _shared = self.settings.read().expect("no test has panicked with it");
        self.run(statements)
    }

    /// Runs statements in one session; the output of the client, and its exit.
    fn run(&self, statements: &str) -> Output {
        mariadb_client(&self.home).args(["-N", "-e", statements]).output().expect("mariadb runs")
    }

    /// The rows that statements return, their fields between tabs.
    pub(crate) fn query(&self, statements: &str) -> String {
        let output = self.try_query(statements);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {error}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The error of statements, of which one must fail.
    pub(crate) fn error(&self, statements: &str) -> String {
        let output = self.try_query(statements);
        assert!(!output.status.success(), "{statements} does not fail");
        String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
    }
}
