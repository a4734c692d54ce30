//! `client.h`: a client's options, as bits.
//!
//! Must not: implement an option; each is a field of the engine.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::enums::gearman_client_options_t as Options;
use super::frames::Freed;
use super::tls;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::client::Broadcast;
use libc::c_char;

/// The options that gearman_client_set_options() turns on and off, in the order
/// in which it does.
const SETTABLE_CLIENT_OPTIONS: [Options; 7] = [
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
    /// Whether one option is on. `EXCEPTION` has a state too, though the mask never shows
    /// it.
    fn option(&self, one: Options) -> bool {
        let settings = &self.engine.link.settings;
        match one {
            // The block's own shell is in memory of the library.
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
    /// # Errors
    /// [`Freed`] if a signal handler freed the client meanwhile.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    unsafe fn add_options(block: *mut ClientBlock, options: Options) -> Result<(), Freed<()>> {
        for one in SETTABLE_CLIENT_OPTIONS.into_iter().filter(|one| has(options, *one)) {
            if one == Options::EXCEPTION {
                // SAFETY: the caller guarantees the block, which is live after a wait that did
                // not return `Freed`.
                unsafe {
                    let accepted = ClientBlock::request_option(block, b"exceptions")?;
                    (*block).exceptions = accepted;
                }
            } else {
                // SAFETY: as above.
                unsafe { (*block).set_flag(one, true) };
            }
        }
        Ok(())
    }

    fn remove_options(&mut self, options: Options) {
        for one in SETTABLE_CLIENT_OPTIONS.into_iter().filter(|one| has(options, *one)) {
            self.set_flag(one, false);
        }
    }

    /// Requests an option from every server. Returns whether it is on.
    ///
    /// # Errors
    /// [`Freed`] if a signal handler freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn request_option(
        block: *mut ClientBlock,
        option: &[u8],
    ) -> Result<bool, Freed<()>> {
        // SAFETY: the caller guarantees it.
        unsafe { ClientBlock::broadcast(block, Broadcast::Option(option)) }.map(|o| o.is_ok())
    }

    /// Sends a request to every server and waits for the answers.
    ///
    /// # Errors
    /// [`Freed`] if a signal handler freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn broadcast(
        block: *mut ClientBlock,
        what: Broadcast<'_>,
    ) -> Result<Result<(), ReturnCode>, Freed<()>> {
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        // SAFETY: the caller guarantees a live block that is not borrowed.
        unsafe {
            let mut call = (*block).engine.begin_broadcast();
            block_on(block, UNTICKETED, broken, |engine| engine.poll_broadcast(&mut call, what))
        }
    }
}

/// Gets the options that are on.
///
/// Returns the bits of `gearman_client_options_t`. `GEARMAN_CLIENT_EXCEPTION` is never
/// among them. If `client` is NULL, the value of `GEARMAN_WORKER_MAX`, as in the
/// original library.
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
        .chain(SETTABLE_CLIENT_OPTIONS.into_iter().filter(|one| *one != Options::EXCEPTION));
    Options(shown.filter(|one| block.option(*one)).fold(0, |bits, one| bits | one.0))
}

/// Turns the client's options on or off, each as its bit in `options` says.
///
/// `GEARMAN_CLIENT_EXCEPTION` and `GEARMAN_CLIENT_SSL` are never turned off. If
/// `GEARMAN_CLIENT_EXCEPTION` is among the bits, the servers are asked for exceptions,
/// and the function waits for their answers.
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
            // The client is not touched any more, freed or not.
            let _ = ClientBlock::add_options(block, options)
                .and_then(|()| ClientBlock::flush_log(block));
        }
    })
}

/// Turns options of the client on.
///
/// Options that `options` does not have stay as they are. If `GEARMAN_CLIENT_EXCEPTION`
/// is among the bits, the servers are asked for exceptions, and the function waits for
/// their answers.
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
            // As above.
            let _ = ClientBlock::add_options(block, options)
                .and_then(|()| ClientBlock::flush_log(block));
        }
    })
}

/// Tells whether an option of the client is on.
///
/// `option` is one bit of `gearman_client_options_t`.
///
/// Returns true if it is on; false if it is off, several bits were given, or `client`
/// is NULL.
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

/// Turns options of the client off.
///
/// Options that `options` does not have stay as they are, and so do
/// `GEARMAN_CLIENT_EXCEPTION`, `GEARMAN_CLIENT_SSL` and `GEARMAN_CLIENT_NO_NEW`.
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

/// Turns TLS on, or off if `ssl` is false, for connections that are made later.
///
/// `ca_file` has the certificates of the authorities that may sign a server's
/// certificate, and may have their revocation lists; `certificate` and `key_file` are the
/// client's own, which a server may require. All are PEM. For a file that is NULL, the
/// environment's is used (`GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM`,
/// `GEARMAN_CLIENT_KEY`), or the one below /etc/ssl/certs, if it exists. What is verified
/// is said by `GEARMAN_TLS_VERIFY`: `ca`, which is the default, `full` or `none`. The
/// files are read when a connection is made; if one is wrong, connecting fails with an
/// error that names it. Unix sockets stay without TLS.
///
/// # Safety
/// `client` is NULL or a live client; `ca_file`, `certificate` and `key_file` are NULL
/// or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_ssl(
    client: *mut gearman_client_st,
    ssl: c_bool,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
) {
    // SAFETY: the caller guarantees a live client and the names.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::peek(client) {
            let files = [ca_file, certificate, key_file];
            tls::set_ssl(&mut block.engine.link.settings, ssl != 0, files);
        }
    });
}
