//! Our library as other programs load it: where it is, and the ways to load it.
//!
//! Must not: start servers.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::paths::scratch;
use crate::requirements::skip;
use crate::sanitizer::Sanitizer;

/// A directory that holds the shared library that cargo built with this test, under the names that
/// programs and linkers look for.
pub fn own_library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = scratch().join(format!("lib-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory for the library");
        // The first is what a program loads when it starts, the second what the linker looks for.
        for name in ["libgearman.so.8", "libgearman.so"] {
            let link = dir.join(name);
            let _ = fs::remove_file(&link);
            symlink(own_library(), &link).expect("a link to the library");
        }
        dir
    })
}

/// The one that is built with the sanitizer that is asked for, or else the newest `libgearman.so` beside the test executable or one level up.
pub fn own_library() -> PathBuf {
    if let Some(sanitizer) = Sanitizer::wanted() {
        return sanitizer.library();
    }
    let executable = std::env::current_exe().expect("the test's own path");
    let deps = executable.parent().expect("a directory");
    [deps.join("libgearman.so"), deps.parent().expect("a profile").join("libgearman.so")]
        .into_iter()
        .filter(|path| path.exists())
        .max_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).expect("a time"))
        .expect("cargo builds libgearman.so with the tests")
}

/// Which library a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// The distribution's.
    Original,
    /// Ours, found through `LD_LIBRARY_PATH`.
    Ours,
    /// Ours, put in front of the distribution's by `LD_PRELOAD`.
    Preloaded,
    /// Ours, mounted over the file of the distribution's for the program and its children
    /// alone. Needs root.
    InPlace,
}

impl Library {
    /// The name of this way, as the table of consumers has it.
    pub fn how(self) -> &'static str {
        match self {
            Library::Original => "the original",
            Library::Ours => "LD_LIBRARY_PATH",
            Library::Preloaded => "LD_PRELOAD",
            Library::InPlace => "in its place",
        }
    }

    /// Every way to use ours that this user may take.
    pub fn ways() -> &'static [Library] {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } == 0 {
            &[Library::Ours, Library::Preloaded, Library::InPlace]
        } else {
            skip("only root can mount our library in the original's place");
            &[Library::Ours, Library::Preloaded]
        }
    }
}

/// Makes a command load the given library, without the variables of the caller's environment that
/// would change that.
pub fn set_library(command: &mut Command, library: Library) {
    command.env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD").env_remove("GEARMAN_SERVERS");
    match library {
        Library::Original => {}
        Library::Ours => {
            command.env("LD_LIBRARY_PATH", own_library_dir());
        }
        Library::Preloaded => {
            command.env("LD_PRELOAD", own_library());
        }
        Library::InPlace => mount_own_library(command),
    }
}

/// The distribution's library.
pub fn original_library() -> PathBuf {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let link = Path::new("/usr/lib").join(triplet).join("libgearman.so.8");
    link.canonicalize().expect("the distribution's library")
}

/// Mounts our library over the distribution's in a command's own namespace.
fn mount_own_library(command: &mut Command) {
    let name = |path: PathBuf| CString::new(path.into_os_string().into_vec()).expect("no NUL");
    let own = name(own_library().canonicalize().expect("our library"));
    let place = name(original_library());
    let check = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let mount = move || {
        let no_text = std::ptr::null();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: unshare takes a number; mount takes strings that end with NUL
        // and live in the closure, and allows NULL for what it does not need.
        unsafe {
            check(libc::unshare(libc::CLONE_NEWNS))?;
            check(libc::mount(no_text, c"/".as_ptr(), no_text, private, no_text.cast()))?;
            let bind = libc::MS_BIND;
            check(libc::mount(own.as_ptr(), place.as_ptr(), no_text, bind, no_text.cast()))
        }
    };
    // SAFETY: between fork and exec the closure makes three system calls and
    // allocates nothing.
    unsafe { command.pre_exec(mount) };
}
