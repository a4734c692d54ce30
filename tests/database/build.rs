//! Builds the SQL functions as their Makefiles say, from a copy of the sources.
//!
//! Must not: write into the repository.

use gearman_test_support::library::own_library_dir;
use gearman_test_support::paths::{repository, scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `bindings/NAME` with further arguments of `make`, and returns the directory with what
/// was built.
pub(crate) fn built(name: &str, arguments: &[&str]) -> PathBuf {
    let place = scratch().join(format!("sql-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&place);
    for part in ["database", name] {
        copy(&repository().join("bindings").join(part), &place.join(part));
    }
    let pkg_config = place.join("pkg-config");
    fs::create_dir_all(&pkg_config).expect("a directory");
    let text = format!(
        "Name: gearmand\nDescription: the library of the tests\nVersion: 2.1.0\n\
         Cflags: -I{}\nLibs: -L{} -lgearman\n",
        repository().join("include").display(),
        own_library_dir().display()
    );
    fs::write(pkg_config.join("gearmand.pc"), text).expect("a pkg-config file");
    let directory = place.join(name);
    let output = Command::new("make")
        .arg("-C")
        .arg(&directory)
        .args(arguments)
        .env("PKG_CONFIG_PATH", &pkg_config)
        .output()
        .expect("make runs");
    let diagnostics = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "make: {diagnostics}");
    assert!(!diagnostics.contains("warning:"), "{diagnostics}");
    directory
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("sources") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}
