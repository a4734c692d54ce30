//! Sanitizers for the C programs: `GEARMAN_SANITIZER=address` or `thread`, with the library that
//! `tests/sanitizers.sh` has built for it.
//!
//! Must not: build the library.

use std::path::PathBuf;
use std::process::Command;

use crate::paths::repository;

/// A sanitizer that the C programs and the library are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitizer {
    /// AddressSanitizer with LeakSanitizer; UndefinedBehaviorSanitizer in the programs.
    Address,
    /// ThreadSanitizer.
    Thread,
}

impl Sanitizer {
    /// The one that the environment asks for.
    ///
    /// # Panics
    /// If no sanitizer has this name.
    pub fn wanted() -> Option<Sanitizer> {
        let name = std::env::var("GEARMAN_SANITIZER").ok()?;
        match name.as_str() {
            "address" => Some(Sanitizer::Address),
            "thread" => Some(Sanitizer::Thread),
            _ => panic!("GEARMAN_SANITIZER={name}: neither 'address' nor 'thread'"),
        }
    }

    /// Its name, as in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Sanitizer::Address => "address",
            Sanitizer::Thread => "thread",
        }
    }

    /// The library that is built with it.
    pub fn library(self) -> PathBuf {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let directory = repository().join("target/sanitizers").join(self.name());
        directory.join(triple).join("debug/libgearman.so")
    }

    /// The arguments of the C compiler.
    pub fn compiler_arguments(self) -> Vec<PathBuf> {
        let names = repository().join("tests/support/tsan_names.c");
        match self {
            Sanitizer::Address => {
                ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
                    .map(PathBuf::from)
                    .into()
            }
            Sanitizer::Thread => {
                ["-fsanitize=thread".into(), "-fno-builtin".into(), "-rdynamic".into(), names]
                    .into()
            }
        }
    }

    /// Makes the first report end a program with an exit code of its own.
    pub fn configure(self, command: &mut Command) {
        // Sizes that no memory has are part of what is tested.
        command.env("ASAN_OPTIONS", "exitcode=99:allocator_may_return_null=1");
        command.env("UBSAN_OPTIONS", "print_stacktrace=1");
        command.env("TSAN_OPTIONS", "exitcode=99:halt_on_error=1");
    }
}
