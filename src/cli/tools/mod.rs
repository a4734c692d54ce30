//! What both command-line tools have in common: how servers are named, exit
//! codes, manual pages, and bytes in JSON.
//!
//! Must not: hold what only one of them needs, or speak the protocol.

pub(crate) mod exit;
pub(crate) mod json;
pub(crate) mod manual;
pub(crate) mod servers;

pub(crate) use exit::Exit;

/// What `--version` says.
pub(crate) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " - https://github.com/gearman/gearmand/issues");

/// What `-S` gets: it must not fall back to plain text in silence.
pub(crate) const NO_TLS: &str = "TLS (-S) is not supported by this build";
