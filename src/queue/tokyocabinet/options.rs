//! What a store is opened with.
//!
//! Must not: open a file.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use gearman_tokyocabinet::TokyoKind;

use crate::store::IfMissing;

/// When a commit is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokyoSyncing {
    /// The old content is synced before each change to the file, and the file with each commit: no
    /// acknowledged job is lost, by a crash or by power loss.
    EveryChange,
    /// Both are synced once for each commit. Power loss during a commit can damage the file if the
    /// system has written a part of it by itself.
    EveryBatch,
    /// Nothing is synced. Power loss can damage the file.
    Never,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct TokyoOptions {
    /// Name of the file, which ends with `.tch` for a hash table or `.tcb` for a B+ tree. A `#`
    /// and what follows it are settings of the library, which are ignored.
    pub file: PathBuf,
    /// Whether the file is written anew when it is opened, without free space.
    pub optimizes: bool,
    /// When a commit is on disk.
    pub syncing: TokyoSyncing,
    /// Bytes that the file may have; `None` is without limit.
    pub size_bytes_max: Option<u64>,
    /// What is done if there is no such file.
    pub if_missing: IfMissing,
}

impl TokyoOptions {
    /// Options for a file, with the defaults for everything else.
    pub fn new(file: impl Into<PathBuf>) -> TokyoOptions {
        TokyoOptions {
            file: file.into(),
            optimizes: true,
            syncing: TokyoSyncing::EveryChange,
            size_bytes_max: None,
            if_missing: IfMissing::Create,
        }
    }

    /// The file, without the settings behind its name.
    pub fn path(&self) -> PathBuf {
        self.divided_name().0.into()
    }

    /// The name before the settings, and whether there are any.
    fn divided_name(&self) -> (OsString, bool) {
        let name = self.file.as_os_str().as_bytes();
        let end = name.iter().position(|&byte| byte == b'#').unwrap_or(name.len());
        (OsString::from_vec(name[..end].to_vec()), end < name.len())
    }

    /// The file without the settings behind its name, whether there are any, and its kind.
    pub(super) fn parse_name(&self) -> Result<(PathBuf, bool, TokyoKind), String> {
        let (name, has_settings) = self.divided_name();
        let ends_with = |suffix: &[u8; 4]| {
            let last = name.as_bytes().last_chunk::<4>();
            last.is_some_and(|last| last.eq_ignore_ascii_case(suffix))
        };
        let kind = if ends_with(b".tch") || ends_with(b".hdb") {
            TokyoKind::Hash
        } else if ends_with(b".tcb") || ends_with(b".bdb") {
            TokyoKind::Tree
        } else {
            let shown = self.file.display();
            return Err(format!("{shown}: the name must end with .tch (hash) or .tcb (tree)"));
        };
        Ok((name.into(), has_settings, kind))
    }
}
