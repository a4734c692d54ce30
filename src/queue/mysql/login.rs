//! Logging in: the server's greeting, TLS, and the proof that the password is known.
//!
//! Must not: send a password in the clear. That is done by no method that is allowed here, except
//! over TLS or a socket of this machine.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use gearman_tls::rustls::pki_types::ServerName;
use gearman_tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use mysql_common::auth::plugins::{AuthProc, ChallengeResponsePlugin, Context};
use mysql_common::constants::CapabilityFlags;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest,
};
use mysql_common::proto::MySerialize;

use super::connection::{MySqlError, server_error};
use super::packets::{PacketStream, wrong};
use super::socket::{MySqlAddress, MySqlStream, TimedSocket};

/// Largest answer that this client takes, as the protocol wants it said.
const ANSWER_BYTES_MAX: u32 = 1 << 30;
/// Number of the collation utf8mb4_general_ci, which every server has.
const UTF8MB4: u8 = 45;

/// Who logs in, and where.
pub(super) struct Login {
    pub(super) address: MySqlAddress,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: Option<String>,
    pub(super) tls: Option<LoginTls>,
}

/// TLS of a connection.
pub(super) struct LoginTls {
    pub(super) config: Arc<ClientConfig>,
    /// Name of the server in its certificate, and whether it is verified.
    pub(super) name: ServerName<'static>,
    /// Whether a server without TLS is used without it.
    pub(super) is_optional: bool,
}

/// What a method of proving the password may know.
struct ProofContext<'a> {
    password: &'a [u8],
    nonce: &'a [u8],
    is_local: bool,
    has_tls: bool,
}

impl Context for &ProofContext<'_> {
    fn pass(&self) -> &[u8] {
        self.password
    }

    fn is_ipc_transport(&self) -> bool {
        self.is_local
    }

    fn is_tls_transport(&self) -> bool {
        self.has_tls
    }

    fn scramble(&self) -> &[u8] {
        self.nonce
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

/// Connects and logs in until the deadline. Returns the connection's number, too.
///
/// # Errors
/// If the server cannot be reached or refuses. No error shows the password.
pub(super) fn log_in(login: &Login, deadline: Instant) -> Result<(PacketStream, u32), MySqlError> {
    let socket = TimedSocket::connect(&login.address, deadline)?;
    let is_local = socket.is_local();
    let mut packets = PacketStream::new(MySqlStream::Plain(socket));
    let mut text = Vec::new();
    packets.receive(&mut text)?;
    if text.first() == Some(&0xff) {
        return Err(server_error(&text, 0));
    }
    let greeting: HandshakePacket<'_> = ParseBuf(&text).parse(())?;
    if !greeting.capabilities().contains(CapabilityFlags::CLIENT_PROTOCOL_41) {
        return Err(wrong("the server is older than MySQL 4.1").into());
    }
    let mut flags = wanted(login) & greeting.capabilities();
    let mut has_tls = false;
    // A socket of this machine needs no TLS.
    if let Some(tls) = login.tls.as_ref().filter(|_| !is_local) {
        if greeting.capabilities().contains(CapabilityFlags::CLIENT_SSL) {
            flags.insert(CapabilityFlags::CLIENT_SSL);
            packets = encrypt(packets, tls, flags)?;
            has_tls = true;
        } else if !tls.is_optional {
            return Err(wrong("the server has no TLS, which this connection must have").into());
        }
    }
    let nonce = greeting.nonce();
    let context =
        ProofContext { password: login.password.as_bytes(), nonce: &nonce, is_local, has_tls };
    let plugin = match greeting.auth_plugin() {
        Some(plugin) if is_allowed(&plugin) => plugin.into_owned(),
        // The server says in its answer which method it wants instead.
        _ => AuthPlugin::MysqlNativePassword,
    };
    let mut method = plugin.init().map_err(io::Error::other)?;
    let proof = method.run(&context, &nonce).map_err(io::Error::other)?;
    let attributes = HashMap::from([("program_name".to_owned(), "gearmand".to_owned())]);
    let response = HandshakeResponse::new(
        proof.data(),
        // A version from which on utf8mb4 is known.
        (5, 5, 3),
        Some(login.user.as_bytes()),
        login.database.as_deref().map(str::as_bytes),
        Some(plugin),
        flags,
        flags.contains(CapabilityFlags::CLIENT_CONNECT_ATTRS).then_some(attributes),
        ANSWER_BYTES_MAX,
    );
    let mut answer = Vec::new();
    response.serialize(&mut answer);
    packets.send(&answer)?;
    prove(&mut packets, method, &context)?;
    Ok((packets, greeting.connection_id()))
}

fn wanted(login: &Login) -> CapabilityFlags {
    let mut flags = CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_LONG_FLAG
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_MULTI_STATEMENTS
        | CapabilityFlags::CLIENT_MULTI_RESULTS
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_CONNECT_ATTRS;
    flags.set(CapabilityFlags::CLIENT_CONNECT_WITH_DB, login.database.is_some());
    flags
}

/// Asks for TLS and shakes hands.
fn encrypt(
    mut packets: PacketStream,
    tls: &LoginTls,
    flags: CapabilityFlags,
) -> Result<PacketStream, MySqlError> {
    let mut request = Vec::new();
    SslRequest::new(flags, ANSWER_BYTES_MAX, UTF8MB4).serialize(&mut request);
    packets.send(&request)?;
    let wrapped = packets.wrap(|stream| {
        let MySqlStream::Plain(mut socket) = stream else { unreachable!("TLS is begun once") };
        let mut connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone())
            .map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(MySqlStream::Tls(Box::new(StreamOwned::new(connection, socket))))
    });
    Ok(wrapped?)
}

/// Whether a method keeps the password from a server that only claims to be the one.
fn is_allowed(plugin: &AuthPlugin<'_>) -> bool {
    matches!(
        plugin,
        AuthPlugin::MysqlNativePassword
            | AuthPlugin::CachingSha2Password
            | AuthPlugin::Sha256Password
            | AuthPlugin::Ed25519
    )
}

/// Answers until the server lets this client in.
fn prove(
    packets: &mut PacketStream,
    mut method: AuthProc,
    context: &ProofContext<'_>,
) -> Result<(), MySqlError> {
    let mut text = Vec::new();
    let mut has_switched = false;
    loop {
        packets.receive(&mut text)?;
        let response = match text.first() {
            Some(0x00) => return Ok(()),
            Some(0xff) => return Err(server_error(&text, 0)),
            Some(0xfe) if text.len() > 1 && !std::mem::replace(&mut has_switched, true) => {
                let switch: AuthSwitchRequest<'_> = ParseBuf(&text).parse(())?;
                let plugin = switch.auth_plugin();
                if !is_allowed(&plugin) {
                    let name = String::from_utf8_lossy(plugin.as_bytes()).into_owned();
                    let what = format!(
                        "the server asks for the login method {name}, which gearmand does not \
                         have; give its user another one, such as caching_sha2_password or ed25519"
                    );
                    return Err(wrong(&what).into());
                }
                method = plugin.init().map_err(io::Error::other)?;
                method.run(context, switch.plugin_data())
            }
            Some(0x01) => method.run(context, &text[1..]),
            _ => return Err(wrong("the login has an answer of an unknown kind").into()),
        };
        if let Some(data) = response.map_err(io::Error::other)?.data() {
            packets.send(data)?;
        }
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
