//! The C API: `extern` functions, one file (or a few) per public header, and the
//! only place that holds raw pointers from C.
//!
//! It has every historical oddity of the API, so that the engine has none. Every
//! exported function catches panics ([`guard`]), accepts NULL, and never calls
//! another exported function: in a shared library such a call can be interposed. The files named `a_b.rs` share the header of
//! `a.rs`; `tests/headers` generates the headers from them.

#![allow(non_camel_case_types)]

pub mod actions;
pub mod aggregator;
pub mod argument;
pub mod callbacks;
pub mod cancel;
mod cancellation;
pub mod client;
pub mod client_ask;
pub mod client_background;
mod client_block;
pub mod client_options;
pub mod client_resubmission;
pub mod client_run;
pub mod client_selection;
pub mod client_servers;
pub mod client_setters;
pub mod client_single;
pub mod client_tasks;
pub mod enums;
pub mod execute;
pub mod extension;
pub mod extension_worker;
mod frames;
pub mod function;
pub mod guard;
mod handle;
mod hooks;
pub mod job;
mod job_block;
pub mod job_worker;
pub mod keepalive;
pub mod kill;
mod own_stack;
pub mod parse;
mod reduce;
pub mod result;
pub mod status;
pub mod strerror;
pub mod task;
pub mod task_attr;
pub mod task_attr_next;
mod task_block;
pub mod task_data;
mod text;
mod thread_id;
pub mod tls;
pub mod types;
pub mod util;
mod waiting;
pub mod worker;
pub mod worker_ask;
mod worker_block;
pub mod worker_functions;
pub mod worker_options;
pub mod worker_run;
pub mod worker_servers;
