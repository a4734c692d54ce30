//! TLS between our programs and others: the job server, the library and the tools beside
//! OpenSSL and Python's ssl, with certificates made by the commands of `src/docs/tls.md`.

mod access;
mod c_programs;
mod documented;
mod library;
mod others;
#[cfg(feature = "aws-lc-rs")]
mod rust_crate;
mod server;
mod support;
