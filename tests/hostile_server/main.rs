//! Clients against a job server that misbehaves: every call ends with the right
//! code, never hangs, and leaves a client that still works.

mod hostile;

#[path = "hostile/closing.rs"]
mod closing;
#[path = "hostile/malformed.rs"]
mod malformed;
#[path = "hostile/order.rs"]
mod order;
#[path = "hostile/outcomes.rs"]
mod outcomes;
#[path = "hostile/silence.rs"]
mod silence;
#[path = "hostile/unix.rs"]
mod unix;
