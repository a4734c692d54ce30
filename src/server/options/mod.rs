//! The command line and the configuration file: one field per option, one file
//! per group of options.
//!
//! Must not: act on options.

mod access;
mod completion;
mod config_example;
mod config_file;
mod errors;
mod http;
mod ineffective;
mod jobs;
mod key_value_stores;
mod manual;
mod network;
mod output;
mod process;
mod queue;
mod sql_stores;
mod tls;
mod values;

pub(crate) use access::{AccessOptions, AdminAddress};
pub(crate) use http::{HttpOptions, Protocol};
pub(crate) use jobs::JobOptions;
pub(crate) use network::NetworkOptions;
pub(crate) use process::{FileChoice, ProcessOptions};
pub(crate) use queue::{QueueKind, QueueOptions, QueueTlsChoice, SyncChoice};
pub(crate) use tls::{TlsAddress, TlsOptions};

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use errors::OptionsError;
use gearman_protocol::limits::DEFAULT_PORT;
use output::OutputOptions;

/// The configuration file that is read if it exists.
const CONFIG_FILE: &str = "/etc/gearmand.conf";

/// Exit code of a wrong command line, environment or configuration file. Code 1 means
/// that the start failed for another reason.
pub(crate) const EXIT_CODE_USAGE: u8 = 2;

/// Text behind the options of `--help`.
const AFTER_HELP: &str = "gearmand --generate-config prints an example of the configuration file.";

/// The Gearman job server: takes jobs from clients and hands them to workers.
#[derive(Debug, Parser)]
#[command(name = "gearmand", version, after_help = AFTER_HELP)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct ServerOptions {
    #[command(flatten)]
    output: OutputOptions,
    #[command(flatten)]
    pub(crate) process: ProcessOptions,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
    #[command(flatten)]
    pub(crate) jobs: JobOptions,
    #[command(flatten)]
    pub(crate) access: AccessOptions,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    #[command(flatten)]
    pub(crate) tls: TlsOptions,
    #[command(flatten)]
    pub(crate) queue: QueueOptions,
    /// Warnings about options that were given and have no effect.
    #[arg(skip)]
    pub(crate) warnings: Vec<String>,
}

impl ServerOptions {
    /// The file of access rules to check instead of starting, if any.
    pub(crate) fn check_access(&self) -> Option<&Path> {
        self.output.check_access.as_deref()
    }

    /// Reads a command line and the configuration file. `port` is the value of
    /// GEARMAND_PORT.
    fn read(line: Vec<OsString>, port: Option<&str>) -> Result<ServerOptions, OptionsError> {
        let given = ServerOptions::command().try_get_matches_from(&line)?;
        if let Some(option) = line.iter().find_map(|word| empty_assignment(word)) {
            return Err(no_value(option).into());
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
        let mut command = ServerOptions::command();
        let given = command.try_get_matches_from_mut(all)?;
        let mut options = ServerOptions::from_arg_matches(&given)?;
        options.warnings = ineffective::warnings(&command, &given);
        options.take_port(port)?;
        options.check()?;
        Ok(options)
    }

    /// Replaces port 4730 by the environment's, as in the original, even if 4730 was
    /// given explicitly.
    fn take_port(&mut self, port: Option<&str>) -> Result<(), String> {
        if let Some(text) = port.filter(|text| !text.is_empty())
            && self.network.port == DEFAULT_PORT
        {
            self.network.port = values::parse_port(text)
                .map_err(|why| format!("invalid value '{text}' for GEARMAND_PORT: {why}"))?;
        }
        Ok(())
    }

    /// Refuses options that select what this build does not have.
    fn check(&self) -> Result<(), String> {
        let error = self.tls.error().or_else(|| self.queue.error());
        error.map_or(Ok(()), Err)
    }

    /// Prints what an option such as `--generate-man` asks for. Returns whether there is such an
    /// option, so that the server does not start.
    fn print(&self) -> io::Result<bool> {
        let to = &mut io::stdout();
        if self.output.generate_man {
            manual::write(to)?;
        } else if self.output.generate_config {
            config_example::write(to)?;
        } else if let Some(shell) = self.output.generate_completion {
            completion::write(shell, to)?;
        }
        let OutputOptions { generate_man, generate_config, generate_completion, .. } = self.output;
        let has_printed = generate_man || generate_config || generate_completion.is_some();
        Ok(has_printed || self.output.check_args)
    }
}

/// The option of a word that ends with its equal sign. The original refuses such a
/// word, although it accepts an empty word as the next argument: `--listen=$UNSET`
/// must not make the server listen on every address.
fn empty_assignment(word: &OsStr) -> Option<&str> {
    let (option, value) = word.to_str()?.split_once('=')?;
    (option.starts_with("--") && value.is_empty()).then_some(option)
}

/// The error of such a word.
fn no_value(option: &str) -> String {
    format!("option '{option}' has no value after its equal sign")
}

/// Reads the options. An error is the code to exit with; its message is printed.
pub(crate) fn parse() -> Result<ServerOptions, ExitCode> {
    let port = std::env::var("GEARMAND_PORT").ok();
    let options = ServerOptions::read(std::env::args_os().collect(), port.as_deref());
    let options = options.map_err(|error| match error {
        OptionsError::Display(text) => {
            // A reader that closed its pipe has read enough.
            let _ = text.print();
            ExitCode::SUCCESS
        }
        OptionsError::Wrong(text) => {
            eprintln!("gearmand: {text}");
            ExitCode::from(EXIT_CODE_USAGE)
        }
    })?;
    match options.print() {
        Ok(false) => Ok(options),
        Ok(true) => Err(ExitCode::SUCCESS),
        // A reader that closed its pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("gearmand: cannot write to standard output: {error}");
            Err(ExitCode::FAILURE)
        }
    }
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
    fn the_widely_published_line_d_v_p_is_accepted() {
        let options = options("gearmand -d -v -p 4731");
        assert!(options.process.daemon);
        assert_eq!((options.network.port, options.process.level()), (4731, Level::Info));
    }

    #[test]
    fn each_form_of_the_log_level_is_accepted() {
        for (line, level) in [
            ("gearmand", Level::Error),
            ("gearmand -vv", Level::Debug),
            ("gearmand --verbose", Level::Info),
            ("gearmand --verbose NOTICE", Level::Notice),
            ("gearmand --verbose=NOTICE --verbose=ERROR", Level::Error),
            ("gearmand --verbose=NOTICE -v", Level::Info),
            ("gearmand --verbose=DEBUG -v", Level::Debug),
            ("gearmand --verbose critical", Level::Critical),
            ("gearmand --verbose=FATAL -p 1", Level::Fatal),
        ] {
            assert_eq!(options(line).process.level(), level, "{line}");
        }
    }

    #[test]
    fn every_option_of_the_original_is_accepted() {
        for line in [
            "-b 1 -d --exceptions -f 9 -j 1 -l none -L ::1 -P pid -p 1 -r http -R -q x -t 1",
            "-u root -w 1 --syslog --coredump --config-file x --check-args --verbose DEBUG",
            "--backlog 1 --daemon --file-descriptors 9 --job-retries -1 --job-handle-prefix H:",
            "--hashtable-buckets 991 --keepalive --keepalive-idle -1 --keepalive-interval 5",
            "--keepalive-count 5 --log-file f --listen a --pid-file f --port gearman",
            "--protocol HTTP --http-port 8080 --round-robin --queue-type builtin --threads 4",
            "--user gearman --worker-wakeup 0 --ssl --ssl-ca-file a --ssl-certificate b",
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
    fn each_short_option_equals_its_long_one() {
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
    fn defaults_are_those_of_the_original_where_not_documented_otherwise() {
        let ServerOptions { process, network, jobs, http, .. } = options("gearmand");
        assert_eq!((network.port, http.http_port, jobs.job_retries), (4730, 8080, -1));
        assert_eq!((process.level(), process.daemon, process.syslog), (Level::Error, false, false));
        assert_eq!((jobs.worker_wakeup, jobs.exceptions), (None, false));
        let (log, pid) = (process.log_file(), process.pid_file());
        assert_eq!(log, FileChoice::Default("/var/log/gearmand.log".as_ref()));
        assert_eq!(pid, Some(FileChoice::Default("/var/gearmand.pid".as_ref())));
        assert!(network.listen.is_empty() && http.protocol.is_none());
        assert_eq!((network.packet_bytes_max, network.backlog), (u32::MAX - 1, 4096));
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
    fn the_environment_replaces_only_the_default_port() {
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
    fn a_part_that_is_not_in_this_build_is_refused_by_name() {
        for (line, name) in [
            ("gearmand --ssl-optional", "'--ssl-optional' needs '--ssl'"),
            ("gearmand -q libsqlite3", "option '--libsqlite3-db <FILE>' is missing"),
            ("gearmand --check-queue", "option '--libsqlite3-db <FILE>' is missing"),
            ("gearmand -q LIBTOKYOCABINET", "option '--libtokyocabinet-file <FILE>' is missing"),
            (
                "gearmand -q libtokyocabinet --libtokyocabinet-file q.tch --check-queue",
                "option '--check-queue' is for libsqlite3",
            ),
            ("gearmand -q libmemcached", "option '--libmemcached-servers <LIST>' is missing"),
            ("gearmand -q redis --redis-port x", "'x' for '--redis-port <PORT>'"),
            ("gearmand -q mysql --mysql-port x", "'x' for '--mysql-port <PORT>'"),
            ("gearmand -q libdrizzle --libdrizzle-port x", "'x' for '--libdrizzle-port <PORT>'"),
            ("gearmand -q nonsense", "not a queue; use one of builtin, libsqlite3, Postgres"),
        ] {
            let error = options(line).check().expect_err(line);
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn the_file_of_tokyo_cabinet_is_optimized_unless_the_option_says_false() {
        for (option, wanted) in [
            ("-R", true),
            ("--libtokyocabinet-optimize", true),
            ("--libtokyocabinet-optimize=true", true),
            ("--libtokyocabinet-optimize=false", false),
        ] {
            let options = options(&format!("gearmand {option}"));
            assert_eq!(options.queue.tokyo_cabinet.libtokyocabinet_optimize, wanted, "{option}");
        }
    }

    #[test]
    fn function_settings_are_beside_the_file_of_the_queue() {
        for (line, wanted) in [
            ("gearmand", None),
            ("gearmand -q libsqlite3 --libsqlite3-db a/q.db", Some("a/q.db-functions")),
            (
                "gearmand -q libtokyocabinet --libtokyocabinet-file a/q.tch#bnum=7",
                Some("a/q.tch-functions"),
            ),
        ] {
            let beside = options(line).queue.settings_beside();
            assert_eq!(beside.as_deref(), wanted.map(Path::new), "{line}");
        }
    }

    #[test]
    fn options_of_a_queue_that_was_not_chosen_have_no_effect() {
        let line = "gearmand --libtokyocabinet-file f --mysql-port x -q BuiltIn";
        options(line).check().expect(line);
    }

    /// The message about a wrong command line.
    fn error(line: &str) -> String {
        match ServerOptions::read(line.split(' ').map(OsString::from).collect(), None) {
            Err(OptionsError::Wrong(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn an_error_names_the_option_the_value_and_what_is_valid() {
        let levels = "FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG";
        for (line, expected) in [
            (
                "--verbose=LOUD",
                &*format!("invalid value 'LOUD' for '--verbose [<LEVEL>]': use one of {levels}"),
            ),
            ("-r gopher", "invalid value 'gopher' for '--protocol <NAME>': use http"),
            (
                "-t 1s",
                "invalid value '1s' for '--threads <N>': not a whole number of threads from 0 to \
                 4294967295",
            ),
            (
                "--hashtable-buckets=0",
                "invalid value '0' for '--hashtable-buckets <N>': not a whole number of buckets \
                 from 1 to 4294967295",
            ),
            (
                "--ack-delay 10ms",
                "invalid value '10ms' for '--ack-delay <MS>': not a whole number of milliseconds \
                 from 0 to 1000",
            ),
            ("--lisen ::1", "unknown option '--lisen'; did you mean '--listen'?"),
            ("--xyzzy", "unknown option '--xyzzy'"),
            ("a-word", "'a-word' is not an option: options begin with '-'"),
            ("--port", "option '--port <PORT>' needs a value"),
            ("--user=", "option '--user' has no value after its equal sign"),
            ("-p 1 --port=2", "option '--port <PORT>' is given more than once"),
            ("--daemon=1", "option '--daemon' takes no value, but has '1'"),
            (
                "--config-file /nonexistent",
                "--config-file /nonexistent: could not open configuration file: No such file or \
                 directory (os error 2)",
            ),
        ] {
            assert_eq!(error(&format!("gearmand {line}")), expected);
        }
    }
}
