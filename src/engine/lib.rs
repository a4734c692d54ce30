//! The client and worker state machines.
//!
//! They cannot call user code: callbacks are `unsafe extern "C-unwind"`
//! functions, and `unsafe` is forbidden here. A step that needs user code ends
//! with a value that says which, and `capi` makes the call and comes back with
//! `resume`.
//!
//! Must not: know a C structure, or any historical oddity of the C API that is
//! not visible on the wire.

#![forbid(unsafe_code)]

pub mod admin;
pub mod client;
pub mod code;
pub mod error;
pub mod exchange;
pub mod handles;
pub mod link;
pub mod settings;
pub mod slab;
pub mod task;
#[cfg(test)]
pub(crate) mod testing;
pub mod unique;
pub mod uuid;
pub mod worker;

pub use code::ReturnCode;
