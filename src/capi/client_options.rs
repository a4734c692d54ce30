//! `client.h`: a client's options, as bits.
//!
//! Must not: know how an option works; each is a field of the engine.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::enums::gearman_client_options_t as Options;
use super::frames::Gone;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::client::Broadcast;

/// The options that gearman_client_set_options() turns on and off, in the order
/// in which it does.
const SETTABLE: [Options; 7] = [
    Options::NON_BLOCKING,
    Options::STOP_WAIT_ON_SIGNAL,
    Options::UNBUFFERED_RESULT,
    Options::FREE_TASKS,
    Options::GENERATE_UNIQUE,
    Options::EXCEPTION,
    Options::SSL,
];

fn has(options: Options, one: Options) -> bool {
    options.0 & one.0 != 0
}

impl ClientBlock {
    /// The state of one option. `EXCEPTION` has one, though the mask never
    /// shows it.
    fn option(&self, one: Options) -> bool {
        let settings = &self.engine.link.settings;
        match one {
            // The block's own shell is the one that the library allocated.
            Options::ALLOCATED => !self.own_shell._impl.is_null(),
            Options::NON_BLOCKING => settings.non_blocking,
            Options::STOP_WAIT_ON_SIGNAL => settings.stop_on_signal,
            Options::UNBUFFERED_RESULT => self.engine.unbuffered,
            Options::NO_NEW => self.no_new,
            Options::FREE_TASKS => self.engine.free_tasks,
            Options::GENERATE_UNIQUE => self.generate_unique,
            Options::EXCEPTION => self.exceptions,
            Options::SSL => settings.tls,
            _ => false,
        }
    }

    fn set_flag(&mut self, one: Options, on: bool) {
        let settings = &mut self.engine.link.settings;
        match one {
            Options::NON_BLOCKING => settings.non_blocking = on,
            Options::STOP_WAIT_ON_SIGNAL => settings.stop_on_signal = on,
            Options::UNBUFFERED_RESULT => self.engine.unbuffered = on,
            Options::FREE_TASKS => self.engine.free_tasks = on,
            Options::GENERATE_UNIQUE => self.generate_unique = on,
            Options::SSL if on => settings.tls = true,
            _ => {}
        }
    }

    /// Turns options on. `EXCEPTION` asks the servers.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    unsafe fn add_options(block: *mut ClientBlock, options: Options) {
        for one in SETTABLE.into_iter().filter(|one| has(options, *one)) {
            // SAFETY: the caller guarantees the block, and no user code ran.
            let this = unsafe { &mut *block };
            if one == Options::EXCEPTION {
                // SAFETY: as above; nothing is borrowed meanwhile.
                match unsafe { ClientBlock::request_option(block, b"exceptions") } {
                    // SAFETY: the client is still there.
                    Ok(accepted) => unsafe { (*block).exceptions = accepted },
                    Err(Gone(())) => return,
                }
            } else {
                this.set_flag(one, true);
            }
        }
    }

    fn remove_options(&mut self, options: Options) {
        for one in SETTABLE.into_iter().filter(|one| has(options, *one)) {
            self.set_flag(one, false);
        }
    }

    /// Asks the servers for an option. Returns whether it is on.
    ///
    /// # Errors
    /// [`Gone`] when a signal handler freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn request_option(
        block: *mut ClientBlock,
        option: &[u8],
    ) -> Result<bool, Gone<()>> {
        // SAFETY: the caller guarantees it.
        unsafe { ClientBlock::broadcast(block, Broadcast::Option(option)) }.map(|o| o.is_ok())
    }

    /// Asks every server.
    ///
    /// # Errors
    /// [`Gone`] when a signal handler freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn broadcast(
        block: *mut ClientBlock,
        what: Broadcast<'_>,
    ) -> Result<Result<(), ReturnCode>, Gone<()>> {
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        // SAFETY: the caller guarantees a live block that is not borrowed.
        unsafe {
            let mut call = (*block).engine.begin_broadcast();
            block_on(block, UNTICKETED, broken, |engine| engine.poll_broadcast(&mut call, what))
        }
    }
}

/// The options that are on, as bits. EXCEPTION is never shown. For NULL the
/// number of GEARMAN_WORKER_MAX, as programs know it.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_options(
    client: *const gearman_client_st,
) -> gearman_client_options_t {
    // SAFETY: the caller guarantees a live client.
    let Some(block) = (unsafe { ClientBlock::peek(client) }) else {
        return gearman_client_options_t(gearman_worker_options_t::MAX.0);
    };
    let shown = [Options::ALLOCATED, Options::NO_NEW]
        .into_iter()
        .chain(SETTABLE.into_iter().filter(|one| *one != Options::EXCEPTION));
    Options(shown.filter(|one| block.option(*one)).fold(0, |bits, one| bits | one.0))
}

/// Turns every option that can be set on or off as its bit says. With EXCEPTION
/// the servers are asked, and that waits.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_options(
    client: *mut gearman_client_st,
    options: gearman_client_options_t,
) {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            (*block).remove_options(Options(!options.0));
            ClientBlock::add_options(block, options);
            // The client is not touched any more, whatever the log function does.
            let _ = ClientBlock::flush_log(block);
        }
    })
}

/// Turns options on. With EXCEPTION the servers are asked, and that waits.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_options(
    client: *mut gearman_client_st,
    options: gearman_client_options_t,
) {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            ClientBlock::add_options(block, options);
            // As above.
            let _ = ClientBlock::flush_log(block);
        }
    })
}

/// Whether one option is on.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_has_option(
    client: *mut gearman_client_st,
    option: gearman_client_options_t,
) -> bool {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.is_some_and(|b| b.option(option))
}

/// Turns options off. EXCEPTION, SSL and NO_NEW stay as they are.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_remove_options(
    client: *mut gearman_client_st,
    options: gearman_client_options_t,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.remove_options(options);
    }
}
