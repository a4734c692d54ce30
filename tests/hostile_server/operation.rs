//! Every call of a client that talks to a server, behind one interface, so that each kind of
//! misbehaviour can be tried on all of them.

use crate::client::{Client, Code, Event};
use gearman_test_support::scripted::packets::{self, HANDLE, all};

/// A call, with the answer that it expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Do,
    Background,
    RunTasks,
    RunTasksNonBlocking,
    StatusTask,
    JobStatus,
    UniqueStatus,
    Echo,
    ServerOption,
    CancelJob,
    Execute,
    /// A job whose parts a reducer gets.
    ExecuteByPartition,
    /// A task whose workload a callback sends byte by byte.
    StreamedWorkload,
    /// A task whose callbacks receive their data themselves.
    UnbufferedResult,
}

use Operation::*;

impl Operation {
    pub(crate) const ALL: [Operation; 14] = [
        Do,
        Background,
        RunTasks,
        RunTasksNonBlocking,
        StatusTask,
        JobStatus,
        UniqueStatus,
        Echo,
        ServerOption,
        CancelJob,
        Execute,
        ExecuteByPartition,
        StreamedWorkload,
        UnbufferedResult,
    ];

    /// Those that submit one foreground job.
    pub(crate) const FOREGROUND: [Operation; 7] = [
        Do,
        RunTasks,
        RunTasksNonBlocking,
        Execute,
        ExecuteByPartition,
        StreamedWorkload,
        UnbufferedResult,
    ];

    /// The whole correct answer.
    pub(crate) fn answer(self) -> Vec<u8> {
        match self {
            Background => packets::created(HANDLE),
            StatusTask | JobStatus => packets::status(HANDLE),
            UniqueStatus => packets::unique_status(b"u"),
            Echo => packets::echo(b"hello"),
            ServerOption => packets::option(b"exceptions"),
            CancelJob => b"OK\r\n".to_vec(),
            Do | RunTasks | RunTasksNonBlocking | Execute | ExecuteByPartition
            | StreamedWorkload | UnbufferedResult => all(&[
                packets::created(HANDLE),
                packets::work_status(HANDLE, b"1", b"2"),
                packets::data(HANDLE, b"half "),
                packets::complete(HANDLE, b"done"),
            ]),
        }
    }

    /// Makes the call. Where it succeeds, asserts that it brought what
    /// [`Operation::answer`] says.
    #[track_caller]
    pub(crate) fn run(self, client: &mut Client) -> Code {
        match self {
            Do => checked(client.job(b"work"), b"half done".to_vec()),
            Execute => checked(client.execute(b"work"), b"half done".to_vec()),
            ExecuteByPartition => checked(client.partition(b"work"), b"half done".to_vec()),
            Background => checked(client.background(b"work"), "H:scripted:1".to_owned()),
            JobStatus => checked(client.job_status(HANDLE), (true, true, 3, 7)),
            UniqueStatus => checked(client.unique_status(c"u"), (true, true, 3, 7)),
            Echo => client.echo(b"hello"),
            ServerOption => client.set_server_option(b"exceptions"),
            CancelJob => client.cancel_job(HANDLE),
            RunTasks | StatusTask => {
                let added = if self == StatusTask {
                    client.add_status(HANDLE)
                } else {
                    client.add(b"work")
                };
                let code = client.run_tasks();
                free(client, added);
                code
            }
            StreamedWorkload => {
                let added = client.add_streamed(b"work");
                let code = client.run_tasks();
                assert_done(code, &added);
                free(client, added);
                code
            }
            UnbufferedResult => {
                client.set_unbuffered();
                let added = client.add(b"work");
                let code = client.run_tasks();
                assert_done(code, &added);
                client.set_buffered();
                free(client, added);
                code
            }
            RunTasksNonBlocking => {
                client.set_non_blocking();
                let added = client.add(b"work");
                let code = client.run_tasks_and_wait();
                client.set_blocking();
                free(client, added);
                code
            }
        }
    }
}

fn free(client: &mut Client, added: crate::client::Added) {
    // SAFETY: a task of this client, live until here.
    unsafe { gearman::capi::client_run::gearman_client_task_free_all(client.raw()) };
    drop(added);
}

#[track_caller]
fn assert_done(code: Code, added: &crate::client::Added) {
    if code == Code::SUCCESS {
        assert_eq!(added.events().last(), Some(&Event::Complete(b"done".to_vec())));
    }
}

#[track_caller]
fn checked<T: PartialEq + std::fmt::Debug>(outcome: Result<T, Code>, wanted: T) -> Code {
    match outcome {
        Ok(value) => {
            assert_eq!(value, wanted);
            Code::SUCCESS
        }
        Err(code) => code,
    }
}
