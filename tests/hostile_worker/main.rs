//! Workers against a job server that misbehaves: every call ends with the right
//! code, never hangs, does each job once, and leaves a worker that still works.

mod hostile;

#[path = "hostile/worker_answers.rs"]
mod worker_answers;
#[path = "hostile/worker_closing.rs"]
mod worker_closing;
#[path = "hostile/worker_silence.rs"]
mod worker_silence;
#[path = "hostile/worker_unix.rs"]
mod worker_unix;
