//! Access rules about the names in certificates: over the binary protocol and over HTTPS.

use std::fs;
use std::process::{Child, Command, Stdio};

use gearman_test_support::paths::scratch;

use crate::support::{Server, file, gearman};

/// A file of rules.
fn rules(name: &str, text: &str) -> String {
    let path = scratch().join(format!("tls-{}-{name}.rules", std::process::id()));
    fs::write(&path, text).expect("written");
    format!("--access-rules={}", path.display())
}

/// A worker of the tools that shows its certificate. Killed at the end.
struct Worker(Child);

impl Worker {
    fn start(server: &Server) -> Worker {
        let child = Command::new(env!("CARGO_BIN_EXE_gearman"))
            .args(["-h", &format!("tls://localhost:{}", server.port), "-w", "-f", "reverse"])
            .args(["--ssl-ca-file", &file("ca.pem"), "--ssl-certificate", &file("worker-1.pem")])
            .args(["--ssl-key", &file("worker-1.key"), "--", "rev"])
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        Worker(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_certificate_gives_its_owner_what_the_rules_say_of_its_names() {
    let rules = rules(
        "binary",
        "allow submit from cn:worker-1\nallow work from san:worker-1.example for reverse\n",
    );
    let server = Server::start(&["--ssl", "--ssl-verify-client=optional", &rules]);
    let _worker = Worker::start(&server);
    let (ca, certificate, key) = (file("ca.pem"), file("worker-1.pem"), file("worker-1.key"));
    let host = format!("tls://localhost:{}", server.port);
    let job = ["-h", &host, "-f", "reverse", "abc", "--ssl-ca-file", &ca];
    let shown = ["--ssl-certificate", &certificate, "--ssl-key", &key];
    let done = gearman(&[], &[&job[..], &shown].concat());
    assert_eq!(String::from_utf8_lossy(&done.stdout), "cba", "{done:?}");
    let done = gearman(&[], &job);
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && text.contains("PERMISSION_DENIED"), "{text}");
    server.wait_for_line("No access rule allows this");
}

#[test]
fn jobs_over_https_obey_the_rules_about_the_clients_certificate() {
    let rules = rules("https", "allow submit work view from cert:worker-1\n");
    let server = Server::start(&[
        "--ssl",
        "--ssl-verify-client=optional",
        "--protocol=http",
        "--http-port=0",
        "--metrics-port=0",
        &rules,
    ]);
    let port = server.port_in("Serving HTTP at ");
    let metrics = server.port_in("Serving metrics at ");
    let _worker = Worker::start(&server);
    let ask = |certificate: &[&str], place: &str| {
        let output = Command::new("curl")
            .args(["-s", "-S", "-w", " %{http_code}", "--cacert", &file("ca.pem")])
            .args(certificate)
            .arg(format!("https://localhost:{place}"))
            .output()
            .expect("curl runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let shown = ["--cert", &file("worker-1.pem"), "--key", &file("worker-1.key")];
    let job = format!("{port}/reverse");
    assert_eq!(ask(&[&shown[..], &["-d", "abc"]].concat(), &job), "cba 200");
    let without = ask(&["-d", "abc"], &job);
    assert!(without.ends_with(" 403"), "{without}");
    let figures = format!("{metrics}/metrics");
    assert!(ask(&shown, &figures).contains("function=\"reverse\""));
    let without = ask(&[], &figures);
    assert!(without.ends_with(" 403"), "{without}");
}
