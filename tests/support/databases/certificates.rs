//! Certificates for a database server, made with OpenSSL.

use std::path::Path;

use super::process::command;

/// Makes `ca.pem` of a new authority in a directory, and `server.pem` and `server.key`, which it has
/// signed for `localhost`.
pub(super) fn make(directory: &Path) {
    let script = "umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key \
         -out ca.pem -subj /CN=authority 2>&1 &&
         openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr \
         -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>&1 &&
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
         -copy_extensions copy -out server.pem 2>&1";
    let mut shell = command(Path::new("/bin/sh"));
    let output = shell.current_dir(directory).args(["-c", script]).output().expect("a shell runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
