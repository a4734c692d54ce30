//! A database in one file.
//!
//! Must not: keep a pointer of the library beyond a call, except that of the database.

use std::ffi::{CString, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::error::{TokyoError, TokyoFault, code};
use crate::library::{Functions, Raw, TokyoLibrary};

/// Bytes that a program may keep in the header of a file.
pub const OPAQUE_BYTES: usize = 32;

/// Flags of opening, the same for both kinds: as a writer, made if there is none, without waiting
/// for a lock.
const OPEN_FLAGS: c_int = 1 << 1 | 1 << 2 | 1 << 5;
/// Flag of opening: every change in a transaction is synced.
const SYNC_FLAG: c_int = 1 << 6;
/// Option of a new file: offsets of 64 bits.
const LARGE: u8 = 1;

/// How a file is organised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokyoKind {
    /// A hash table: `.tch`.
    Hash,
    /// A B+ tree: `.tcb`.
    Tree,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Records that are expected in a new file; 0 for the library's default. A hash table can have
    /// more, and becomes slower.
    pub records: u64,
    /// Whether the log of a transaction is synced before every change to the file, and the file
    /// with the commit. If not, the caller syncs.
    pub syncs_every_change: bool,
}

/// An open database. It is closed when it is dropped.
pub struct TokyoDatabase {
    library: &'static TokyoLibrary,
    kind: TokyoKind,
    /// From the library's `new`, until `del`.
    raw: Raw,
    transaction: Transaction,
}

/// Where a database is in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Begun,
    /// Its changes were written to the file. The library crashes when it undoes that in a tree.
    Written,
}

// SAFETY: the library keeps nothing per thread for an object without a mutex, and this is the only
// owner of the object, so that one thread at a time uses it.
unsafe impl Send for TokyoDatabase {}

impl TokyoDatabase {
    /// Opens a file as its only writer, and makes it if there is none. A transaction that was cut
    /// off is undone.
    ///
    /// # Errors
    /// If the library is missing, or if the file is damaged, locked or inaccessible.
    pub fn open(path: &Path, kind: TokyoKind, tuning: Tuning) -> Result<TokyoDatabase, TokyoError> {
        let library = TokyoLibrary::get()?;
        let text = CString::new(path.as_os_str().as_bytes()).map_err(|_| TokyoError {
            fault: TokyoFault::Other,
            text: "a NUL in the name".to_owned(),
        })?;
        // SAFETY: the function takes nothing; it ends the process when memory is exhausted.
        let raw = unsafe { (functions(library, kind).new)() };
        let database = TokyoDatabase { library, kind, raw, transaction: Transaction::None };
        let buckets = i64::try_from(tuning.records.saturating_mul(2)).unwrap_or(i64::MAX);
        // SAFETY: `raw` is a new database that is not open, as tuning needs. -1 is the default.
        let is_tuned = unsafe {
            // Only the buckets are mapped into memory: writing into a hole of a mapping would end
            // the process when the disk is full.
            (database.functions().setxmsiz)(raw, 0)
                && match kind {
                    TokyoKind::Hash => {
                        let buckets = if tuning.records == 0 { -1 } else { buckets.max(131_071) };
                        (library.only_hash.tune)(raw, buckets, -1, -1, LARGE)
                    }
                    TokyoKind::Tree => (library.only_tree.tune)(raw, -1, -1, -1, -1, -1, LARGE),
                }
        };
        database.checked(is_tuned)?;
        let flags = OPEN_FLAGS | if tuning.syncs_every_change { SYNC_FLAG } else { 0 };
        // SAFETY: as above; the path ends with a NUL and lives until the call returns.
        let is_open = unsafe { (database.functions().open)(raw, text.as_ptr(), flags) };
        database.checked(is_open)?;
        Ok(database)
    }

    fn functions(&self) -> &'static Functions {
        functions(self.library, self.kind)
    }

    /// The code of the last error.
    fn code(&self) -> i32 {
        // SAFETY: `raw` is this database.
        unsafe { (self.functions().ecode)(self.raw) }
    }

    /// The error of the last call, if it failed.
    fn checked(&self, is_done: bool) -> Result<(), TokyoError> {
        // Before anything else changes it.
        let system = io::Error::last_os_error();
        if is_done {
            return Ok(());
        }
        let code = self.code();
        let text = self.library.error_text(code);
        let (fault, has_cause) = match code {
            code::META | code::RECORD_HEADER | code::MISC => (TokyoFault::Damaged, false),
            code::LOCK | code::THREAD => (TokyoFault::Locked, false),
            code::SYNC | code::MMAP => (TokyoFault::NotSynced, true),
            _ => (TokyoFault::Other, true),
        };
        let text = match has_cause && system.raw_os_error() != Some(0) {
            true => format!("{text}: {system}"),
            false => text,
        };
        Err(TokyoError { fault, text })
    }

    /// Stores a record, in the place of one with this key.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), TokyoError> {
        let (key_len, value_len) = (length(key)?, length(value)?);
        // SAFETY: `raw` is this database, and the pointers are valid for the lengths beside them.
        let is_done = unsafe {
            let (key, value) = (key.as_ptr().cast(), value.as_ptr().cast());
            (self.functions().put)(self.raw, key, key_len, value, value_len)
        };
        self.checked(is_done)
    }

    /// Stores a record unless there is one with this key. Returns whether it did.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn put_new(&mut self, key: &[u8], value: &[u8]) -> Result<bool, TokyoError> {
        let (key_len, value_len) = (length(key)?, length(value)?);
        // SAFETY: as in `put`.
        let is_done = unsafe {
            let (key, value) = (key.as_ptr().cast(), value.as_ptr().cast());
            (self.functions().putkeep)(self.raw, key, key_len, value, value_len)
        };
        if !is_done && self.code() == code::KEEP {
            return Ok(false);
        }
        self.checked(is_done).map(|()| true)
    }

    /// Removes a record. Returns whether there was one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, TokyoError> {
        let key_len = length(key)?;
        // SAFETY: as in `put`.
        let is_done = unsafe { (self.functions().out)(self.raw, key.as_ptr().cast(), key_len) };
        if !is_done && self.code() == code::NO_RECORD {
            return Ok(false);
        }
        self.checked(is_done).map(|()| true)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TokyoError> {
        let (key_len, mut value_len) = (length(key)?, 0);
        // SAFETY: as in `put`; the last pointer is to a number that lives until the call returns.
        let value = unsafe {
            (self.functions().get)(self.raw, key.as_ptr().cast(), key_len, &mut value_len)
        };
        if value.is_null() {
            return match self.code() {
                code::NO_RECORD => Ok(None),
                _ => self.checked(false).map(|()| None),
            };
        }
        // SAFETY: the library returned memory from malloc with so many initialised bytes, which is
        // now ours to free.
        Ok(Some(unsafe {
            let bytes = bytes(value, value_len).to_vec();
            libc::free(value);
            bytes
        }))
    }

    /// Calls `visit` with every record, and makes sure that there are as many as the file says.
    ///
    /// # Errors
    /// That of `visit`, or the file cannot be read.
    pub fn visit<E: From<TokyoError>>(
        &mut self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut records = Records::begin(self)?;
        let mut count = 0;
        while let Some((key, value)) = records.next() {
            visit(key, value)?;
            count += 1;
        }
        drop(records);
        // The library's code may be that of an earlier error.
        if count != self.len() {
            let text = format!("{count} of {} records can be read", self.len());
            return Err(TokyoError { fault: TokyoFault::Damaged, text }.into());
        }
        Ok(())
    }

    /// Begins a transaction: what follows is undone after a crash, unless it was committed.
    ///
    /// # Errors
    /// If the file beside it, which has what must be undone, cannot be written.
    pub fn begin(&mut self) -> Result<(), TokyoError> {
        // SAFETY: `raw` is this database.
        let is_done = unsafe { (self.functions().tranbegin)(self.raw) };
        self.checked(is_done)?;
        self.transaction = Transaction::Begun;
        Ok(())
    }

    /// Commits the transaction. The file is synced if it was opened so.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn commit(&mut self) -> Result<(), TokyoError> {
        // SAFETY: `raw` is this database.
        let is_done = unsafe { (self.functions().trancommit)(self.raw) };
        self.transaction = Transaction::None;
        self.checked(is_done)
    }

    /// Undoes the transaction and closes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    ///
    /// # Panics
    /// If [`TokyoDatabase::flush`] or [`TokyoDatabase::sync`] was called in the transaction: a tree
    /// cannot undo that while it is open.
    pub fn abort(mut self) -> Result<(), TokyoError> {
        assert_ne!(self.transaction, Transaction::Written, "the changes are in the file");
        self.transaction = Transaction::None;
        // SAFETY: `raw` is this database.
        let is_done = unsafe { (self.functions().tranabort)(self.raw) };
        self.checked(is_done)?;
        self.close()
    }

    /// Writes what is in memory to the file, also in a transaction.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), TokyoError> {
        self.write(false)
    }

    /// Writes what is in memory to the disk, also in a transaction.
    ///
    /// # Errors
    /// If the file cannot be written or synced.
    pub fn sync(&mut self) -> Result<(), TokyoError> {
        self.write(true)
    }

    fn write(&mut self, to_disk: bool) -> Result<(), TokyoError> {
        if self.transaction == Transaction::Begun {
            self.transaction = Transaction::Written;
        }
        // SAFETY: `raw` is this database.
        let is_done = unsafe { (self.functions().memsync)(self.raw, to_disk) };
        self.checked(is_done)
    }

    /// Number of records.
    pub fn len(&self) -> u64 {
        // SAFETY: `raw` is this database.
        unsafe { (self.functions().rnum)(self.raw) }
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the file.
    pub fn size_bytes(&self) -> u64 {
        // SAFETY: `raw` is this database.
        unsafe { (self.functions().fsiz)(self.raw) }
    }

    /// What the program keeps in the header of the file; zeros in a new one.
    pub fn opaque(&self) -> [u8; OPAQUE_BYTES] {
        // SAFETY: `raw` is an open database: the pointer is to at least 64 bytes of its header,
        // which stay mapped, and only this object writes them.
        unsafe {
            let field = (self.functions().opaque)(self.raw).cast::<[u8; OPAQUE_BYTES]>();
            field.read_unaligned()
        }
    }

    /// Changes what the program keeps in the header. A transaction that is cut off undoes it, one
    /// that is aborted may not: it is changed last.
    pub fn set_opaque(&mut self, bytes: &[u8; OPAQUE_BYTES]) {
        // SAFETY: as in `opaque`; the database is open as a writer.
        unsafe {
            let field = (self.functions().opaque)(self.raw).cast::<[u8; OPAQUE_BYTES]>();
            field.write_unaligned(*bytes);
        }
    }

    /// Closes the file, which is whole then.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn close(self) -> Result<(), TokyoError> {
        // SAFETY: `raw` is this database, and it is open.
        let is_done = unsafe { (self.functions().close)(self.raw) };
        self.checked(is_done)
    }
}

impl Drop for TokyoDatabase {
    fn drop(&mut self) {
        // SAFETY: `raw` is this database, and nothing uses it afterwards. `del` closes it first if
        // it is open, and would undo a transaction, whatever was written of it.
        unsafe {
            if self.transaction == Transaction::Written {
                (self.functions().trancommit)(self.raw);
            }
            (self.functions().del)(self.raw);
        }
    }
}

/// An iteration: the two strings that it fills, and a tree's cursor.
struct Records<'a> {
    database: &'a TokyoDatabase,
    key: Raw,
    value: Raw,
    /// Null for a hash table, which has its own.
    cursor: Raw,
    is_first: bool,
}

impl<'a> Records<'a> {
    fn begin(database: &'a mut TokyoDatabase) -> Result<Records<'a>, TokyoError> {
        let database: &'a TokyoDatabase = database;
        let library = database.library;
        // SAFETY: the functions make objects, which end in `drop`; `raw` is the database, which
        // outlives its cursor by the borrow.
        let (records, is_done) = unsafe {
            let mut records = Records {
                database,
                key: (library.strings.xstrnew)(),
                value: (library.strings.xstrnew)(),
                cursor: ptr::null_mut(),
                is_first: true,
            };
            let is_done = match database.kind {
                TokyoKind::Hash => (library.only_hash.iterinit)(database.raw),
                TokyoKind::Tree => {
                    records.cursor = (library.only_tree.curnew)(database.raw);
                    true
                }
            };
            (records, is_done)
        };
        database.checked(is_done)?;
        Ok(records)
    }

    /// The next record; `None` behind the last one, and if it cannot be read.
    fn next(&mut self) -> Option<(&[u8], &[u8])> {
        let TokyoLibrary { strings, only_hash, only_tree, .. } = self.database.library;
        let is_first = std::mem::take(&mut self.is_first);
        // SAFETY: the database, the strings and the cursor are those that `begin` made.
        let is_found = unsafe {
            (strings.xstrclear)(self.key);
            (strings.xstrclear)(self.value);
            match self.database.kind {
                TokyoKind::Hash => (only_hash.iternext3)(self.database.raw, self.key, self.value),
                TokyoKind::Tree => {
                    let is_there = match is_first {
                        true => (only_tree.curfirst)(self.cursor),
                        false => (only_tree.curnext)(self.cursor),
                    };
                    is_there && (only_tree.currec)(self.cursor, self.key, self.value)
                }
            }
        };
        if !is_found {
            return None;
        }
        // SAFETY: the strings have so many initialised bytes, which stay until the next call; the
        // slices borrow `self`.
        Some(unsafe {
            let content = |string| bytes((strings.xstrptr)(string), (strings.xstrsize)(string));
            (content(self.key), content(self.value))
        })
    }
}

impl Drop for Records<'_> {
    fn drop(&mut self) {
        let TokyoLibrary { strings, only_tree, .. } = self.database.library;
        // SAFETY: `begin` made them, and nothing uses them afterwards.
        unsafe {
            if !self.cursor.is_null() {
                (only_tree.curdel)(self.cursor);
            }
            (strings.xstrdel)(self.key);
            (strings.xstrdel)(self.value);
        }
    }
}

fn functions(library: &TokyoLibrary, kind: TokyoKind) -> &Functions {
    match kind {
        TokyoKind::Hash => &library.hash,
        TokyoKind::Tree => &library.tree,
    }
}

/// The length of a key or value as the library takes it.
fn length(bytes: &[u8]) -> Result<c_int, TokyoError> {
    c_int::try_from(bytes.len()).map_err(|_| TokyoError {
        fault: TokyoFault::Other,
        text: format!("{} bytes are too many for a record", bytes.len()),
    })
}

/// The bytes at a pointer of the library.
///
/// # Safety
/// `pointer` must be valid for `len` initialised bytes during `'a`.
unsafe fn bytes<'a>(pointer: *const std::ffi::c_void, len: c_int) -> &'a [u8] {
    let len = usize::try_from(len).expect("the library returns no negative length");
    // SAFETY: the caller guarantees it.
    unsafe { std::slice::from_raw_parts(pointer.cast(), len) }
}
