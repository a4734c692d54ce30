//! Gearman in Rust: the library behind `libgearman.so.8`.
//!
//! This crate is the C interface. The crates that it uses are re-exported under short
//! names: `capi -> engine -> net, protocol -> buf`. See `src/ARCHITECTURE.md`.

pub use gearman_buf as buf;
pub use gearman_engine as engine;
pub use gearman_net as net;
pub use gearman_protocol as protocol;

pub mod capi;
