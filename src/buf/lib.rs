//! Memory that C may see.
//!
//! Results, workloads and texts that are handed to a C program must come from
//! `malloc` or from the program's own allocator hooks, and a workload may be
//! memory that a C program lends for the length of one call. The types here
//! give that memory a safe API, so that the engine, which may not use `unsafe`,
//! can read and fill it.
//!
//! Must not: call allocator hooks. They are user code, and only `capi` may call
//! user code; a hook-owned buffer that is dropped therefore goes into a bin.

mod find;
mod hooked;
mod owned;
mod workload;

pub use find::find;
pub use hooked::{Bin, Bytes, HookBuf};
pub use owned::{OutOfMemory, Owned};
pub use workload::{Borrowed, Workload};
