//! What the documents say is so: links and paths lead somewhere, options, commands and
//! metrics exist, tables agree with the code, and sizes stay within their limits.
//!
//! Must not: judge the wording; `tests/style.rs` does that for the sources.

mod commands;
mod document;
mod links;
mod monitoring;
mod programs;
mod prometheus;
mod sizes;
mod tables;
