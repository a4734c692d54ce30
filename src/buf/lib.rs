//! Memory that is shared with C programs.
//!
//! Results, workloads and texts that a C program takes over must come from `malloc` or
//! from the program's allocator hooks, and a workload may be memory that the program lends
//! for one call. The types here give such memory a safe API, so that the engine can read
//! and fill it without `unsafe`.
//!
//! Must not: call allocator hooks. They are user code, which only `capi` may call; memory
//! of a hook that is dropped therefore goes into a [`Bin`].

mod find;
mod hooked;
mod owned;
mod workload;

pub use find::find;
pub use hooked::{Bin, Bytes, HookBuf};
pub use owned::{OutOfMemory, Owned};
pub use workload::{Borrowed, Workload};
