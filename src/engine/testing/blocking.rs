//! Blocking forms of calls, for tests. Other callers wait in `capi` or do not block.
//!
//! Must not: do anything but sleep while a call is pending.

use crate::ReturnCode;
use crate::client::{Broadcast, Cancelling, Client, NewTask, Piece, Submitted};
use crate::link::Limit;
use crate::slab::SlabId;
use crate::worker::Worker;
use gearman_net::Transport;
use std::mem::MaybeUninit;
use std::task::Poll;

impl<T: Transport> Client<T> {
    pub(crate) fn wait(&mut self) -> Result<(), ReturnCode> {
        let mut limit = Limit::default();
        self.block(|client| client.poll_any(&mut limit))
    }

    pub(crate) fn submit_and_wait(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        match self.poll_background(new) {
            Poll::Ready(submitted) => submitted,
            Poll::Pending => {
                self.link.sleep();
                self.finish_background(new)
            }
        }
    }

    pub(crate) fn cancel(&mut self, handle: &[u8]) -> Result<(), ReturnCode> {
        let mut call = Cancelling::default();
        self.block(|client| client.poll_cancel(&mut call, handle))
    }

    pub(crate) fn send_workload(&mut self, id: SlabId, bytes: &[u8]) -> Result<usize, ReturnCode> {
        let mut piece = Piece::default();
        self.block(|client| client.poll_send_workload(id, bytes, &mut piece))
    }

    pub(crate) fn recv_data(
        &mut self,
        id: SlabId,
        space: &mut [MaybeUninit<u8>],
    ) -> Result<usize, ReturnCode> {
        let mut limit = Limit::default();
        self.block(|client| client.poll_recv_data(id, space, &mut limit))
    }
}

impl<T: Transport> Worker<T> {
    pub(crate) fn wait(&mut self) -> Result<(), ReturnCode> {
        let mut limit = Limit::default();
        self.block(|worker| worker.poll_any(&mut limit))
    }

    pub(crate) fn broadcast(&mut self, what: Broadcast<'_>) -> Result<(), ReturnCode> {
        let mut call = self.begin_broadcast();
        self.block(|worker| worker.poll_broadcast(&mut call, what))
    }
}
