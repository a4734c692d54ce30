//! The command line and the configuration file: one field per option, one file
//! per group of options.
//!
//! Must not: act on options.

mod config_file;
mod http;
mod jobs;
mod manual;
mod network;
mod process;
mod queue;
mod unsupported;
mod values;

pub(crate) use http::{HttpOptions, Protocol};
pub(crate) use jobs::JobOptions;
pub(crate) use network::NetworkOptions;
pub(crate) use process::{FileChoice, ProcessOptions};

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use gearman_protocol::limits::DEFAULT_PORT;
use queue::QueueOptions;

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " - https://github.com/gearman/gearmand/issues");

/// The configuration file that is read if there is one.
const CONFIG_FILE: &str = "/etc/gearmand.conf";

/// The Gearman job server.
#[derive(Debug, Parser)]
#[command(name = "gearmand", version = VERSION)]
pub(crate) struct ServerOptions {
    #[command(flatten)]
    pub(crate) process: ProcessOptions,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
    #[command(flatten)]
    pub(crate) jobs: JobOptions,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    #[command(flatten)]
    queue: QueueOptions,
}

/// Why there are no options.
#[derive(Debug)]
enum OptionsError {
    /// What clap found, or was asked to print.
    Usage(clap::Error),
    /// Anything else.
    Text(String),
}

impl From<clap::Error> for OptionsError {
    fn from(error: clap::Error) -> OptionsError {
        OptionsError::Usage(error)
    }
}

impl From<String> for OptionsError {
    fn from(text: String) -> OptionsError {
        OptionsError::Text(text)
    }
}

impl ServerOptions {
    /// Reads a command line and the configuration file. `port` is what the
    /// environment says instead of the default port.
    fn read(line: Vec<OsString>, port: Option<&str>) -> Result<ServerOptions, OptionsError> {
        let given = ServerOptions::command().try_get_matches_from(&line)?;
        if let Some(option) = line.iter().find_map(|word| empty_assignment(word)) {
            return Err(format!("'{option}' has no value behind the equal sign").into());
        }
        let named = ServerOptions::from_arg_matches(&given)?.process.config_file;
        let path = Path::new(named.as_deref().unwrap_or(CONFIG_FILE.as_ref()));
        let mut all = line;
        if !path.as_os_str().is_empty()
            && let Some(text) = config_file::read(path, named.is_some())?
        {
            let more = config_file::arguments(&text, path, &given)?;
            all.splice(1..1, more.into_iter().map(OsString::from));
        }
        let mut options = ServerOptions::try_parse_from(all)?;
        options.take_port(port)?;
        options.check()?;
        Ok(options)
    }

    /// As in the original, the environment's port stands in for the default one
    /// even where that was asked for.
    fn take_port(&mut self, port: Option<&str>) -> Result<(), String> {
        if let Some(text) = port.filter(|text| !text.is_empty())
            && self.network.port == DEFAULT_PORT
        {
            self.network.port = values::parse_port(text)
                .map_err(|why| format!("environment GEARMAND_PORT: '{text}' is {why}"))?;
        }
        Ok(())
    }

    /// What can be parsed and yet not be done.
    fn check(&self) -> Result<(), String> {
        let asked = [(self.network.ssl, "--ssl")];
        if let Some((_, name)) = asked.iter().find(|(asked, _)| *asked) {
            return Err(format!("{name} is not supported by this build"));
        }
        self.queue.refusal().map_or(Ok(()), Err)
    }
}

/// The option of a word that ends behind its equal sign. The original refuses such
/// a word, although it takes an empty one behind the option for a value:
/// `--listen=$UNSET` must not open the server to the world.
fn empty_assignment(word: &OsStr) -> Option<&str> {
    let (option, value) = word.to_str()?.split_once('=')?;
    (option.starts_with("--") && value.is_empty()).then_some(option)
}

/// Reads the options. An error is the code to exit with; what there is to say
/// about it has been said.
pub(crate) fn parse() -> Result<ServerOptions, ExitCode> {
    let port = std::env::var("GEARMAND_PORT").ok();
    let options = ServerOptions::read(std::env::args_os().collect(), port.as_deref());
    let options = options.map_err(|refusal| match refusal {
        OptionsError::Usage(error) => {
            // A reader that is gone need not be told.
            let _ = error.print();
            // The original's code for a wrong command line is 1, clap's is 2.
            if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        OptionsError::Text(text) => {
            eprintln!("gearmand: {text}");
            ExitCode::FAILURE
        }
    })?;
    if options.process.generate_man {
        let written = manual::write(&mut std::io::stdout());
        return Err(if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if options.process.check_args {
        return Err(ExitCode::SUCCESS);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;
    use gearman_broker::DelayedReplies;

    fn options(line: &str) -> ServerOptions {
        ServerOptions::try_parse_from(line.split(' ')).expect("parses")
    }

    #[test]
    fn the_table_is_consistent() {
        ServerOptions::command().debug_assert();
    }

    #[test]
    fn the_much_published_line_works() {
        let options = options("gearmand -d -v -p 4731");
        assert!(options.process.daemon);
        assert_eq!((options.network.port, options.process.level()), (4731, Level::Info));
    }

    #[test]
    fn the_level_is_given_in_four_ways() {
        for (line, level) in [
            ("gearmand", Level::Error),
            ("gearmand -vv", Level::Debug),
            ("gearmand --verbose", Level::Info),
            ("gearmand --verbose NOTICE", Level::Notice),
            ("gearmand --verbose critical", Level::Critical),
            ("gearmand --verbose=FATAL -p 1", Level::Fatal),
        ] {
            assert_eq!(options(line).process.level(), level, "{line}");
        }
    }

    #[test]
    fn every_option_of_the_original_is_known() {
        for line in [
            "-b 1 -d --exceptions -f 9 -j 1 -l none -L ::1 -P pid -p 1 -r http -R -q x -t 1",
            "-u root -w 1 --syslog --coredump --config-file x --check-args --verbose DEBUG",
            "--backlog 1 --daemon --file-descriptors 9 --job-retries -1 --job-handle-prefix H:",
            "--hashtable-buckets 991 --keepalive --keepalive-idle -1 --keepalive-interval 5",
            "--keepalive-count 5 --log-file f --listen a --pid-file f --port gearman",
            "--protocol HTTP --http-port 8080 --round-robin --queue-type builtin --threads 4",
            "--user nobody --worker-wakeup 0 --ssl --ssl-ca-file a --ssl-certificate b",
            "--ssl-key c --libsqlite3-db f --libsqlite3-table t --store-queue-on-shutdown",
            "--libpq-conninfo c --libpq-table t --redis-server h --redis-port 6379",
            "--redis-password p --redis-prefix x --mysql-host h --mysql-port 3306 --mysql-user u",
            "--mysql-password p --mysql-db d --mysql-table t --libmemcached-servers h",
            "--libmemcached-prefix p --libtokyocabinet-file f --libtokyocabinet-optimize -R",
            "--libtokyocabinet-optimize=true",
            "--libdrizzle-host h --libdrizzle-port 1 --libdrizzle-uds s --libdrizzle-user u",
            "--libdrizzle-password p --libdrizzle-db d --libdrizzle-table t --libdrizzle-mysql",
        ] {
            options(&format!("gearmand {line}"));
        }
    }

    #[test]
    fn each_short_option_is_the_long_one_that_it_was() {
        for (short, long) in [
            ("-b 7", "--backlog 7"),
            ("-d", "--daemon"),
            ("-f 7", "--file-descriptors 7"),
            ("-j 7", "--job-retries 7"),
            ("-l f", "--log-file f"),
            ("-L ::1", "--listen ::1"),
            ("-P f", "--pid-file f"),
            ("-P f", "--pidfile f"),
            ("-p 7", "--port 7"),
            ("-q redis", "--queue-type redis"),
            ("-r http", "--protocol http"),
            ("-R", "--round-robin"),
            ("-t 7", "--threads 7"),
            ("-u root", "--user root"),
            ("-w 7", "--worker-wakeup 7"),
        ] {
            let all = [short, long, ""].map(|option| {
                let line = format!("gearmand {option}");
                format!("{:?}", options(line.trim_end()))
            });
            assert_eq!(all[0], all[1]);
            assert!(all[0] != all[2] || short == "-R", "{short} changes nothing");
        }
    }

    #[test]
    fn what_is_not_said_is_as_in_the_original_where_that_makes_sense() {
        let ServerOptions { process, network, jobs, http, .. } = options("gearmand");
        assert_eq!((network.port, http.http_port, jobs.job_retries), (4730, 8080, -1));
        assert_eq!((process.level(), process.daemon, process.syslog), (Level::Error, false, false));
        assert_eq!((jobs.worker_wakeup, jobs.exceptions), (None, false));
        let (log, pid) = (process.log_file(), process.pid_file());
        assert_eq!(log, FileChoice::Default("/var/log/gearmand.log".as_ref()));
        assert_eq!(pid, Some(FileChoice::Default("/var/gearmand.pid".as_ref())));
        assert!(network.listen.is_empty() && http.protocol.is_none());
        assert_eq!((network.max_packet_size, network.backlog), (u32::MAX - 1, 4096));
    }

    #[test]
    fn delayed_replies_have_limits_from_0_to_1000_ms() {
        let limits = |line: &str| {
            let options = ServerOptions::try_parse_from(line.split(' ')).ok()?;
            let DelayedReplies { grab_hold_ms, ack_delay_ms } = options.jobs.delayed_replies();
            Some((grab_hold_ms, ack_delay_ms))
        };
        assert_eq!(limits("gearmand"), Some((4, 10)));
        assert_eq!(limits("gearmand --grab-hold 0 --ack-delay=0"), Some((0, 0)));
        assert_eq!(limits("gearmand --grab-hold=1000 --ack-delay 1000"), Some((1000, 1000)));
        for value in ["-1", "1001", "4ms", "1.5", ""] {
            for option in ["--grab-hold", "--ack-delay"] {
                assert_eq!(limits(&format!("gearmand {option} {value}")), None, "{option} {value}");
            }
        }
    }

    #[test]
    fn the_environment_has_a_word_only_about_the_default_port() {
        let port = |line: &str, environment| {
            let mut options = options(line);
            options.take_port(environment).map(|()| options.network.port)
        };
        assert_eq!(port("gearmand", None), Ok(4730));
        assert_eq!(port("gearmand", Some("4777")), Ok(4777));
        assert_eq!(port("gearmand -p 4730", Some("4777")), Ok(4777));
        assert_eq!(port("gearmand -p 4731", Some("4777")), Ok(4731));
        let error = port("gearmand", Some("no-such")).expect_err("no port");
        assert!(error.contains("GEARMAND_PORT") && error.contains("no-such"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (line, name) in [
            ("gearmand --ssl", "--ssl"),
            ("gearmand -q libsqlite3", "libsqlite3 is not in this build; there is: builtin"),
            ("gearmand -q REDIS", "REDIS is not in this build"),
            ("gearmand -q nonsense", "nonsense is unknown; there is: builtin"),
        ] {
            let error = options(line).check().expect_err(line);
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn options_of_parts_that_are_not_there_do_no_harm_alone() {
        for line in ["gearmand --redis-server h -q BuiltIn", "gearmand --ssl-key k"] {
            options(line).check().expect(line);
        }
    }
}
