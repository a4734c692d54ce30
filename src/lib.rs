//! Gearman in Rust: the library behind `libgearman.so.8`, and the protocol
//! that the job server and the tools share.
//!
//! Layers, arrows pointing one way: `capi -> engine -> net -> protocol -> buf`.
//! See `src/ARCHITECTURE.md`.

pub mod buf;
pub mod capi;
pub mod engine;
pub mod net;
pub mod protocol;
