//! The client and the worker of the Rust crate `gearman`. Its TLS brings aws-lc-rs, so that this
//! test runs with the feature of that name.

use std::sync::Arc;

use gearman_crate::client::ClientBuilder;
use gearman_crate::tls::TlsConfig;
use gearman_crate::worker::{WorkerBuilder, WorkerJob};
use gearman_tls::{ClientSettings, Verification, client_config};

use crate::support::{Server, file};

#[test]
fn client_and_worker_of_the_crate_gearman_have_tls() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let settings = ClientSettings {
        ca_file: Some(file("ca.pem").into()),
        certificate_file: Some(file("worker-1.pem").into()),
        key_file: Some(file("worker-1.key").into()),
        verification: Verification::Full,
        server_name: None,
    };
    let config = TlsConfig::new(Arc::new(client_config(&settings).expect("files")));
    let address = format!("localhost:{}", server.port);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let result = runtime.block_on(async {
        let worker = WorkerBuilder::new()
            .servers([&address])
            .concurrency(1)
            .tls(config.clone())
            .register("echo", |job: WorkerJob| async move { Ok(job.payload) })
            .run();
        let client = ClientBuilder::new().servers([&address]).tls(config).connect().await;
        let result = client.expect("it connects").submit_fg("echo", vec![7; 100_000]).await;
        worker.shutdown().await;
        result.expect("a result")
    });
    assert!(result.len() == 100_000 && result.iter().all(|byte| *byte == 7));
}
