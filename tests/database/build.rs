//! The Debian packages of the SQL functions, built by their script and unpacked.
//!
//! Must not: write into the repository.

use gearman_test_support::library::own_library_dir;
use gearman_test_support::paths::{repository, scratch};
use gearman_test_support::requirements::{have_file, have_program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Whether the packages can be built; skips if not.
pub(crate) fn can_be_built() -> bool {
    have_file("/usr/bin/mariadb_config", "libmariadb-dev")
        && have_file("/usr/bin/pg_config", "postgresql-server-dev-all")
        && ["pkg-config", "make", "dpkg-deb"].iter().all(|tool| have_program(tool, &["--version"]))
}

/// The directory in which the packages are unpacked: `usr` is below it.
pub(crate) fn packages() -> &'static Path {
    static UNPACKED: OnceLock<PathBuf> = OnceLock::new();
    UNPACKED.get_or_init(|| {
        let place = scratch().join(format!("sql-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).expect("a directory");
        for package in build(&place).lines() {
            let mut unpack = Command::new("dpkg-deb");
            let done = unpack.args(["-x", package]).arg(&place).status().expect("dpkg-deb runs");
            assert!(done.success(), "{package}");
        }
        place
    })
}

/// Builds the packages, and returns a line for each with its path.
fn build(place: &Path) -> String {
    let text = format!(
        "Name: gearmand\nDescription: the library of the tests\nVersion: 2.1.0\n\
         Cflags: -I{}\nLibs: -L{} -lgearman\n",
        repository().join("include").display(),
        own_library_dir().display()
    );
    fs::write(place.join("gearmand.pc"), text).expect("a pkg-config file");
    let output = Command::new("sh")
        .arg(repository().join("bindings/packaging/build-sql-debs.sh"))
        .arg(format!("--output={}", place.display()))
        .env("PKG_CONFIG_PATH", place)
        .output()
        .expect("sh runs");
    let diagnostics = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "build-sql-debs.sh: {diagnostics}");
    assert!(!diagnostics.contains("warning:"), "{diagnostics}");
    String::from_utf8(output.stdout).expect("paths")
}
