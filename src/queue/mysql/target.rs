//! Where to connect to, and how: the options, then the option files, then the defaults.
//!
//! Must not: connect, or show a password.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gearman_tls::rustls::pki_types::ServerName;

use super::MySqlOptions;
use super::login::{Login, LoginTls};
use super::my_cnf::OptionFile;
use super::schema::MySqlNames;
use super::socket::MySqlAddress;
use crate::remote::{RemoteLimits, Secret, TlsMode, TlsSettings};
use crate::store::IfMissing;

/// Port of a server.
const MYSQL_PORT: u16 = 3306;
/// Sockets of the distributions' servers, in the order of trying.
const MYSQL_SOCKETS: [&str; 4] = [
    "/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/run/mysql/mysql.sock",
    "/tmp/mysql.sock",
];

/// Where to connect to, and how.
pub(super) struct MySqlTarget {
    pub(super) login: Login,
    pub(super) names: MySqlNames,
    pub(super) if_missing: IfMissing,
    pub(super) limits: RemoteLimits,
    /// The place for people: without the password.
    pub(super) shown: String,
}

impl MySqlTarget {
    /// Reads the options and the option files.
    ///
    /// # Errors
    /// If a file cannot be read, or a value is not one. No error shows a password.
    pub(super) fn new(options: &MySqlOptions) -> Result<MySqlTarget, String> {
        let file = OptionFile::read(&options.option_files)?;
        let address = address(options, &file)?;
        let given = |value: &Option<String>, name: &str| {
            let value = value.clone().filter(|value| !value.is_empty());
            value.or_else(|| file.get(name).map(str::to_owned))
        };
        let database = given(&options.database, "database");
        let user = given(&options.user, "user").or_else(|| options.default_user.clone());
        let password = options.password.as_ref().map(Secret::reveal).or(file.get("password"));
        let (settings, is_optional) = match &options.tls {
            Some(tls) => (tls.clone(), false),
            None => tls_of_file(&file)?,
        };
        let shown = shown(&address, database.as_deref(), &options.table);
        let tls = match settings.mode {
            TlsMode::Off => None,
            mode => Some(LoginTls {
                config: Arc::new(settings.client_config()?),
                name: server_name(&address, mode)?,
                is_optional,
            }),
        };
        let login = Login {
            address,
            user: user.unwrap_or_default(),
            password: password.unwrap_or_default().to_owned(),
            database,
            tls,
        };
        let names = MySqlNames::new(&options.table)?;
        let MySqlOptions { if_missing, limits, .. } = *options;
        Ok(MySqlTarget { login, names, if_missing, limits, shown })
    }
}

/// "localhost" is the socket of this machine, as everywhere with MySQL, if there is one.
fn address(options: &MySqlOptions, file: &OptionFile) -> Result<MySqlAddress, String> {
    if let Some(path) = &options.socket {
        return Ok(MySqlAddress::Unix(path.clone()));
    }
    let host = options.host.as_deref().or(file.get("host")).filter(|host| !host.is_empty());
    let host = host.unwrap_or("localhost");
    if host.starts_with('/') {
        return Ok(MySqlAddress::Unix(PathBuf::from(host)));
    }
    if host == "localhost" && options.is_localhost_a_socket {
        let named = file.get("socket").filter(|path| !path.is_empty()).map(Path::new);
        let mut known = MYSQL_SOCKETS.iter().map(Path::new);
        if let Some(path) = named.or_else(|| known.find(|path| path.exists())) {
            return Ok(MySqlAddress::Unix(path.to_owned()));
        }
    }
    let port = match (options.port, file.get("port")) {
        (Some(port), _) => port,
        (None, Some(text)) => text.parse().map_err(|_| format!("port={text} is no port"))?,
        (None, None) => MYSQL_PORT,
    };
    Ok(MySqlAddress::Tcp(host.to_owned(), port))
}

/// What the option files say about TLS, and whether a server without it is used.
fn tls_of_file(file: &OptionFile) -> Result<(TlsSettings, bool), String> {
    let path = |name: &str| file.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let is_on = |name: &str| {
        let value = file.get(name)?;
        Some(!["0", "off", "false"].contains(&&*value.to_ascii_lowercase()))
    };
    let authorities = path("ssl-ca");
    let (mode, is_optional) = match file.get("ssl-mode").map(str::to_ascii_uppercase).as_deref() {
        Some("DISABLED") => (TlsMode::Off, false),
        Some("PREFERRED") => (TlsMode::Encrypt, true),
        Some("REQUIRED") => (TlsMode::Encrypt, false),
        Some("VERIFY_CA") => (TlsMode::Authority, false),
        Some("VERIFY_IDENTITY") => (TlsMode::Full, false),
        Some(other) => return Err(format!("ssl-mode={other} is not a mode")),
        None if is_on("ssl") == Some(false) => (TlsMode::Off, false),
        None if is_on("ssl-verify-server-cert") == Some(true) => (TlsMode::Full, false),
        // A file of authorities is there to be used.
        None if authorities.is_some() => (TlsMode::Authority, false),
        None if is_on("ssl") == Some(true) => (TlsMode::Encrypt, false),
        None => (TlsMode::Off, false),
    };
    let settings =
        TlsSettings { mode, authorities, certificate: path("ssl-cert"), key: path("ssl-key") };
    Ok((settings, is_optional))
}

/// The name that the certificate must have.
fn server_name(address: &MySqlAddress, mode: TlsMode) -> Result<ServerName<'static>, String> {
    let MySqlAddress::Tcp(host, _) = address else {
        return Ok(ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    };
    match ServerName::try_from(host.clone()) {
        Ok(name) => Ok(name),
        Err(_) if mode != TlsMode::Full => Ok(ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
        Err(_) => Err(format!("TLS: '{host}' is no name that a certificate can have")),
    }
}

/// Host, database and table for people.
fn shown(address: &MySqlAddress, database: Option<&str>, table: &str) -> String {
    let place = match address {
        MySqlAddress::Tcp(host, port) => format!("{host} port {port}"),
        MySqlAddress::Unix(path) => path.display().to_string(),
    };
    let database = database.map(|name| format!(", database {name}")).unwrap_or_default();
    format!("MySQL at {place}{database}, table {table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an option file with this text in `[gearmand]` adds to options.
    fn target(options: MySqlOptions, text: &str) -> Result<MySqlTarget, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("my.cnf");
        std::fs::write(&file, format!("[gearmand]\n{text}\n")).expect("writes");
        MySqlTarget::new(&MySqlOptions { option_files: vec![file], ..options })
    }

    fn options() -> MySqlOptions {
        MySqlOptions { option_files: Vec::new(), ..MySqlOptions::default() }
    }

    fn tcp(host: &str, port: u16) -> MySqlAddress {
        MySqlAddress::Tcp(host.to_owned(), port)
    }

    #[test]
    fn options_count_before_the_option_file_and_that_before_the_defaults() {
        let text = "host=db\nport=77\nuser=u\npassword=hunter2\ndatabase=d\nsocket=/s";
        let found = target(options(), text).expect("is read");
        assert_eq!(found.login.address, tcp("db", 77));
        assert_eq!((&*found.login.user, &*found.login.password), ("u", "hunter2"));
        assert_eq!(found.login.database.as_deref(), Some("d"));
        let given = MySqlOptions {
            host: Some("other".into()),
            user: Some("v".into()),
            password: Some(Secret::new("x")),
            default_user: Some("process".into()),
            ..options()
        };
        let found = target(given.clone(), text).expect("is read");
        assert_eq!(found.login.address, tcp("other", 77));
        assert_eq!((&*found.login.user, &*found.login.password), ("v", "x"));
        let found = target(MySqlOptions { user: None, ..given }, "").expect("is read");
        assert_eq!((found.login.address, &*found.login.user), (tcp("other", 3306), "process"));
    }

    #[test]
    fn localhost_is_a_socket_for_mysql_and_a_host_for_libdrizzle() {
        let text = "socket=/s";
        let local = MySqlOptions { host: Some("localhost".into()), ..options() };
        for given in [local.clone(), options()] {
            let found = target(given, text).expect("is read");
            assert_eq!(found.login.address, MySqlAddress::Unix("/s".into()));
        }
        let plain = MySqlOptions { is_localhost_a_socket: false, ..local };
        assert_eq!(target(plain, text).expect("is read").login.address, tcp("localhost", 3306));
    }

    #[test]
    fn the_place_is_shown_without_its_password() {
        let given = MySqlOptions { host: Some("db".into()), ..options() };
        let shown = target(given, "password=hunter2\ndatabase=d").expect("is read").shown;
        assert_eq!(shown, "MySQL at db port 3306, database d, table gearman_queue");
    }

    #[test]
    fn modes_of_tls_are_those_of_the_client_library() {
        let mode = |text: &str| {
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory.path().join("my.cnf");
            std::fs::write(&file, format!("[client]\n{text}\n")).expect("writes");
            let file = OptionFile::read(&[file]).expect("is read");
            tls_of_file(&file).map(|(settings, is_optional)| (settings.mode, is_optional))
        };
        assert_eq!(mode(""), Ok((TlsMode::Off, false)));
        assert_eq!(mode("ssl-mode=preferred"), Ok((TlsMode::Encrypt, true)));
        assert_eq!(mode("ssl_mode=REQUIRED\nssl-ca=/x"), Ok((TlsMode::Encrypt, false)));
        assert_eq!(mode("ssl-ca=/x"), Ok((TlsMode::Authority, false)));
        assert_eq!(mode("ssl"), Ok((TlsMode::Encrypt, false)));
        assert_eq!(mode("ssl=0\nssl-ca=/x"), Ok((TlsMode::Off, false)));
        assert_eq!(mode("ssl-verify-server-cert"), Ok((TlsMode::Full, false)));
        assert_eq!(mode("ssl-mode=VERIFY_IDENTITY"), Ok((TlsMode::Full, false)));
        mode("ssl-mode=maybe").expect_err("no mode");
    }
}
