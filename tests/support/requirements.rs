//! What a test needs from the system. A test that lacks it is skipped: it prints a line that
//! begins with `skipped: `, and `tests/run.sh` lists those lines (with `CI=true` it fails).

use std::path::Path;
use std::process::Command;

/// Prints why a test, or a part of it, is skipped.
pub fn skip(reason: &str) {
    println!("skipped: {reason}");
}

/// Whether a file of a Debian package exists; skips, naming the package, if not.
pub fn have_file(file: impl AsRef<Path>, package: &str) -> bool {
    let file = file.as_ref();
    let found = file.exists();
    if !found {
        skip(&format!("{} is missing: install {package}", file.display()));
    }
    found
}

/// Whether a program runs and succeeds with these arguments; skips if not.
pub fn have_program(program: &str, args: &[&str]) -> bool {
    let found =
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !found {
        skip(&format!("{program} {} cannot be run", args.join(" ")));
    }
    found
}
