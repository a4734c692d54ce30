//! The choice of a server by the unique id of a job, beside the crate `gearman` of crates.io,
//! which promises to choose as the original's library 2.2.0 does.

use gearman::capi::client::{gearman_client_create, gearman_client_free};
use gearman::capi::client_background::gearman_client_do_background;
use gearman::capi::client_selection::gearman_client_set_server_selection_by_unique;
use gearman::capi::client_servers::gearman_client_add_servers;
use gearman::capi::types::{gearman_client_st, gearman_return_t};
use gearman_crate::client::{ClientBuilder, ServerSelection, SubmitOptions};
use gearman_test_support::random::Random;
use gearman_test_support::scripted::job_server::{Server, closed_port};
use gearman_test_support::scripted::packets::{self, Command};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Lists of servers that are compared.
const LISTS: u64 = 12;
/// Unique ids that are placed on each list.
const UNIQUE_IDS: usize = 100;

/// A list of servers; those that are not running only have a port.
struct Servers {
    list: String,
    _running: Vec<Server>,
}

impl Servers {
    /// Some servers, by name or by number, of which at least one runs.
    fn random(random: &mut Random) -> Servers {
        let count = 1 + random.below(8);
        let up = random.below(count);
        let (mut names, mut running) = (Vec::new(), Vec::new());
        for number in 0..count {
            let port = if number == up || !random.one_in(3) {
                let server = numbered(number);
                let port = server.port;
                running.push(server);
                port
            } else {
                closed_port()
            };
            names.push(format!("{}:{port}", random.pick(&["127.0.0.1", "localhost"])));
        }
        Servers { list: names.join(","), _running: running }
    }
}

/// A server that tells its number in its handles.
fn numbered(number: usize) -> Server {
    Server::new(move |mut peer| {
        while let Some(request) = peer.receive() {
            let answer = match request.command {
                Command::SubmitJobBg => packets::created(format!("H:server-{number}:1").as_bytes()),
                _ => peer.correct_answer(&request),
            };
            peer.send(&answer);
        }
    })
}

/// A client of our library that chooses servers by unique ids.
struct Ours(*mut gearman_client_st);

impl Ours {
    fn new(list: &str) -> Ours {
        let list = CString::new(list).expect("no NUL");
        // SAFETY: the client is new, and the list lives until the call returns.
        unsafe {
            let client = gearman_client_create(ptr::null_mut());
            assert_eq!(
                gearman_client_add_servers(client, list.as_ptr()),
                gearman_return_t::SUCCESS
            );
            gearman_client_set_server_selection_by_unique(client, 1);
            Ours(client)
        }
    }

    fn submit(&self, unique: &str) -> String {
        let unique = CString::new(unique).expect("no NUL");
        let mut handle: [c_char; 64] = [0; 64];
        // SAFETY: the client is live; names and buffer live until the call returns.
        unsafe {
            let code = gearman_client_do_background(
                self.0,
                c"f".as_ptr(),
                unique.as_ptr(),
                c"x".as_ptr().cast(),
                1,
                handle.as_mut_ptr(),
            );
            assert_eq!(code, gearman_return_t::SUCCESS, "{unique:?}");
            CStr::from_ptr(handle.as_ptr()).to_str().expect("a handle is text").to_owned()
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // SAFETY: the client is live and not used any more.
        unsafe { gearman_client_free(self.0) }
    }
}

/// Where the other implementation puts these jobs.
fn placed_by_crate(list: &str, uniques: &[String]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let builder = ClientBuilder::new().servers(list.split(',').map(str::to_owned));
        let client = builder.server_selection(ServerSelection::ByUnique).connect().await;
        let client = client.expect("a server runs");
        let mut handles = Vec::new();
        for unique in uniques {
            let job =
                client.submit("f", Some(unique), &b"x"[..], SubmitOptions::background()).await;
            handles.push(job.expect("a server takes the job").handle.as_str().to_owned());
        }
        handles
    })
}

#[test]
fn jobs_go_where_another_implementation_of_the_originals_ring_puts_them() {
    let mut servers_used = 0;
    for seed in 0..LISTS {
        let mut random = Random(seed);
        let servers = Servers::random(&mut random);
        let uniques: Vec<String> =
            (0..UNIQUE_IDS).map(|_| format!("{:x}", random.bits() >> random.below(60))).collect();
        let theirs = placed_by_crate(&servers.list, &uniques);
        let client = Ours::new(&servers.list);
        for (unique, theirs) in uniques.iter().zip(&theirs) {
            assert_eq!(&client.submit(unique), theirs, "{unique} on {}, seed {seed}", servers.list);
        }
        let mut used = theirs;
        used.sort();
        used.dedup();
        servers_used += used.len();
    }
    assert!(servers_used > LISTS as usize, "every list put all jobs on one server");
}
