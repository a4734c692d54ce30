//! With ours preloaded, only ours is in the process.

use crate::ORIGINAL_GEARMAND;
use crate::support::{self, Checker, Library};

#[test]
fn a_plain_program_maps_only_ours() {
    if let Some(reason) = support::missing_peer() {
        println!("skipped: {reason}");
        return;
    }
    for library in [Library::Ours, Library::Preloaded] {
        let outcome = support::run("loaded_library", library, ORIGINAL_GEARMAND, Checker::None);
        outcome.assert_ended_well("loaded_library");
        let own = support::own_library().canonicalize().expect("our library");
        assert_eq!(
            outcome.stderr.trim_end(),
            own.to_str().expect("a path in UTF-8"),
            "{library:?}"
        );
    }
}
