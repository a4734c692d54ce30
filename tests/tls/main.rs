//! TLS between our programs and others: the job server, the library and the tools beside
//! OpenSSL and Python's ssl, with certificates made by the commands of `src/docs/tls.md`.

mod documented;
mod library;
mod server;
mod support;
