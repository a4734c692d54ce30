//! With ours preloaded, only ours is in the process.

use gearman_test_support::library::{Library, own_library};
use gearman_test_support::paths::ORIGINAL_GEARMAND;
use gearman_test_support::programs::{Checker, can_be_compiled, have_original, run};

#[test]
fn a_plain_program_maps_only_ours() {
    if !have_original() || !can_be_compiled("loaded_library") {
        return;
    }
    for library in [Library::Ours, Library::Preloaded] {
        let outcome = run("loaded_library", library, ORIGINAL_GEARMAND, Checker::None);
        outcome.assert_succeeded("loaded_library");
        let own = own_library().canonicalize().expect("our library");
        assert_eq!(
            outcome.stderr.trim_end(),
            own.to_str().expect("a path in UTF-8"),
            "{library:?}"
        );
    }
}
