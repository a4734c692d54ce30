//! The client and worker state machines.
//!
//! Neither can call user code: callbacks are `unsafe extern "C-unwind"` functions, and this
//! crate forbids `unsafe`. A step that needs user code returns a value that says which;
//! `capi` makes the call and continues with `resume`.
//!
//! Must not: know a C structure, or any historical oddity of the C API that is
//! not visible on the wire.

#![forbid(unsafe_code)]

pub mod admin;
pub mod client;
pub mod code;
pub mod environment;
pub mod error;
pub mod exchange;
pub mod handles;
pub mod link;
mod ring;
pub mod settings;
pub mod slab;
pub mod task;
#[cfg(test)]
pub(crate) mod testing;
pub mod unique;
pub mod uuid;
pub mod worker;

pub use code::ReturnCode;
