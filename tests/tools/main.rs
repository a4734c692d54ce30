//! The command-line tools, as black boxes: each published line and each option,
//! with our job server and with the original's.

#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

#[path = "tools/admin.rs"]
mod admin;
#[path = "tools/client.rs"]
mod client;
#[path = "tools/exits.rs"]
mod exits;
#[path = "tools/lines.rs"]
mod lines;
#[path = "tools/option_values.rs"]
mod option_values;
#[path = "tools/processes.rs"]
mod processes;
#[path = "tools/published.rs"]
mod published;
#[path = "tools/servers.rs"]
mod servers;
#[path = "tools/terminal.rs"]
mod terminal;
#[path = "tools/worker.rs"]
mod worker;
