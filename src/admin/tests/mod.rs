//! Tests of the text commands: the splitting of lines, the answer of every command
//! (`transcript`) on a broker with workers and jobs (`world`), and the consistency of the
//! table of commands (`table`).
//!
//! Must not: open a connection; `tests/gearmand` tests the bytes on sockets.

mod table;
mod transcript;
mod world;

use super::*;

#[test]
fn words_are_separated_by_runs_of_spaces() {
    assert_eq!(split(b"a  b c"), [b"a", b"b", b"c"]);
    assert_eq!(split(b"  a "), [&b""[..], b"a", b""]);
    assert_eq!(split(b""), [b""]);
}
