//! The certificates that `src/docs/tls.md` shows how to make, made by its commands.
//!
//! Must not: make other ones.

use crate::paths::{repository, scratch};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The blocks of shell in the documentation: how certificates are made, and how they are used.
///
/// # Panics
/// If the document cannot be read.
pub fn documented_blocks() -> Vec<String> {
    let text = fs::read_to_string(repository().join("src/docs/tls.md")).expect("the document");
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("an end").to_owned()).collect()
}

/// A directory of this process, whose `tls` has the documented certificates.
///
/// # Panics
/// If the documented commands fail.
pub fn certificates() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = scratch().join(format!("tls-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let made = Command::new("sh")
            .args(["-euc", &documented_blocks()[0]])
            .current_dir(&directory)
            .output()
            .expect("sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        directory
    })
}

/// The path of a certificate or key.
///
/// # Panics
/// As for [`certificates`].
pub fn file(name: &str) -> String {
    certificates().join("tls").join(name).to_str().expect("a plain path").to_owned()
}

/// The options of a job server with the documented certificate.
///
/// # Panics
/// As for [`certificates`].
pub fn server_options() -> [String; 3] {
    [("certificate", "gearmand.pem"), ("key", "gearmand.key"), ("ca-file", "ca.pem")]
        .map(|(option, name)| format!("--ssl-{option}={}", file(name)))
}
