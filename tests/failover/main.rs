//! Failover as a program sees it through the C functions: where jobs go, and what a call returns
//! when servers fail.

mod idle;
mod placement;
mod restarts;
