//! PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::certificates;
use super::process::{Home, children, command, free_port, signal};
use crate::requirements::skip;
use crate::wait::wait_until;

/// The user and the database of the tests.
const DATABASE_USER: &str = "gearman";

/// A running server, ended when dropped.
pub struct Postgres {
    child: Option<Child>,
    programs: PathBuf,
    home: Home,
    port: u16,
}

/// Directory of the server's programs, those of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut found: Vec<_> = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

impl Postgres {
    /// Creates and starts a server; skips the test if there is no PostgreSQL.
    pub fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            skip("PostgreSQL is missing: install postgresql");
            return None;
        };
        let home = Home::new("postgres");
        let data = home.path().join("data");
        let mut initdb = command(&programs.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-A", "trust", "-E", "UTF8", "-N", "-U", DATABASE_USER]);
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut server = Postgres { child: None, programs, home, port: free_port() };
        server.run();
        server.psql("postgres", &format!("CREATE DATABASE {DATABASE_USER}"));
        Some(server)
    }

    /// Starts the server again after it has ended.
    pub fn run(&mut self) {
        let log = fs::File::create(self.home.path().join("log")).expect("a log");
        let mut server = command(&self.programs.join("postgres"));
        server.arg("-D").arg(self.data()).arg("-k").arg(self.home.path());
        server.args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        server.args(["-c", "shared_buffers=64MB", "-c", "log_min_messages=warning"]);
        server.stdout(Stdio::null()).stderr(log);
        self.child = Some(server.spawn().expect("setpriv runs"));
        wait_until("PostgreSQL that accepts", || {
            let child = self.child.as_mut().expect("was started");
            if child.try_wait().expect("can be waited for").is_some() {
                // A process of the server before it has not ended yet.
                *child = server.spawn().expect("setpriv runs");
            }
            let mut ready = Command::new(self.programs.join("pg_isready"));
            let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().is_ok_and(|status| status.success())
        });
    }

    /// Port of the server on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection string.
    pub fn conninfo(&self) -> String {
        self.conninfo_at(self.port)
    }

    /// A connection string by another port, of a proxy.
    pub fn conninfo_at(&self, port: u16) -> String {
        format!("host=127.0.0.1 port={port} user={DATABASE_USER} dbname={DATABASE_USER}")
    }

    /// Directory of the data.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Directory of the server, which the server's user may write.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    fn psql(&self, database: &str, statement: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", DATABASE_USER, "-d", database])
            .args(["-p", &self.port.to_string(), "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output()
            .expect("psql runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {error}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs a statement as another program would. Returns the rows, fields between `|`.
    pub fn query(&self, statement: &str) -> String {
        self.psql(DATABASE_USER, statement)
    }

    /// Switches TLS on, with a certificate for `localhost` of a new authority. Returns the file of
    /// the authority's certificate.
    pub fn enable_tls(&self) -> PathBuf {
        let home = self.home.path();
        certificates::make(home);
        for (setting, value) in [
            ("ssl_cert_file", home.join("server.pem").display().to_string()),
            ("ssl_key_file", home.join("server.key").display().to_string()),
            ("ssl", "on".to_owned()),
        ] {
            self.query(&format!("ALTER SYSTEM SET {setting} = '{value}'"));
        }
        self.query("SELECT pg_reload_conf()");
        wait_until("TLS", || self.query("SHOW ssl") == "on");
        home.join("ca.pem")
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("runs")
    }

    /// Ends all processes of the server at once, as a crash of its machine would, but for the
    /// system's cache.
    pub fn kill(&mut self) {
        let mut all = children(self.child().id());
        all.push(libc::pid_t::try_from(self.child().id()).expect("a process id"));
        for &pid in &all {
            // SAFETY: kill takes numbers only. The parent is stopped first below, so that no number
            // of a child is reused before this.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        self.child().wait().expect("can be waited for");
        self.child = None;
    }

    /// Ends the server without a checkpoint, as `pg_ctl stop -m immediate` does.
    pub fn stop_immediately(&mut self) {
        signal(self.child(), libc::SIGQUIT);
        self.child().wait().expect("can be waited for");
        self.child = None;
    }

    /// Stops all processes of the server until [`Postgres::resume`].
    pub fn pause(&mut self) {
        self.signal_all(libc::SIGSTOP);
    }

    /// Continues after [`Postgres::pause`].
    pub fn resume(&mut self) {
        self.signal_all(libc::SIGCONT);
    }

    fn signal_all(&mut self, signal: libc::c_int) {
        let mut all = vec![libc::pid_t::try_from(self.child().id()).expect("a process id")];
        all.extend(children(self.child().id()));
        for pid in all {
            // SAFETY: kill takes numbers only; the parent reaps its children, and a number is not
            // reused within this call.
            unsafe { libc::kill(pid, signal) };
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, libc::SIGCONT);
            signal(&child, libc::SIGQUIT);
            let _ = child.wait();
        }
        if thread::panicking() {
            println!("the log of PostgreSQL:\n{}", self.log());
        }
    }
}
