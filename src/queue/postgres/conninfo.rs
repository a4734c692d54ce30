//! Connection strings of libpq, in both forms, with its environment.
//!
//! tokio-postgres reads them but for what concerns TLS and files of passwords.
//!
//! Must not: connect, or show a password.

use std::env;
use std::fs;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::PostgresOptions;
use crate::remote::{RemoteLimits, TlsMode, TlsSettings};
use crate::store::IfMissing;

/// Keys of libpq that have no meaning here.
const IGNORED_KEYS: [&str; 10] = [
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "passfile",
    "requirepeer",
    "sslcompression",
    "sslcrl",
    "sslsni",
];
/// Directories of Unix sockets, in the order of trying.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Where to connect to, and how.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls_client: gearman_tls::rustls::ClientConfig,
    pub(super) table: String,
    pub(super) if_missing: IfMissing,
    pub(super) is_synchronous: bool,
    pub(super) limits: RemoteLimits,
    /// The place for people: without the password.
    pub(super) shown: String,
}

/// Keys with their values.
type Pairs = Vec<(String, String)>;

impl Target {
    /// Reads the options.
    ///
    /// # Errors
    /// If the string is malformed, or a file of TLS cannot be read. No error shows the password.
    pub(super) fn new(options: &PostgresOptions) -> Result<Target, String> {
        let wrong = |why: String| format!("--libpq-conninfo: {why}");
        let mut pairs = pairs(options.conninfo.reveal()).map_err(wrong)?;
        add_environment(&mut pairs);
        let tls = take_tls(&mut pairs).map_err(wrong)?;
        let (tls, ssl_mode) = match &options.tls {
            Some(tls) if tls.mode == TlsMode::Off => (tls.clone(), SslMode::Disable),
            Some(tls) => (tls.clone(), SslMode::Require),
            None => tls,
        };
        let passfile = take(&mut pairs, "passfile");
        pairs.retain(|(key, _)| !IGNORED_KEYS.contains(&key.as_str()));
        let text: String = pairs.iter().map(|(key, value)| setting(key, value)).collect();
        // Its error may show a value, but none of a password: every value parses as one.
        let mut config: Config = text
            .parse()
            .map_err(|error: tokio_postgres::Error| wrong(super::with_causes(&error)))?;
        add_defaults(&mut config, options);
        if let Some(password) = &options.password {
            config.password(password.reveal());
        } else if config.get_password().is_none()
            && let Some(password) = password_of_file(&config, passfile)
        {
            config.password(password);
        }
        config.ssl_mode(ssl_mode).application_name("gearmand");
        config.connect_timeout(options.limits.connect_timeout);
        config.tcp_user_timeout(options.limits.request_timeout);
        Ok(Target {
            tls_client: tls.client_config()?,
            shown: shown(&config, &options.table),
            config,
            table: options.table.clone(),
            if_missing: options.if_missing,
            is_synchronous: options.is_synchronous,
            limits: options.limits,
        })
    }
}

/// Host, database and table for people.
fn shown(config: &Config, table: &str) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("PostgreSQL at {hosts} port {port}, database {database}, table {table}")
}

fn setting(key: &str, value: &str) -> String {
    format!("{key}='{}' ", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Takes a key out of the pairs. The last one counts.
fn take(pairs: &mut Pairs, key: &str) -> Option<String> {
    let value = pairs.iter().rfind(|(found, _)| found == key).map(|(_, value)| value.clone());
    pairs.retain(|(found, _)| found != key);
    value.filter(|value| !value.is_empty())
}

/// Reads a connection string.
fn pairs(text: &str) -> Result<Pairs, String> {
    match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        Some(rest) => pairs_of_uri(rest),
        None => pairs_of_words(text),
    }
}

/// `key = value` words; a value may be quoted, and a backslash stands before a quote.
fn pairs_of_words(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').ok_or("a word is not of the form key=value")?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err("a word is not of the form key=value".to_owned());
        }
        let (value, left) = value_of_word(value.trim_start()).ok_or("a quote is not closed")?;
        pairs.push((key.to_owned(), value));
        rest = left.trim_start();
    }
    Ok(pairs)
}

/// The value at the start of a text, and what follows it.
fn value_of_word(text: &str) -> Option<(String, &str)> {
    let (is_quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut letters = body.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => value.push(letters.next()?.1),
            '\'' if is_quoted => return Some((value, &body[index + 1..])),
            _ if !is_quoted && letter.is_whitespace() => return Some((value, &body[index..])),
            _ => value.push(letter),
        }
    }
    (!is_quoted).then_some((value, ""))
}

/// `user:password@host:port,host:port/database?key=value`.
fn pairs_of_uri(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut add = |key: &str, value: &str| -> Result<(), String> {
        if !value.is_empty() {
            pairs.push((key.to_owned(), decode(value)?));
        }
        Ok(())
    };
    let (rest, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    add("user", user)?;
    add("password", password)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        let after_name = host.rfind(']').unwrap_or(0);
        let (name, port) = match host[after_name..].find(':') {
            Some(colon) => (&host[..after_name + colon], &host[after_name + colon + 1..]),
            None => (host, ""),
        };
        names.push(name.trim_start_matches('[').trim_end_matches(']'));
        ports.push(if port.is_empty() { "5432" } else { port });
    }
    add("host", &names.join(","))?;
    add("port", &ports.join(","))?;
    add("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or("a parameter is not of the form key=value")?;
        add(&decode(key)?, value)?;
    }
    Ok(pairs)
}

/// Replaces `%XX`.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or("a percent sign is not followed by two hexadecimal digits")?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| "a value is not UTF-8".to_owned())
}

/// Variables that libpq reads where the string has no such key.
fn add_environment(pairs: &mut Pairs) {
    for (key, variable) in [
        ("host", "PGHOST"),
        ("hostaddr", "PGHOSTADDR"),
        ("port", "PGPORT"),
        ("dbname", "PGDATABASE"),
        ("user", "PGUSER"),
        ("password", "PGPASSWORD"),
        ("passfile", "PGPASSFILE"),
        ("sslmode", "PGSSLMODE"),
        ("sslrootcert", "PGSSLROOTCERT"),
        ("sslcert", "PGSSLCERT"),
        ("sslkey", "PGSSLKEY"),
        ("options", "PGOPTIONS"),
    ] {
        if !pairs.iter().any(|(found, _)| found == key)
            && let Ok(value) = env::var(variable)
            && !value.is_empty()
        {
            pairs.push((key.to_owned(), value));
        }
    }
}

/// What the string says about TLS.
fn take_tls(pairs: &mut Pairs) -> Result<(TlsSettings, SslMode), String> {
    let mode = take(pairs, "sslmode");
    let authorities = take(pairs, "sslrootcert").filter(|file| file != "system");
    let file = |name: Option<String>| name.map(PathBuf::from);
    let has_authorities = authorities.is_some();
    let (mode, ssl_mode) = match mode.as_deref() {
        Some("disable" | "allow") => (TlsMode::Off, SslMode::Disable),
        None | Some("prefer") => (TlsMode::Encrypt, SslMode::Prefer),
        // As in libpq, a file of authorities is there to be used.
        Some("require") if has_authorities => (TlsMode::Authority, SslMode::Require),
        Some("require") => (TlsMode::Encrypt, SslMode::Require),
        Some("verify-ca") => (TlsMode::Authority, SslMode::Require),
        Some("verify-full") => (TlsMode::Full, SslMode::Require),
        Some(other) => return Err(format!("sslmode={other} is not a mode")),
    };
    let settings = TlsSettings {
        mode,
        authorities: file(authorities),
        certificate: file(take(pairs, "sslcert")),
        key: file(take(pairs, "sslkey")),
    };
    Ok((settings, ssl_mode))
}

/// Defaults of libpq.
fn add_defaults(config: &mut Config, options: &PostgresOptions) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let directories = SOCKET_DIRECTORIES.iter().map(PathBuf::from);
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let mut found =
            directories.filter(|directory| directory.join(format!(".s.PGSQL.{port}")).exists());
        match found.next() {
            Some(directory) => config.host_path(directory),
            None => config.host("localhost"),
        };
    }
    if config.get_user().is_none()
        && let Some(user) = &options.default_user
    {
        config.user(user);
    }
}

/// The password of a file of libpq: `host:port:database:user:password` lines.
fn password_of_file(config: &Config, named: Option<String>) -> Option<String> {
    let home = || env::var("HOME").ok().map(|home| format!("{home}/.pgpass"));
    let text = fs::read_to_string(named.or_else(home)?).ok()?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let wanted = [&*host, &*port, database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, keys) = fields.split_last()?;
        let is_it = keys.len() == wanted.len()
            && keys.iter().zip(wanted).all(|(field, value)| field == "*" || field == value);
        is_it.then(|| password.clone())
    })
}

/// Fields between colons; a backslash stands before a colon or a backslash that is meant.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == ':' && fields.len() < 5 {
            fields.push(String::new());
            continue;
        }
        let last = fields.last_mut().expect("has a field");
        match letter {
            '\\' => last.extend(letters.next()),
            _ => last.push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        pairs(text).expect("well formed")
    }

    fn target(text: &str) -> Target {
        Target::new(&PostgresOptions::new(text)).expect("well formed")
    }

    #[test]
    fn words_have_quotes_and_spaces_as_in_libpq() {
        let found = read(r"host = db  password='a b\'c' dbname=x\ y user=''");
        let found: Vec<_> = found.iter().map(|(key, value)| (&**key, &**value)).collect();
        let wanted = [("host", "db"), ("password", "a b'c"), ("dbname", "x y"), ("user", "")];
        assert_eq!(found, wanted);
        for text in ["host", "host='a", "a b=c"] {
            pairs(text).expect_err(text);
        }
    }

    #[test]
    fn a_uri_has_login_hosts_database_and_parameters() {
        let found = read("postgresql://u:p%40w@a,[::1]:77/d?sslmode=require&application_name=x");
        let found: Vec<_> = found.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(
            found,
            [
                ("user", "u"),
                ("password", "p@w"),
                ("host", "a,::1"),
                ("port", "5432,77"),
                ("dbname", "d"),
                ("sslmode", "require"),
                ("application_name", "x"),
            ]
        );
    }

    #[test]
    fn the_place_is_shown_without_its_password() {
        let shown = target("host=db user=u password=hunter2 dbname=d").shown;
        assert_eq!(shown, "PostgreSQL at db port 5432, database d, table queue");
    }

    #[test]
    fn no_error_shows_the_password() {
        for text in ["password=hunter2 nonsense=1", "password=hunter2 port=x", "password='hunter2"]
        {
            let error = Target::new(&PostgresOptions::new(text)).err().expect("is wrong");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn modes_of_tls_are_those_of_libpq() {
        let mode = |text: &str| take_tls(&mut read(text)).map(|(tls, mode)| (tls.mode, mode));
        assert_eq!(mode("host=h"), Ok((TlsMode::Encrypt, SslMode::Prefer)));
        assert_eq!(mode("sslmode=disable"), Ok((TlsMode::Off, SslMode::Disable)));
        assert_eq!(mode("sslmode=require"), Ok((TlsMode::Encrypt, SslMode::Require)));
        let with_file = mode("sslmode=require sslrootcert=/ca.pem");
        assert_eq!(with_file, Ok((TlsMode::Authority, SslMode::Require)));
        assert_eq!(mode("sslmode=verify-full"), Ok((TlsMode::Full, SslMode::Require)));
        mode("sslmode=maybe").expect_err("no mode");
    }

    #[test]
    fn the_line_of_a_password_file_that_fits_is_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pgpass");
        let text = "# lines\nother:*:*:*:no\ndb:5432:d\\:d:u:a:b\n*:*:*:*:last\n";
        fs::write(&file, text).expect("writes");
        let passfile = file.to_str().expect("a plain path");
        let password = |host: &str| {
            let text = format!("host={host} user=u dbname=d:d passfile={passfile}");
            target(&text).config.get_password().map(|bytes| bytes.to_vec())
        };
        assert_eq!(password("db"), Some(b"a:b".to_vec()));
        assert_eq!(password("elsewhere"), Some(b"last".to_vec()));
    }
}
