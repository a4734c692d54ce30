//! Removes passwords from the command line that other users see in a list of processes.
//!
//! A program can do this only after it has started, so a password is visible for a moment:
//! `--queue-password-file` avoids that.
//!
//! Must not: change what the options mean.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};

/// Options whose value is a password, or may contain one.
const SECRET_OPTIONS: [&str; 4] =
    ["--libdrizzle-password", "--libpq-conninfo", "--mysql-password", "--redis-password"];
/// Field of `/proc/self/stat` with the address of the arguments, counted behind the name.
const ARGUMENTS_FIELD: usize = 45;

/// Overwrites the passwords in this process's arguments. Where the system does not allow that,
/// they stay visible.
pub(crate) fn hide_passwords() {
    // The list of processes is no reason not to serve.
    let _ = try_hide();
}

fn try_hide() -> io::Result<()> {
    let line = fs::read("/proc/self/cmdline")?;
    let secrets = secret_ranges(&line);
    if secrets.is_empty() {
        return Ok(());
    }
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let address = fields.split(' ').nth(ARGUMENTS_FIELD).and_then(|field| field.parse().ok());
    let address: u64 = address.ok_or(io::ErrorKind::InvalidData)?;
    let mut memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
    for range in secrets {
        memory.seek(SeekFrom::Start(address + range.start as u64))?;
        memory.write_all(&vec![b'x'; range.len()])?;
    }
    Ok(())
}

/// Where the values of these options are in the arguments, which NULs separate.
fn secret_ranges(line: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut start, mut is_value) = (Vec::new(), 0, false);
    for word in line.split(|&byte| byte == 0) {
        let end = start + word.len();
        if std::mem::take(&mut is_value) {
            ranges.push(start..end);
        } else if let Some(option) =
            SECRET_OPTIONS.iter().find(|option| word.starts_with(option.as_bytes()))
        {
            match word.get(option.len()) {
                None => is_value = true,
                Some(b'=') => ranges.push(start + option.len() + 1..end),
                Some(_) => {}
            }
        }
        start = end + 1;
    }
    ranges.retain(|range| !range.is_empty());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_secret_options_are_found_in_both_forms() {
        let line =
            b"gearmand\0--mysql-password=ab\0-p\x001\0--libpq-conninfo\0cd\0--mysql-passwords\0";
        let found: Vec<_> = secret_ranges(line).into_iter().map(|range| &line[range]).collect();
        assert_eq!(found, [b"ab", b"cd"]);
    }
}
