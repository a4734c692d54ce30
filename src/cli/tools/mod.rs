//! What both command-line tools share: server addresses, exit codes, messages about a
//! wrong command line, refusals of a server, generated files, and bytes in JSON.
//!
//! Must not: hold what only one of them needs, or speak the protocol.

pub(crate) mod environment;
pub(crate) mod exit;
pub(crate) mod generated;
pub(crate) mod json;
pub(crate) mod refusal;
pub(crate) mod servers;
pub(crate) mod signals;
pub(crate) mod timeout;
pub(crate) mod tls;
pub(crate) mod usage;
pub(crate) mod waiting;

pub(crate) use exit::Exit;

/// The version that `--version` prints.
pub(crate) const TOOLS_VERSION: &str = env!("CARGO_PKG_VERSION");
