//! The preloaded library that counts, fails and logs the system calls on the file of a queue, and
//! the content that the file has after power loss.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gearman_test_support::paths::{repository, scratch};
use gearman_test_support::random::Random;

use crate::server::Start;

/// Numbers in the control file, as `enum word` of `shim.c` has them.
const CALLS: u64 = 0;
const MASK: u64 = 1;
const FIRST: u64 = 2;
const TIMES: u64 = 3;
const ERRNO: u64 = 4;
const SYNCS: u64 = 5;
const FAILED: u64 = 6;
const WORDS: usize = 16;

/// Kinds of calls, as `enum kind` of `shim.c` has them.
pub(crate) const OPEN: u64 = 1;
pub(crate) const WRITE: u64 = 2;
pub(crate) const SYNC: u64 = 4;
pub(crate) const TRUNCATE: u64 = 8;

/// Bytes that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The control file and log of one queue.
pub(crate) struct Shim {
    file: PathBuf,
    log_of_file: PathBuf,
    control: fs::File,
    control_path: PathBuf,
    log: PathBuf,
}

impl Shim {
    /// A shim for a file of SQLite, with its own files in `directory`.
    pub(crate) fn new(directory: &Path, file: &Path) -> Shim {
        Shim::with_log(directory, file, "-wal")
    }

    /// A shim for a file whose log has this behind its name.
    pub(crate) fn with_log(directory: &Path, file: &Path, suffix: &str) -> Shim {
        let control_path = directory.join("control");
        fs::write(&control_path, [0; 8 * WORDS]).expect("a control file");
        let control = fs::File::options().read(true).write(true).open(&control_path);
        Shim {
            file: file.to_owned(),
            log_of_file: beside(file, suffix),
            control: control.expect("a control file"),
            control_path,
            log: directory.join("log"),
        }
    }

    /// How a server is started with it.
    pub(crate) fn start(&self, with_log: bool) -> Start {
        let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let mut environment = vec![
            ("LD_PRELOAD".to_owned(), text(library())),
            ("SHIM_PREFIX".to_owned(), text(&self.file)),
            ("SHIM_CONTROL".to_owned(), text(&self.control_path)),
        ];
        if with_log {
            environment.push(("SHIM_LOG".to_owned(), text(&self.log)));
        }
        Start { environment, ..Start::default() }
    }

    fn set(&self, word: u64, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), 8 * word).expect("the control file");
    }

    fn get(&self, word: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 8 * word).expect("the control file");
        u64::from_ne_bytes(bytes)
    }

    /// Counts calls of these kinds from now on, and lets `times` of them fail from the `first`
    /// one on; 0 for none.
    pub(crate) fn fail(&self, kinds: u64, first: u64, times: u64, errno: i32) {
        self.set(MASK, 0);
        self.set(CALLS, 0);
        self.set(FAILED, 0);
        self.set(FIRST, first);
        self.set(TIMES, times);
        self.set(ERRNO, u64::try_from(errno).expect("a positive number"));
        self.set(MASK, kinds);
    }

    /// Lets no call fail any more; goes on counting.
    pub(crate) fn heal(&self) {
        self.set(FIRST, 0);
    }

    /// Calls that were counted.
    pub(crate) fn calls(&self) -> u64 {
        self.get(CALLS)
    }

    /// Calls that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.get(FAILED)
    }

    /// Syncs that succeeded.
    pub(crate) fn syncs(&self) -> u64 {
        self.get(SYNCS)
    }

    /// Gives the files the content that they have after power loss: everything that was synced,
    /// and of the rest what `random` chooses. The files must be those of the last call, or there
    /// was no earlier call and no file.
    pub(crate) fn lose_power(&self, random: &mut Random) {
        let images = HashMap::from([(1, self.file.clone()), (2, self.log_of_file.clone())]);
        let log = fs::read(&self.log).unwrap_or_default();
        let keeps = random.pick(&[Keeps::Nothing, Keeps::Sectors, Keeps::Everything]);
        for (number, path) in images {
            let mut disk = Disk::new(fs::read(saved(&path)).unwrap_or_default());
            records(&log).filter(|record| record.file == number).for_each(|r| disk.apply(&r));
            disk.add_mapped(&fs::read(&path).unwrap_or_default());
            let content = disk.after_power_loss(keeps, random);
            fs::write(&path, &content).expect("the rebuilt file");
            fs::write(saved(&path), &content).expect("the rebuilt file");
        }
        // Its content is memory.
        let _ = fs::remove_file(beside(&self.file, "-shm"));
        let _ = fs::remove_file(&self.log);
    }
}

/// What becomes of unsynced writes.
#[derive(Clone, Copy)]
enum Keeps {
    Nothing,
    /// Each sector or not, in no order.
    Sectors,
    Everything,
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// The content of a file at the start of the server's life.
fn saved(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a name").to_str().expect("a plain name");
    path.with_file_name(format!("before-{name}"))
}

struct Record<'a> {
    operation: u8,
    file: u8,
    offset: usize,
    bytes: &'a [u8],
}

/// The records of a log; a last one that is not whole is left out.
fn records(log: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = log;
    std::iter::from_fn(move || {
        let number = |at: usize| {
            let bytes = rest.get(at..at + 8)?;
            usize::try_from(u64::from_ne_bytes(bytes.try_into().expect("eight"))).ok()
        };
        let (offset, length) = (number(8)?, number(16)?);
        let bytes = rest.get(24..24 + length)?;
        let record = Record { operation: rest[0], file: rest[1], offset, bytes };
        rest = &rest[24 + length..];
        Some(record)
    })
}

/// One file: what was synced, and the changes behind that.
struct Disk {
    synced: Vec<u8>,
    cached: Vec<u8>,
    /// Changes since the last sync: offset and bytes, or the new size.
    pending: Vec<(usize, Option<Vec<u8>>)>,
}

impl Disk {
    fn new(content: Vec<u8>) -> Disk {
        Disk { cached: content.clone(), synced: content, pending: Vec::new() }
    }

    fn apply(&mut self, record: &Record<'_>) {
        match record.operation {
            b'w' => self.pending.push((record.offset, Some(record.bytes.to_vec()))),
            b't' => self.pending.push((record.offset, None)),
            _ => {
                for (offset, bytes) in std::mem::take(&mut self.pending) {
                    change(&mut self.synced, offset, bytes.as_deref());
                }
                return;
            }
        }
        change(&mut self.cached, record.offset, Some(record.bytes).filter(|b| !b.is_empty()));
    }

    /// Adds the changes that were made through a mapping since the last sync, in which the file as
    /// it is differs from what was recorded.
    fn add_mapped(&mut self, found: &[u8]) {
        for (index, sector) in found.chunks(SECTOR_BYTES).enumerate() {
            let offset = index * SECTOR_BYTES;
            let known = self.cached.get(offset..offset + sector.len());
            if known.is_some_and(|known| known != sector) {
                self.pending.push((offset, Some(sector.to_vec())));
                change(&mut self.cached, offset, Some(sector));
            }
        }
    }

    fn after_power_loss(self, keeps: Keeps, random: &mut Random) -> Vec<u8> {
        let mut content = self.synced;
        match keeps {
            Keeps::Nothing => {}
            Keeps::Everything => content = self.cached,
            Keeps::Sectors => {
                for (offset, bytes) in self.pending {
                    let Some(bytes) = bytes else { continue };
                    for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if random.one_in(2) {
                            change(&mut content, offset + index * SECTOR_BYTES, Some(sector));
                        }
                    }
                }
            }
        }
        content
    }
}

fn change(content: &mut Vec<u8>, offset: usize, bytes: Option<&[u8]>) {
    match bytes {
        None => content.resize(offset, 0),
        Some(bytes) => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[offset..end].copy_from_slice(bytes);
        }
    }
}

/// The compiled library.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = repository().join("tests/durable/shim.c");
        let library = scratch().join(format!("durable-shim-{}.so", std::process::id()));
        let mut command = Command::new("gcc");
        command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
        command.arg("-o").arg(&library).arg(source).args(["-ldl", "-lpthread"]);
        let output = command.output().expect("gcc runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}
