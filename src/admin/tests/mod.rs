//! Tests of the text commands: how lines are read, and what every command answers
//! (`transcript`) on a broker with workers and jobs (`world`), what the table of
//! commands agrees with (`table`).
//!
//! Must not: open a connection; bytes on sockets are in `tests/gearmand`.

mod table;
mod transcript;
mod world;

use super::*;

#[test]
fn runs_of_blanks_divide_words() {
    assert_eq!(split(b"a  b c"), [b"a", b"b", b"c"]);
    assert_eq!(split(b"  a "), [&b""[..], b"a", b""]);
    assert_eq!(split(b""), [b""]);
}
