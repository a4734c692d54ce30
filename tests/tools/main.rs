//! The command-line tools, as black boxes: each published line and each option,
//! with our job server and with the original's.

mod admin;
mod batches;
mod client;
mod completion;
mod exits;
mod lines;
mod option_values;
mod patterns;
mod processes;
mod published;
mod servers;
mod status;
mod terminal;
mod worker;
