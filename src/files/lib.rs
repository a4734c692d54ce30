//! Opening, making and replacing files whose directories other users may write to.
//!
//! [`open_log`] and [`read_regular`] never wait for the other end of a FIFO. [`StateFile`] and
//! [`take_place`] make a file under a random name and rename it when it is whole. A symbolic link
//! is followed only if root or this process's user made it.
//!
//! Must not: know what the files are for.
#![forbid(unsafe_code)]

mod links;
mod opening;
mod place;
mod state_file;

pub use links::trusted_target;
pub use opening::{LinkPolicy, check_owner, directory_risk, open_log, open_private, read_regular};
pub use place::{FileId, FoundFile, hidden_name, take_place};
pub use state_file::{StateFile, write_whole};
