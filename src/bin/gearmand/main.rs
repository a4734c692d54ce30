//! The Gearman job server.

fn main() {}
