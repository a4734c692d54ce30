//! What becomes of tasks when their connection is lost.
//!
//! Must not: close connections, or choose servers.

use super::read::ClientIncoming;
use super::{Client, ClientOwed, Expect};
use crate::ReturnCode;
use crate::slab::SlabId;
use crate::task::{CallbackState, Callbacks, Status, TaskKind, TaskState};
use gearman_net::Transport;

/// Whether tasks of a lost connection have another chance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// They are submitted again as far as the settings allow it; others fail.
    Happened,
    /// They end at once, without a callback: the program has removed the servers, or they
    /// belong to a parent process.
    Intended,
}

impl<T: Transport> Client<T> {
    /// Resets the state of a connection that is closed or about to be. Tasks whose packet
    /// was not sent completely are queued again, and so are those that the settings allow to
    /// be submitted again. The others end with `code`; returns their number.
    pub(super) fn lose(&mut self, key: usize, code: ReturnCode) -> usize {
        self.end_connection(key, code, Loss::Happened)
    }

    /// The same for connections that are given up deliberately: no task is submitted again,
    /// and no callback is called.
    pub(super) fn lose_for_good(&mut self, key: usize, code: ReturnCode) -> usize {
        self.end_connection(key, code, Loss::Intended)
    }

    fn end_connection(&mut self, key: usize, code: ReturnCode, loss: Loss) -> usize {
        self.lost_connection = true;
        self.servers[key].is_probe = false;
        for id in self.take_unsent_tasks(key).into_iter().rev() {
            self.new.push_front(id);
        }
        if self.servers[key].inflight == 0 {
            return 0;
        }
        let lost: Vec<SlabId> = self
            .tasks
            .iter()
            .filter(|(_, t)| t.conn == Some(key as u32) && t.is_active())
            .map(|(id, _)| id)
            .collect();
        let mut count = 0;
        for id in lost {
            let Some(task) = self.tasks.get_mut(id) else { continue };
            task.stream = None;
            // Its callback is still called: the data was received.
            if task.has_final_packet() {
                task.conn = None;
                self.servers[key].inflight -= 1;
            } else if loss == Loss::Happened && self.submits_again(id, code) {
                self.servers[key].inflight -= 1;
                self.prefer_other_servers(key);
            } else {
                count += 1;
                self.fail_lost(key, id, code, loss);
                self.note_unreported(id);
            }
        }
        count
    }

    /// Forgets the replies and bodies that a connection owes. Returns the tasks whose packet
    /// was not sent completely, which are new again.
    fn take_unsent_tasks(&mut self, key: usize) -> Vec<SlabId> {
        let unsent = self.link.conns[key].take_unsent() as u64;
        let server = &mut self.servers[key];
        // The packet of a submission without a task is counted once it is sent.
        let went_out = server.written_bytes.saturating_sub(unsent);
        let owed = std::mem::take(&mut server.owed);
        let sending = server.sending.take().map(|s| s.task);
        let streaming = server.streaming_out.take();
        self.streaming -= usize::from(streaming.is_some());
        server.incoming = ClientIncoming::None;
        server.written_bytes = 0;
        let mut again = Vec::new();
        for ClientOwed { what, end } in owed {
            if let Expect::Created(id) | Expect::Status(id) = what
                && let Some(task) = self.tasks.get_mut(id)
                && match streaming.filter(|&(streamed, _)| streamed == id) {
                    // `workload_fn` cannot be asked for the start of the body again.
                    Some((_, missing)) => task.waits_for_workload(missing),
                    None => {
                        (end > went_out || sending == Some(id))
                            && matches!(task.state, TaskState::Submit | TaskState::Work)
                    }
                }
            {
                task.state = TaskState::New;
                task.conn = None;
                self.servers[key].inflight -= 1;
                again.push(id);
            }
        }
        again
    }

    /// Queues a lost task again, if the program has allowed that and it is possible. Its job
    /// may run twice.
    fn submits_again(&mut self, id: SlabId, code: ReturnCode) -> bool {
        let limit = self.link.settings.resubmissions;
        let Some(task) = self.tasks.get_mut(id) else { return false };
        if !ends_connection(code) || task.resubmissions >= limit || !task.can_be_submitted_again() {
            return false;
        }
        task.resubmissions += 1;
        task.state = TaskState::New;
        task.conn = None;
        task.handle.clear();
        task.status = Status::default();
        (task.data, task.data_size, task.result) = (None, 0, None);
        task.drop_backlog();
        self.unindex(id);
        self.new.push_back(id);
        true
    }

    /// Leaves a server out for the rest of the run, unless there is no other.
    fn prefer_other_servers(&mut self, key: usize) {
        let run = self.last_run;
        let mut others = self.servers.iter().enumerate().filter(|&(other, _)| other != key);
        if others.any(|(_, server)| server.failed_in_run != run) {
            self.servers[key].failed_in_run = run;
        }
    }

    /// Ends a lost task, with its callback for failures if it has one.
    fn fail_lost(&mut self, key: usize, id: SlabId, code: ReturnCode, loss: Loss) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.code = code;
        let calls = loss == Loss::Happened
            && task.kind == TaskKind::Add
            && !task.asks_status()
            && !task.is_in_upcall()
            && task.callbacks.has(Callbacks::FAIL);
        if !calls {
            return self.finish(id);
        }
        task.conn = None;
        task.state = TaskState::Fail;
        task.callback = CallbackState::Due;
        task.drop_backlog();
        (task.data, task.data_size) = (None, 0);
        self.servers[key].inflight -= 1;
        self.unindex(id);
        self.list(id);
    }

    /// Notes an added task whose failure was not reported. A single call returns its own
    /// result.
    pub(super) fn note_unreported(&mut self, id: SlabId) {
        if let Some(task) = self.tasks.get_mut(id)
            && task.kind == TaskKind::Add
            && !task.unreported
        {
            task.unreported = true;
            self.unreported += 1;
        }
    }

    /// The code of the first unreported task, if any. Marks all as reported.
    pub(super) fn report(&mut self) -> Option<ReturnCode> {
        if self.unreported == 0 {
            return None;
        }
        self.unreported = 0;
        let mut code = None;
        let mut next = self.first_task();
        while let Some(id) = next {
            if let Some(task) = self.tasks.get_mut(id)
                && std::mem::take(&mut task.unreported)
            {
                code = code.or(Some(task.code));
            }
            next = self.next_task(id);
        }
        code
    }
}

/// Whether a failure is that of a connection or of what came on it, and not the server's answer.
fn ends_connection(code: ReturnCode) -> bool {
    matches!(
        code,
        ReturnCode::LOST_CONNECTION
            | ReturnCode::TIMEOUT
            | ReturnCode::INVALID_MAGIC
            | ReturnCode::INVALID_COMMAND
            | ReturnCode::INVALID_PACKET
    )
}
