//! Where programs and files are: ours, the original's, and those that tests make.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The original's job server, where Debian installs it.
pub const ORIGINAL_GEARMAND: &str = "/usr/sbin/gearmand";

/// PHP's command line, where Debian installs it.
pub const PHP: &str = "/usr/bin/php8.2";
/// PHP's extension for Gearman, where Debian installs it.
pub const PHP_EXTENSION: &str = "/usr/lib/php/20220829/gearman.so";

/// The root directory of this repository.
pub fn repository() -> &'static Path {
    let support = Path::new(env!("CARGO_MANIFEST_DIR"));
    support.ancestors().nth(2).expect("tests/support is two levels below the root")
}

/// Cargo's directory for the profile that this test was built with, such as
/// `target/debug`.
pub fn profile_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let executable = std::env::current_exe().expect("the path of the test program");
        // target/PROFILE/deps/TEST-HASH
        executable.ancestors().nth(2).expect("a directory for the profile").to_owned()
    })
}

/// Cargo's `target` directory.
pub fn target_dir() -> &'static Path {
    profile_dir().parent().expect("a target directory")
}

/// A directory for the files that tests make. It may hold files of earlier runs.
pub fn scratch() -> PathBuf {
    let dir = target_dir().join("tmp/conformance");
    fs::create_dir_all(&dir).expect("a scratch directory");
    dir
}

/// Our job server. None when the package was built without it.
pub fn own_gearmand() -> Option<&'static str> {
    static GEARMAND: OnceLock<Option<String>> = OnceLock::new();
    let gearmand = GEARMAND.get_or_init(|| {
        let path = profile_dir().join("gearmand");
        path.exists().then(|| path.into_os_string().into_string().expect("a path in UTF-8"))
    });
    gearmand.as_deref()
}
