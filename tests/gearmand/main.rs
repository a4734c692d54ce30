//! `gearmand` as its peers see it: the built binary on a free port, and bytes.
//!
//! `original` plays the same bytes to the original server, where there is one.

#[path = "gearmand/admin.rs"]
mod admin;
#[path = "gearmand/draining.rs"]
mod draining;
#[path = "gearmand/extra.rs"]
mod extra;
#[path = "gearmand/hostile.rs"]
mod hostile;
#[path = "gearmand/http.rs"]
mod http;
#[path = "gearmand/http_connections.rs"]
mod http_connections;
#[path = "gearmand/http_hostile.rs"]
mod http_hostile;
#[path = "gearmand/http_original.rs"]
mod http_original;
#[path = "gearmand/http_support.rs"]
mod http_support;
#[path = "gearmand/lifetime.rs"]
mod lifetime;
#[path = "gearmand/listening.rs"]
mod listening;
#[path = "gearmand/long_lists.rs"]
mod long_lists;
#[path = "gearmand/metrics.rs"]
mod metrics;
#[path = "gearmand/option_tables.rs"]
mod option_tables;
#[path = "gearmand/option_values.rs"]
mod option_values;
#[path = "gearmand/options.rs"]
mod options;
#[path = "gearmand/original.rs"]
mod original;
#[path = "gearmand/pace.rs"]
mod pace;
#[path = "gearmand/packets.rs"]
mod packets;
#[path = "gearmand/process.rs"]
mod process;
#[path = "support/random.rs"]
mod random;
#[path = "gearmand/retries.rs"]
mod retries;
#[path = "gearmand/states.rs"]
mod states;
#[path = "gearmand/support.rs"]
mod support;
#[path = "gearmand/time.rs"]
mod time;
