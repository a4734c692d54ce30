//! What `option_values` tries: options, values, configuration files and published command
//! lines; and where ours is meant to differ.

const NUMBERS: &[&str] = &[
    "0",
    "",
    "*",
    "-1",
    "-2",
    "1",
    "255",
    "256",
    "32767",
    "32768",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "x",
    " 1",
    "1 ",
    "+1",
    "01",
    "0x10",
    "1.5",
    "1k",
];
/// Without large numbers: the original allocates as much memory, or as many threads, as it is told.
const SMALL_NUMBERS: &[&str] =
    &["0", "", "*", "1", "16", "4294967296", "x", " 1", "1 ", "+1", "01", "0x10", "1.5", "1k"];
pub(super) const PORTS: &[&str] = &[
    "0",
    "",
    "*",
    "-1",
    "-2",
    "1",
    "65535",
    "65536",
    "4294967296",
    "x",
    " 1",
    "1 ",
    "+1",
    "01",
    "http",
    "gearman",
];
const TEXTS: &[&str] = &["", "*", "-", "0", "none", "x", " ", " x", "/nonexistent/x", ".", "ü"];
const ADDRESSES: &[&str] = &[
    "",
    "*",
    "-",
    "0",
    "none",
    " ",
    "ü",
    "/nonexistent/x",
    "0.0.0.0",
    "::",
    "::1",
    "localhost",
    "127.1",
    "256.1.1.1",
    "127.0.0.1 ",
    "127.0.0.1:4730",
    "*:4730",
    "127.0.0.1,::1",
    "[::1]",
];
const NAMES: &[&str] = &["", "*", "0", "x"];
const LEVELS: &[&str] = &[
    "", "*", "-", "0", "5", "none", "x", " ", "DEBUG", "INFO", "FATAL", "ALERT", "debug", "NEVER",
];
const PREFIXES: &[&str] = &[
    "",
    "*",
    "0",
    " ",
    "H:",
    "ü",
    "ppppppppppppppppppppppppppppppppppppppppppppppppppp!",
    "ppppppppppppppppppppppppppppppppppppppppppppppppppp!!",
    "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp",
];

/// Options with a value: the long name, the short one, and what to try.
#[rustfmt::skip]
pub(super) const VALUED: &[(&str, Option<char>, &[&str])] = &[
    ("backlog", Some('b'), NUMBERS),
    ("config-file", None, TEXTS),
    ("file-descriptors", Some('f'), NUMBERS),
    ("hashtable-buckets", None, SMALL_NUMBERS),
    ("http-port", None, PORTS),
    ("job-handle-prefix", None, PREFIXES),
    ("job-retries", Some('j'), NUMBERS),
    ("keepalive-count", None, NUMBERS),
    ("keepalive-idle", None, NUMBERS),
    ("keepalive-interval", None, NUMBERS),
    ("libmemcached-prefix", None, NAMES),
    ("libmemcached-servers", None, NAMES),
    ("libpq-conninfo", None, NAMES),
    ("libpq-table", None, NAMES),
    ("libsqlite3-db", None, NAMES),
    ("libsqlite3-table", None, NAMES),
    ("listen", Some('L'), ADDRESSES),
    ("log-file", Some('l'), TEXTS),
    ("mysql-db", None, NAMES),
    ("mysql-host", None, NAMES),
    ("mysql-password", None, NAMES),
    ("mysql-port", None, NAMES),
    ("mysql-table", None, NAMES),
    ("mysql-user", None, NAMES),
    ("pid-file", Some('P'), TEXTS),
    ("port", Some('p'), PORTS),
    ("protocol", Some('r'), &["", "*", "0", "x", " ", "http", "HTTP", "http,x"]),
    ("queue-type", Some('q'), &["", "*", "0", "x", " ", "builtin", "BUILTIN", "libsqlite3", "LIBSQLITE3", "libmemcached", "libtokyocabinet", "nonsense"]),
    ("redis-password", None, NAMES),
    ("redis-port", None, NAMES),
    ("redis-prefix", None, NAMES),
    ("redis-server", None, NAMES),
    ("ssl-ca-file", None, NAMES),
    ("ssl-certificate", None, NAMES),
    ("ssl-key", None, NAMES),
    ("threads", Some('t'), SMALL_NUMBERS),
    ("user", Some('u'), &["", "*", "0", "x", " ", "-", "none", "root", " root", "65534"]),
    ("verbose", None, LEVELS),
    ("worker-wakeup", Some('w'), NUMBERS),
];

/// Options without a value; some get one nevertheless.
pub(super) const SWITCHES: &[&str] = &[
    "--exceptions",
    "--keepalive",
    "--round-robin",
    "-R",
    "--syslog",
    "--coredump",
    "--ssl",
    "--store-queue-on-shutdown",
];

/// What our server does where it is meant to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    Starts,
    Refuses,
}
use Ours::{Refuses, Starts};

/// Options and values for which ours is meant to differ, and how. The reasons
/// are in COMPAT.md.
#[rustfmt::skip]
pub(super) const DIFFERING: &[(&str, Ours, &[&str])] = &[
    // Numbers wrap around in the original.
    ("job-retries", Refuses, &["-2", "256", "32767", "32768", "65535", "65536", "2147483647", "2147483648", "4294967295"]),
    ("worker-wakeup", Refuses, &["-1", "-2", "256", "32767", "32768", "65535", "65536", "2147483647", "2147483648", "4294967295"]),
    // The C library makes a port of these, and not the one that was asked for.
    ("port", Refuses, &["*", "65536", "4294967296", " 1"]),
    ("GEARMAND_PORT", Refuses, &["*", "65536", "4294967296", " 1"]),
    // The original reads it only once HTTP is spoken.
    ("http-port", Refuses, &["*", "-1", "-2", "65536", "4294967296", "x", " 1", "1 "]),
    // Services are known by name where the system has no list of them.
    ("port", Starts, &["gearman"]),
    ("GEARMAND_PORT", Starts, &["gearman"]),
    // 0 is the system's value.
    ("keepalive-count", Starts, &["0"]),
    ("keepalive-idle", Starts, &["0"]),
    ("keepalive-interval", Starts, &["0"]),
    ("listen", Starts, &["[::1]"]),
    ("protocol", Starts, &["HTTP"]),
    ("verbose", Starts, &["debug"]),
    // The original cuts handles, so that all jobs have the same.
    ("job-handle-prefix", Refuses, &["ppppppppppppppppppppppppppppppppppppppppppppppppppp!", "ppppppppppppppppppppppppppppppppppppppppppppppppppp!!"]),
    // Any name is quoted for SQL.
    ("file", Starts, &["--queue-type=libsqlite3 --libsqlite3-db=queue.db --libsqlite3-table=select"]),
    // The original asks its memcached servers with the first job.
    ("file", Refuses, &["--queue-type=libmemcached --libmemcached-servers=127.0.0.1:1", "--queue-type=LIBMEMCACHED --libmemcached-servers=127.0.0.1:1 --libmemcached-prefix=x"]),
    // A configuration that cannot be read is refused.
    ("config-file", Refuses, &["."]),
    // The options of a queue that is not used are not looked at.
    ("mysql-port", Starts, &["", "*", "x"]),
    // The original, built without TLS, speaks in the clear. Here no certificate is named.
    ("--ssl", Refuses, &["(none)"]),
    ("file", Refuses, &["x", "*", "--port *", "--round-robin 1", "--help", "--version"]),
    ("file", Starts, &["--verbose", "--listen ''", "--verbose=debug # more"]),
];

/// The contents of configuration files.
pub(super) const FILES: &[&str] = &[
    "",
    "--listen=*",
    "--listen *",
    "--listen=",
    "--listen ''",
    "--listen=''",
    "--listen",
    "--file-descriptors=0",
    "-f 0",
    "--port=",
    "--port *",
    "--port=-1",
    "--job-retries=0",
    "--job-retries=",
    "--job-retries= 0",
    "--job-retries",
    "--backlog=-1",
    "--user=",
    "--verbose=",
    "--verbose",
    "--verbose=debug # more",
    "--mysql-password=",
    "--threads=0",
    "--keepalive=1",
    "--worker-wakeup=0",
    "--config-file=",
    "--queue-type=libsqlite3 --libsqlite3-db=queue.db",
    "--queue-type=LIBsqlite3 --libsqlite3-db=queue.db",
    "--queue-type=libsqlite3 --libsqlite3-db=queue.db --libsqlite3-table=jobs",
    "--queue-type=libsqlite3 --libsqlite3-db=queue.db --libsqlite3-table=",
    "--queue-type=libsqlite3 --libsqlite3-db=queue.db --libsqlite3-table=select",
    "--queue-type=libsqlite3 --libsqlite3-db=queue.db --store-queue-on-shutdown",
    "--queue-type=libsqlite3 --libsqlite3-db=",
    "--queue-type=libsqlite3 --libsqlite3-db=.",
    "--queue-type=libsqlite3 --libsqlite3-db=nowhere/queue.db",
    // Nothing listens on port 1.
    "--queue-type=Postgres --libpq-conninfo=postgresql://127.0.0.1:1/x",
    "--queue-type=POSTGRES --libpq-conninfo=postgresql://127.0.0.1:1/x --libpq-table=jobs",
    "--queue-type=Postgres --libpq-conninfo=nonsense",
    "--queue-type=redis --redis-server=127.0.0.1 --redis-port=1",
    "--queue-type=Redis --redis-server=127.0.0.1 --redis-port=1 --redis-prefix=x",
    "--queue-type=redis --redis-server=nowhere.invalid",
    "--queue-type=MySQL --mysql-host=127.0.0.1 --mysql-port=1 --mysql-user=x --mysql-db=x",
    "--queue-type=mysql --mysql-host=127.0.0.1 --mysql-port=1 --mysql-table=jobs",
    "--queue-type=libmemcached",
    "--queue-type=libmemcached --libmemcached-servers=127.0.0.1:1",
    "--queue-type=LIBMEMCACHED --libmemcached-servers=127.0.0.1:1 --libmemcached-prefix=x",
    "--queue-type=libdrizzle --libdrizzle-host=127.0.0.1 --libdrizzle-port=1",
    "--queue-type=libtokyocabinet",
    "--queue-type=libtokyocabinet --libtokyocabinet-file=nowhere/queue.tch",
    "--nonsense",
    "x",
    "*",
    "--round-robin 1",
    "--help",
    "--version",
];

/// Command lines from manuals, images and service files, without paths. The first of each
/// pair is its source.
#[rustfmt::skip]
pub(super) const PUBLISHED: &[(&str, &str)] = &[
    ("mod_gearman's manual", "-t 10 -j 0"),
    ("mod_gearman's tests", "--threads=10 --job-retries=0"),
    ("an image's compose file", "--listen=0.0.0.0 --threads=10 --job-retries=0 --verbose=INFO --log-file=stderr"),
    ("images with a script", "--backlog=32 --job-retries=0 --listen=0.0.0.0 --threads=4 --worker-wakeup=0 --log-file=none --file-descriptors=1024"),
    ("the same with a queue's", "--backlog=32 --job-retries=0 --listen=0.0.0.0 --queue-type=builtin --mysql-host=h --mysql-user=u"),
    ("an image of a distribution", "--job-retries=1 --log-file=none --round-robin"),
    ("an image with variables", "--listen=0.0.0.0 --log-file=stderr --verbose=INFO --queue-type=builtin --threads=4 --backlog=32 --job-retries=0 --worker-wakeup=0 --round-robin --keepalive --keepalive-idle=30 --keepalive-interval=10 --keepalive-count=5 --file-descriptors=0"),
    ("the same for 2.1.0", "--listen=0.0.0.0 --log-file=stderr --verbose=INFO --threads=4 --backlog=32 --job-retries=-1 --worker-wakeup=0 --keepalive --keepalive-idle=300 --keepalive-interval=30 --keepalive-count=5"),
    ("Debian", "--listen=localhost --log-file=gearmand.log"),
    ("a monitoring site", "--threads=10 --log-file=gearmand.log --verbose=ERROR --listen=*"),
    ("the same in a container", "--log-file none --syslog"),
    ("a manual of PHP", "--verbose DEBUG"),
    ("scripts", "-L 127.0.0.1 -l gearmand.log"),
    ("scripts that set nothing", "-l stderr"),
    ("a note on persistence", "--queue-type=libsqlite3 --libsqlite3-db=gearmand.db --log-file=none"),
    ("another", "-q libsqlite3 --libsqlite3-db=persist.sqlite --libsqlite3-table=gearman_queue"),
    ("a note on poison jobs", "--job-retries=3"),
];
