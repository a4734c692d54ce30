//! The connection to a Redis server: making it, asking, and what its errors mean.
//!
//! Must not: know jobs.

use std::path::Path;
use std::time::{Duration, Instant};

use redis::{
    Client, ClientTlsConfig, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError,
    TlsCertificates, Value,
};

use super::RedisOptions;
use crate::remote::lease;
use crate::remote::{Backoff, RemoteLimits, TlsMode, TlsSettings, tls_failure};
use crate::store::{ConnectionState, StoreError};

/// Time without an answer after which a connection may have ended.
const IDLE: Duration = Duration::from_millis(1);
/// Time between two looks at whether a connection can be made.
const REDIS_CONNECT_LOOK: Duration = Duration::from_millis(50);

/// The scripts, by what they are loaded as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    Batch,
    Claim,
    Adopt,
}

impl Script {
    const ALL: [(Script, &'static str); 3] = [
        (Script::Batch, include_str!("batch.lua")),
        (Script::Claim, include_str!("claim.lua")),
        (Script::Adopt, include_str!("adopt.lua")),
    ];
}

/// A connection that may be gone.
pub(super) struct RedisLink {
    client: Client,
    connection: Option<Connection>,
    /// RedisNames of the loaded scripts, in the order of [`Script::ALL`].
    scripts: Vec<String>,
    limits: RemoteLimits,
    backoff: Backoff,
    /// Since when there is no connection.
    down_since: Option<Instant>,
    /// When the server answered last.
    answered: Instant,
    pub(super) state: ConnectionState,
}

impl RedisLink {
    /// A link without a connection.
    ///
    /// # Errors
    /// If the certificates are not valid.
    pub(super) fn new(options: &RedisOptions) -> Result<RedisLink, StoreError> {
        let invalid = |error: RedisError| StoreError::NotCommitted(error.to_string());
        let info = connection_info(options).map_err(invalid)?;
        let client = match options.tls.mode {
            TlsMode::Off => Client::open(info),
            _ => tls_client(info, &options.tls)?,
        }
        .map_err(invalid)?;
        Ok(RedisLink {
            client,
            connection: None,
            scripts: Vec::new(),
            limits: options.limits,
            backoff: Backoff::default(),
            down_since: None,
            answered: Instant::now(),
            state: ConnectionState::default(),
        })
    }

    /// Whether there is a connection. One that was idle is asked, so that a batch is not sent on
    /// one that has ended: it would be unknown what became of it.
    pub(super) fn is_connected(&mut self) -> bool {
        if self.connection.is_some() && self.answered.elapsed() > IDLE {
            // What is wrong with it does not matter: another one is made.
            let _ = self.ask(&redis::cmd("PING"));
        }
        self.connection.is_some()
    }

    /// Gives the connection up.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
        self.state.is_connected = false;
    }

    /// Connects once, unless the last attempts failed just now.
    fn connect(&mut self) -> Result<(), StoreError> {
        self.disconnect();
        self.backoff.check().map_err(StoreError::NotCommitted)?;
        match self.try_connect() {
            Ok(()) => {
                self.backoff.succeeded();
                self.state.is_connected = true;
                self.state.connects += 1;
                Ok(())
            }
            Err(error) => {
                self.disconnect();
                self.state.failures += 1;
                let reason = format!("cannot connect: {}", describe(&error));
                self.backoff.failed(&reason);
                Err(StoreError::NotCommitted(reason))
            }
        }
    }

    /// Connects. Tries until `limit` has passed since the connection was lost.
    pub(super) fn connect_within(&mut self, limit: Duration) -> Result<(), StoreError> {
        let since = *self.down_since.get_or_insert_with(Instant::now);
        loop {
            match self.connect() {
                Ok(()) => {
                    self.down_since = None;
                    return Ok(());
                }
                Err(_) if since.elapsed() + REDIS_CONNECT_LOOK < limit => {
                    std::thread::sleep(REDIS_CONNECT_LOOK)
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn try_connect(&mut self) -> Result<(), RedisError> {
        let mut connection =
            self.client.get_connection_with_timeout(self.limits.connect_timeout)?;
        connection.set_read_timeout(Some(self.limits.request_timeout))?;
        connection.set_write_timeout(Some(self.limits.request_timeout))?;
        let mut load = redis::pipe();
        for (_, text) in Script::ALL {
            load.cmd("SCRIPT").arg("LOAD").arg(text);
        }
        self.scripts = load.query(&mut connection)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The call of a script, without its arguments.
    pub(super) fn script(&self, script: Script, keys: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.scripts[script as usize]).arg(keys.len());
        keys.iter().for_each(|key| {
            command.arg(key);
        });
        command
    }

    /// Sends a command and returns the answer.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no answer. The connection is given up then.
    pub(super) fn ask(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        self.exchange(|connection| command.query(connection))
    }

    /// Sends commands together and returns the answers.
    ///
    /// # Errors
    /// As [`RedisLink::ask`].
    pub(super) fn ask_all(&mut self, commands: &Pipeline) -> Result<Vec<Value>, LinkError> {
        self.exchange(|connection| commands.query(connection))
    }

    fn exchange<T>(
        &mut self,
        exchange: impl FnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, LinkError> {
        let Some(connection) = &mut self.connection else {
            return Err(StoreError::NotCommitted("not connected".to_owned()).into());
        };
        let result = exchange(connection);
        self.answered = Instant::now();
        result.map_err(|error| {
            let code = error.code().map(str::to_owned);
            if must_reconnect(code.as_deref()) {
                self.disconnect();
            }
            let detail = error.detail().map(str::to_owned);
            LinkError { meaning: meaning(&error), code, detail }
        })
    }
}

/// An error of an exchange.
#[derive(Debug)]
pub(super) struct LinkError {
    /// What it means for the store.
    pub(super) meaning: StoreError,
    /// The server's word for it, and what it adds; `None` if the server did not answer.
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
}

impl LinkError {
    /// What the server adds to this word, if it is the error.
    pub(super) fn detail_of(&self, code: &str) -> Option<&str> {
        self.detail.as_deref().filter(|_| self.code.as_deref() == Some(code))
    }
}

impl From<LinkError> for StoreError {
    fn from(error: LinkError) -> StoreError {
        error.meaning
    }
}

/// Whether a connection is of no use after an error with this word, or without one: the next
/// connection may lead to another server, or to one that has loaded its data.
fn must_reconnect(code: Option<&str>) -> bool {
    let of_the_server = ["READONLY", "MASTERDOWN", "LOADING", "NOSCRIPT", "NOAUTH"];
    code.is_none_or(|code| of_the_server.contains(&code))
}

fn meaning(error: &RedisError) -> StoreError {
    let text = describe(error);
    match error.code() {
        None => StoreError::Unknown(format!("the connection is lost: {text}")),
        Some("FENCED") => {
            let holder = error.detail().unwrap_or_default();
            StoreError::Fenced(format!(
                "another gearmand, {}, has taken the queue over",
                lease::shown(holder)
            ))
        }
        Some("FOREIGN" | "NEWER") => StoreError::Corrupt(text),
        // A script is refused before its first write, or carried out.
        Some(_) => StoreError::NotCommitted(text),
    }
}

/// The server's words, or the system's.
fn describe(error: &RedisError) -> String {
    if let Some(text) = tls_failure(error) {
        return text;
    }
    match (error.code(), error.detail()) {
        (Some("FOREIGN" | "NEWER"), Some(detail)) => detail.to_owned(),
        (Some(code), Some(detail)) => format!("Redis answered {code} {detail}"),
        (Some(code), None) => format!("Redis answered {code}"),
        (None, _) if error.is_timeout() => "no answer in time".to_owned(),
        (None, _) if error.kind() == ErrorKind::Parse => "what answers is not Redis".to_owned(),
        (None, _) => error.to_string(),
    }
}

/// A client that makes connections with TLS.
fn tls_client(
    info: ConnectionInfo,
    tls: &TlsSettings,
) -> Result<Result<Client, RedisError>, StoreError> {
    // The library takes the provider of the process. Another part may have set one.
    let _ = gearman_tls::provider().as_ref().clone().install_default();
    let built = Client::build_with_tls(info, certificates(tls)?);
    Ok(built.and_then(|client| {
        // Building has replaced the address with one that verifies the name.
        let info = client.get_connection_info().clone();
        let mut address = info.addr().clone();
        address.set_danger_accept_invalid_hostnames(tls.mode == TlsMode::Authority);
        Client::open(info.set_addr(address))
    }))
}

/// Reads the files of certificates.
fn certificates(tls: &TlsSettings) -> Result<TlsCertificates, StoreError> {
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|error| StoreError::NotCommitted(format!("{}: {error}", file.display())))
    };
    // The library says less of a file that is wrong.
    tls.client_config().map_err(StoreError::NotCommitted)?;
    let client_tls = match &tls.certificate {
        Some(certificate) => {
            let key = tls.key.as_ref().unwrap_or(certificate);
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    let root_cert = match tls.mode {
        TlsMode::Off | TlsMode::Encrypt => None,
        TlsMode::Authority | TlsMode::Full => {
            Some(read(&tls.authorities_file().map_err(StoreError::NotCommitted)?)?)
        }
    };
    Ok(TlsCertificates { client_tls, root_cert })
}

fn connection_info(options: &RedisOptions) -> Result<ConnectionInfo, RedisError> {
    let server = options.server.clone();
    let address = match (options.tls.mode, server.starts_with('/')) {
        (_, true) => ConnectionAddr::Unix(server.into()),
        (TlsMode::Off, false) => ConnectionAddr::Tcp(server, options.port),
        (mode, false) => ConnectionAddr::TcpTls {
            host: server,
            port: options.port,
            insecure: mode == TlsMode::Encrypt,
            tls_params: None,
        },
    };
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_db(options.database)
        .set_skip_set_lib_name();
    if let Some(user) = &options.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password.reveal());
    }
    Ok(address.into_connection_info()?.set_redis_settings(settings))
}
