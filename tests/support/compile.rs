//! Running C and C++ compilers on sources that tests generate.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::paths::repository;
use crate::requirements::{have_program, skip};

/// The headers of this library.
pub fn include() -> PathBuf {
    repository().join("include")
}

/// Whether a compiler is installed; skips if not.
pub fn have(compiler: &str) -> bool {
    have_program(compiler, &["--version"])
}

/// Runs a compiler on `source`, given on its standard input, in the language that
/// `-x` in `args` names. Returns what it printed, or its
/// diagnostics.
pub fn compile(program: &str, args: &[&str], source: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(args)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    child.stdin.take().unwrap().write_all(source.as_bytes()).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{program} {args:?}\n{}", text(&output.stderr)))
    }
}

/// Whether the original's headers are installed; skips if not.
pub fn have_original_headers() -> bool {
    let found =
        compile("gcc", &["-x", "c", "-fsyntax-only"], "#include <libgearman/gearman.h>").is_ok();
    if !found {
        skip("the original's headers are missing: install libgearman-dev");
    }
    found
}
