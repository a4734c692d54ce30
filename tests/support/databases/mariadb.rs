//! MariaDB.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::certificates;
use super::process::{Home, Process, command, free_port, is_root};
use crate::paths::target_dir;
use crate::requirements::have_file;
use crate::wait::wait_for;

/// The user and the database of the tests.
const MARIADB_USER: &str = "gearman";
/// The user's password.
const MARIADB_PASSWORD: &str = "hunter2";

/// Whether the server is installed; otherwise the test is skipped.
pub fn has_mariadb() -> bool {
    have_file("/usr/sbin/mariadbd", "mariadb-server")
}

/// Creates the data of a server in a directory. Its user `root` has no password.
///
/// Data that was created once is copied: creating it writes hundreds of synced files.
pub fn create_mariadb(home: &Path) {
    let version = Command::new("mariadbd").arg("--version").output().expect("mariadbd runs").stdout;
    let key: String = String::from_utf8_lossy(&version)
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let user = if is_root() { "root" } else { "user" };
    let template = target_dir().join("tmp").join(format!("mariadb-{user}-{key}"));
    if !template.exists() {
        create_template(&template);
    }
    copy(&template, &home.join("data"));
}

fn create_template(template: &Path) {
    let home = Home::new("mariadb-data");
    let output = command(Path::new("mariadb-install-db"))
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(["--innodb-log-file-size=4M", &option("datadir", home.path(), "data")])
        .env("TMPDIR", home.path())
        .output()
        .expect("mariadb-install-db runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let place = template.parent().expect("a directory");
    fs::create_dir_all(place).expect("a directory");
    // It appears as a whole: other tests look for it.
    let unfinished = place.join(home.path().file_name().expect("a name"));
    copy(&home.path().join("data"), &unfinished);
    if fs::rename(&unfinished, template).is_err() {
        assert!(template.exists(), "{} cannot be made", template.display());
        // Another test was faster.
        let _ = fs::remove_dir_all(&unfinished);
    }
}

/// Copies a directory with its owner.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success(), "{} cannot be copied", from.display());
}

/// The command that runs the server of a directory. It listens on a socket there.
pub fn mariadbd(home: &Path) -> Command {
    let mut mariadbd = command(Path::new("mariadbd"));
    mariadbd.args(["--no-defaults", "--innodb-log-file-size=4M", &option("datadir", home, "data")]);
    mariadbd.args([option("socket", home, "socket"), option("pid-file", home, "pid")]);
    // A server removes all temporary tables in its directory, those of others too.
    mariadbd.env("TMPDIR", home);
    mariadbd
}

/// A client of the server of a directory, as its `root`.
pub fn mariadb_client(home: &Path) -> Command {
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "-u", "root", "-S"]).arg(home.join("socket"));
    client.stdin(Stdio::null());
    client
}

fn option(name: &str, home: &Path, place: &str) -> String {
    format!("--{name}={}", home.join(place).display())
}

/// A running server, killed when dropped.
pub struct MariaDbServer {
    process: Option<Process>,
    home: Home,
    options: Vec<String>,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl MariaDbServer {
    /// Creates and starts a server with these options; skips the test if there is no MariaDB.
    pub fn start(options: &[&str]) -> Option<MariaDbServer> {
        if !has_mariadb() {
            return None;
        }
        let home = Home::new("mariadb");
        create_mariadb(home.path());
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = MariaDbServer { process: None, home, options, port: free_port() };
        server.run();
        server.query(&format!(
            "CREATE DATABASE {MARIADB_USER};
             CREATE USER {MARIADB_USER}@'%' IDENTIFIED BY '{MARIADB_PASSWORD}';
             GRANT ALL ON *.* TO {MARIADB_USER}@'%'"
        ));
        Some(server)
    }

    /// Starts the server again after it has ended.
    pub fn run(&mut self) {
        let log = self.home.path().join("log");
        let log = fs::OpenOptions::new().append(true).create(true).open(log).expect("a log");
        let process = wait_for("MariaDB", || {
            let mut server = mariadbd(self.home.path());
            server.args(["--bind-address=127.0.0.1", &format!("--port={}", self.port)]);
            server.args(&self.options).stdout(Stdio::null());
            server.stderr(log.try_clone().expect("a copy"));
            Process::ready("MariaDB that accepts", server.spawn().expect("setpriv runs"), || {
                self.try_query("SELECT 1").status.success()
            })
        });
        self.process = Some(process);
    }

    /// Directory of the server, which the server's user may write.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Directory of the data, with a directory for each database.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Name of the database and of its user.
    pub fn user(&self) -> &'static str {
        MARIADB_USER
    }

    /// Password of the user.
    pub fn password(&self) -> &'static str {
        MARIADB_PASSWORD
    }

    fn try_query(&self, statements: &str) -> Output {
        mariadb_client(self.home.path()).args(["-N", "-e", statements]).output().expect("runs")
    }

    /// Runs statements as another program would. Returns the rows, fields between tabs.
    pub fn query(&self, statements: &str) -> String {
        let output = self.try_query(statements);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {error}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Ends every session of the tests' user.
    pub fn end_sessions(&self) {
        self.query(&format!("KILL USER {MARIADB_USER}"));
    }

    /// Gives the server a certificate for `localhost` of a new authority. Returns the file of the
    /// authority's certificate.
    pub fn enable_tls(&mut self) -> PathBuf {
        let home = self.home.path().to_owned();
        certificates::make(&home);
        for (name, file) in
            [("ssl-ca", "ca.pem"), ("ssl-cert", "server.pem"), ("ssl-key", "server.key")]
        {
            self.options.push(option(name, &home, file));
        }
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
        self.run();
        home.join("ca.pem")
    }

    /// Ends the server as a crash would. What it wrote to its files stays.
    pub fn kill(&mut self) {
        self.process.take().expect("runs").kill();
    }

    /// Stops its process, which keeps its connections.
    pub fn pause(&self) {
        self.process.as_ref().expect("runs").stop();
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        self.process.as_ref().expect("runs").go_on();
    }
}

impl Drop for MariaDbServer {
    fn drop(&mut self) {
        self.process = None;
        if thread::panicking() {
            let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
            println!("the log of MariaDB:\n{log}");
        }
    }
}
