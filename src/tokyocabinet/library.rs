//! The library and its functions.
//!
//! Must not: call a function of a database.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

use thiserror::Error;

/// Name of the library. All versions 1.4 have this one.
const LIBRARY_NAME: &str = "libtokyocabinet.so.9";

/// The library cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "cannot open the library {name}: install libtokyocabinet9 (Debian, Ubuntu) or tokyocabinet \
     (Fedora, Arch, Alpine): {reason}"
)]
pub struct TokyoMissing {
    name: String,
    reason: String,
}

/// A database of the library, or another object of it.
pub(crate) type Raw = *mut c_void;

/// Declares a table of functions, and how it is read from the library. The names in it follow a
/// prefix.
macro_rules! function_table {
    ($(#[$doc:meta])* $table:ident { $($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)* }) => {
        $(#[$doc])*
        pub(crate) struct $table {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl $table {
            fn load(library: &SharedObject, prefix: &str) -> Result<$table, TokyoMissing> {
                Ok($table {
                    $($name: {
                        let address = library.symbol(&format!("{prefix}{}", stringify!($name)))?;
                        // SAFETY: the address is that of the function with this name, and the
                        // library's headers declare it with these types since 1.4.
                        unsafe {
                            std::mem::transmute::<
                                Raw,
                                unsafe extern "C" fn($($argument),*) $(-> $result)?,
                            >(address)
                        }
                    },)*
                })
            }
        }
    };
}

function_table! {
    /// What both kinds of databases have, with the prefix `tchdb` or `tcbdb`.
    Functions {
        new: fn() -> Raw;
        del: fn(Raw);
        ecode: fn(Raw) -> c_int;
        setxmsiz: fn(Raw, i64) -> bool;
        open: fn(Raw, *const c_char, c_int) -> bool;
        close: fn(Raw) -> bool;
        put: fn(Raw, *const c_void, c_int, *const c_void, c_int) -> bool;
        putkeep: fn(Raw, *const c_void, c_int, *const c_void, c_int) -> bool;
        out: fn(Raw, *const c_void, c_int) -> bool;
        get: fn(Raw, *const c_void, c_int, *mut c_int) -> Raw;
        tranbegin: fn(Raw) -> bool;
        trancommit: fn(Raw) -> bool;
        tranabort: fn(Raw) -> bool;
        memsync: fn(Raw, bool) -> bool;
        rnum: fn(Raw) -> u64;
        fsiz: fn(Raw) -> u64;
        opaque: fn(Raw) -> *mut c_char;
    }
}

function_table! {
    /// What only hash tables have.
    HashFunctions {
        tune: fn(Raw, i64, i8, i8, u8) -> bool;
        iterinit: fn(Raw) -> bool;
        iternext3: fn(Raw, Raw, Raw) -> bool;
    }
}

function_table! {
    /// What only trees have.
    TreeFunctions {
        tune: fn(Raw, i32, i32, i64, i8, i8, u8) -> bool;
        curnew: fn(Raw) -> Raw;
        curdel: fn(Raw);
        curfirst: fn(Raw) -> bool;
        curnext: fn(Raw) -> bool;
        currec: fn(Raw, Raw, Raw) -> bool;
    }
}

function_table! {
    /// Strings, which iterations fill, and errors.
    Strings {
        xstrnew: fn() -> Raw;
        xstrdel: fn(Raw);
        xstrclear: fn(Raw);
        xstrptr: fn(Raw) -> *const c_void;
        xstrsize: fn(Raw) -> c_int;
        errmsg: fn(c_int) -> *const c_char;
    }
}

/// The library, which stays in memory.
pub struct TokyoLibrary {
    pub(crate) hash: Functions,
    pub(crate) tree: Functions,
    pub(crate) only_hash: HashFunctions,
    pub(crate) only_tree: TreeFunctions,
    pub(crate) strings: Strings,
}

impl TokyoLibrary {
    /// Opens the library, once in a process.
    ///
    /// # Errors
    /// If it is not installed, or lacks a function.
    pub fn get() -> Result<&'static TokyoLibrary, TokyoMissing> {
        static LIBRARY: OnceLock<Result<TokyoLibrary, TokyoMissing>> = OnceLock::new();
        LIBRARY.get_or_init(|| Self::load(LIBRARY_NAME)).as_ref().map_err(Clone::clone)
    }

    fn load(name: &str) -> Result<TokyoLibrary, TokyoMissing> {
        let library = SharedObject::open(name)?;
        Ok(TokyoLibrary {
            hash: Functions::load(&library, "tchdb")?,
            tree: Functions::load(&library, "tcbdb")?,
            only_hash: HashFunctions::load(&library, "tchdb")?,
            only_tree: TreeFunctions::load(&library, "tcbdb")?,
            strings: Strings::load(&library, "tc")?,
        })
    }

    /// What the library says about one of its error codes.
    pub(crate) fn error_text(&self, code: c_int) -> String {
        // SAFETY: the function takes any number and returns a constant text.
        let text = unsafe { CStr::from_ptr((self.strings.errmsg)(code)) };
        text.to_string_lossy().into_owned()
    }
}

/// An opened shared object. It is never closed: functions of it are in use.
struct SharedObject {
    name: String,
    object: Raw,
}

impl SharedObject {
    fn open(name: &str) -> Result<SharedObject, TokyoMissing> {
        let text = CString::new(name).expect("a constant without NUL");
        // SAFETY: the name ends with a NUL. The library has no constructors but those of the
        // C library's kind, which may run in any thread.
        let object = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let opened = SharedObject { name: name.to_owned(), object };
        if object.is_null() { Err(opened.missing()) } else { Ok(opened) }
    }

    fn symbol(&self, name: &str) -> Result<Raw, TokyoMissing> {
        let text = CString::new(name).expect("a constant without NUL");
        // SAFETY: `object` came from dlopen and is never closed; the name ends with a NUL.
        let address = unsafe { libc::dlsym(self.object, text.as_ptr()) };
        if address.is_null() { Err(self.missing()) } else { Ok(address) }
    }

    /// The error of the last call.
    fn missing(&self) -> TokyoMissing {
        // SAFETY: dlerror takes nothing. Its text is this thread's and lives until its next call.
        let reason = unsafe {
            let text = libc::dlerror();
            match text.is_null() {
                true => String::new(),
                false => CStr::from_ptr(text).to_string_lossy().into_owned(),
            }
        };
        TokyoMissing { name: self.name.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_installed_is_an_error_that_names_its_packages() {
        let error = TokyoLibrary::load("libtokyocabinet-missing.so.9").err().expect("is missing");
        let text = error.to_string();
        let wanted = "libtokyocabinet-missing.so.9: install libtokyocabinet9 (Debian, Ubuntu)";
        assert!(text.contains(wanted) && text.contains("No such file"), "{text}");
    }

    #[test]
    fn a_library_without_the_functions_is_an_error_that_names_the_first_of_them() {
        let error = TokyoLibrary::load("libc.so.6").err().expect("has other functions");
        assert!(error.to_string().contains("tchdbnew"), "{error}");
    }
}
