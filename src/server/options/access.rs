//! Options about who may do what, and about limits on peers.
//!
//! Must not: read the rules, or open anything.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::values::{number, parse_port};
use gearman_access::AdminScope;

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessOptions {
    /// File of rules that say who may submit, work, cancel, view and administer which
    /// functions. It is read again on SIGHUP. Default: everything is allowed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) access_rules: Option<PathBuf>,

    /// Text commands that the addresses of --listen take: "all", "read-only" for those
    /// that change nothing, or "none". Default: all; read-only with --admin-listen.
    #[arg(long, value_name = "WHICH", ignore_case = true)]
    admin_commands: Option<AdminCommands>,

    /// Address and port, or path of a Unix socket (/path or unix:path), that takes text
    /// commands only; may be given more than once.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_admin_address)]
    pub(crate) admin_listen: Vec<AdminAddress>,

    /// As --admin-listen, for text commands that change nothing.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_admin_address)]
    pub(crate) admin_listen_read_only: Vec<AdminAddress>,

    /// Append a line to this file for each text command that changes something or is
    /// refused. It is reopened on SIGHUP.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) audit_log: Option<PathBuf>,

    /// Most functions that a connection may offer, and most that it may bring into being;
    /// 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = number(0..=u32::MAX, "functions"))]
    pub(crate) functions_per_connection: u32,

    /// Most jobs in memory with a unique id that a connection may have submitted; 0 for
    /// no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = number(0..=u32::MAX, "jobs"))]
    pub(crate) unique_ids_per_connection: u32,

    /// Most jobs that a worker may run at a time on one connection; a request for one more
    /// is answered with an error. 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = number(0..=u32::MAX, "jobs"))]
    pub(crate) jobs_per_worker: u32,

    /// Most connections of one address, or of one IPv6 network of 64 bits; 0 for no
    /// limit. Addresses of --admin-listen are not limited.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = number(0..=u32::MAX, "connections"))]
    pub(crate) connections_per_address: u32,

    /// Most new connections per second of one address, on average over ten seconds; 0
    /// for no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = number(0..=1_000_000_u32, "connections"))]
    pub(crate) connection_rate: u32,
}

impl AccessOptions {
    /// The text commands that listeners for jobs take.
    pub(crate) fn scope(&self) -> AdminScope {
        match self.admin_commands {
            Some(AdminCommands::All) => AdminScope::All,
            Some(AdminCommands::ReadOnly) => AdminScope::ReadOnly,
            Some(AdminCommands::None) => AdminScope::Nothing,
            None if self.admin_listen.is_empty() => AdminScope::All,
            None => AdminScope::ReadOnly,
        }
    }
}

/// Which text commands are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AdminCommands {
    All,
    ReadOnly,
    None,
}

/// Where to listen for text commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminAddress {
    /// A host or an address, and a port.
    Tcp(String, u16),
    /// A Unix socket, as `--listen` has it.
    Unix(String),
}

/// Parses `ADDRESS:PORT`, or the path of a Unix socket.
fn parse_admin_address(text: &str) -> Result<AdminAddress, String> {
    if text.starts_with('/') || text.starts_with("unix:") {
        return Ok(AdminAddress::Unix(text.into()));
    }
    let wrong = || "neither ADDRESS:PORT nor the path of a Unix socket".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    if host.is_empty() || is_bare_ipv6 {
        return Err(wrong());
    }
    Ok(AdminAddress::Tcp(host.into(), parse_port(port)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_has_a_port_or_is_a_path() {
        let tcp = |host: &str, port| Ok(AdminAddress::Tcp(host.into(), port));
        assert_eq!(parse_admin_address("127.0.0.1:4731"), tcp("127.0.0.1", 4731));
        assert_eq!(parse_admin_address("[::1]:4731"), tcp("[::1]", 4731));
        assert_eq!(parse_admin_address("/run/a"), Ok(AdminAddress::Unix("/run/a".into())));
        for text in ["", "localhost", ":4731", "::1", "::1:4731", "localhost:", "localhost:x"] {
            assert!(parse_admin_address(text).is_err(), "{text}");
        }
    }
}
