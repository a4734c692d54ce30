//! `extension.h`: TLS with everything that it can be told.
//!
//! Must not: read the files of TLS; the transport does, when it connects.

use super::cancellation;
use super::client_block::ClientBlock;
use super::text::CStrArg;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::settings::Settings;
use crate::net::{ClientTlsSettings, TlsVerify};
use libc::c_char;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Sets what the original's functions can tell. Files without a name stay to be found when a
/// connection is made.
///
/// # Safety
/// The names are NULL or NUL-terminated.
pub(super) unsafe fn set_ssl(settings: &mut Settings, on: bool, files: [*const c_char; 3]) {
    // SAFETY: the caller guarantees it.
    let [ca_file, certificate_file, key_file] = files.map(|name| unsafe { file(name) });
    settings.tls = on;
    settings.tls_settings = ClientTlsSettings {
        ca_file,
        certificate_file,
        key_file,
        ..std::mem::take(&mut settings.tls_settings)
    };
}

/// # Safety
/// `name` is NULL or NUL-terminated.
unsafe fn file(name: *const c_char) -> Option<PathBuf> {
    // SAFETY: the caller guarantees it.
    let bytes = unsafe { name.bytes() };
    (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes)))
}

/// The settings of the functions below; None for a word that says nothing.
///
/// # Safety
/// All are NULL or NUL-terminated.
unsafe fn all_settings(
    files: [*const c_char; 3],
    server_name: *const c_char,
    verify: *const c_char,
) -> Option<ClientTlsSettings> {
    // SAFETY: the caller guarantees it.
    unsafe {
        let [ca_file, certificate_file, key_file] = files.map(|name| file(name));
        let server_name = String::from_utf8_lossy(server_name.bytes());
        let verify = match verify.bytes() {
            [] => None,
            word => Some(TlsVerify::of(&String::from_utf8_lossy(word))?),
        };
        let server_name = (!server_name.is_empty()).then(|| server_name.into_owned());
        Some(ClientTlsSettings { ca_file, certificate_file, key_file, server_name, verify })
    }
}

/// Turns TLS on for connections of the client that are made later.
///
/// `ca_file`, `certificate` and `key_file` are as for gearman_client_set_ssl().
/// `server_name` is the name that the server's certificate must have; NULL means the
/// name of its host. `verify` is "full" (authority and name), "ca" (authority) or "none";
/// NULL means `GEARMAN_TLS_VERIFY`, or else "ca". gearman_client_set_ssl() turns TLS off.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `verify` is another word.
///
/// # Safety
/// `client` is NULL or a live client; all others are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_tls(
    client: *mut gearman_client_st,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
    server_name: *const c_char,
    verify: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees all of them.
    cancellation::disabled(|| unsafe {
        let settings = all_settings([ca_file, certificate, key_file], server_name, verify);
        let (Some(block), Some(wanted)) = (ClientBlock::enter(client), settings) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        (*block).guarded((), |engine| {
            (engine.link.settings.tls, engine.link.settings.tls_settings) = (true, wanted);
        });
        gearman_return_t::SUCCESS
    })
}

/// Turns TLS on for connections of the worker that are made later.
///
/// The arguments are those of gearman_client_set_tls(). gearman_worker_set_ssl() turns
/// TLS off.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `verify` is another word.
///
/// # Safety
/// `worker` is NULL or a live worker; all others are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_tls(
    worker: *mut gearman_worker_st,
    ca_file: *const c_char,
    certificate: *const c_char,
    key_file: *const c_char,
    server_name: *const c_char,
    verify: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees all of them.
    cancellation::disabled(|| unsafe {
        let settings = all_settings([ca_file, certificate, key_file], server_name, verify);
        let (Some(block), Some(wanted)) = (WorkerBlock::enter(worker), settings) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        (*block).guarded((), |engine| {
            (engine.link.settings.tls, engine.link.settings.tls_settings) = (true, wanted);
        });
        gearman_return_t::SUCCESS
    })
}
