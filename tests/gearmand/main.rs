//! `gearmand` as its peers see it: the built binary on a free port, and bytes.
//!
//! `original` sends the same bytes to the original server, where it is installed.

mod access;
mod admin;
mod attack;
mod draining;
mod durable;
mod durable_original;
mod extra;
mod files;
mod function_settings;
mod hostile;
mod http;
mod http_connections;
mod http_hostile;
mod http_original;
mod http_support;
mod lifetime;
mod listening;
mod long_lists;
mod metrics;
mod migrating;
mod operations;
mod option_tables;
mod option_values;
mod options;
mod original;
mod pace;
mod packets;
mod process;
mod retries;
mod states;
mod support;
mod systemd;
mod time;
