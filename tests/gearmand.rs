//! `gearmand` as its peers see it: the built binary on a free port, and bytes.
//!
//! `original` plays the same bytes to the original server, where there is one.

#[path = "gearmand/admin.rs"]
mod admin;
#[path = "gearmand/draining.rs"]
mod draining;
#[path = "gearmand/hostile.rs"]
mod hostile;
#[path = "gearmand/lifetime.rs"]
mod lifetime;
#[path = "gearmand/listening.rs"]
mod listening;
#[path = "gearmand/options.rs"]
mod options;
#[path = "gearmand/original.rs"]
mod original;
#[path = "gearmand/packets.rs"]
mod packets;
#[path = "gearmand/process.rs"]
mod process;
#[path = "gearmand/states.rs"]
mod states;
#[path = "gearmand/support.rs"]
mod support;
#[path = "gearmand/time.rs"]
mod time;
