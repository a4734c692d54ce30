#!/bin/sh
# Builds the library with AddressSanitizer and runs the C programs on it, which are built with
# AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer; then the same with ThreadSanitizer:
#
#   tests/sanitizers.sh [--quick] [FILTER]
#
# --quick  only the programs that continuous integration runs; less than a minute on a built tree.
# FILTER   only programs with this in their names.
#
# Our own code is instrumented, and the C code; Rust's standard library is not: that would need its
# source. So ThreadSanitizer does not see what the standard library synchronises, and runs only the
# program whose threads share nothing.
set -eu

cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
triple=$(rustc -vV | sed -n 's/^host: //p')

quick=no
if [ "${1:-}" = --quick ]; then
    quick=yes
    shift
fi
filter=${1:-}

# Rust's standard library has no ThreadSanitizer, which rustc wants to be told.
flags_of() {
    case $1 in
        thread) echo '-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer' ;;
        *) echo "-Zsanitizer=$1" ;;
    esac
}

# build SANITIZER ARGUMENTS...: the library, by cargo with these arguments.
build() {
    sanitizer=$1
    shift
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(flags_of "$sanitizer") -Cforce-frame-pointers=yes" \
        "$cargo" build --locked --lib --no-default-features "$@" \
        --target "$triple" --target-dir "target/sanitizers/$sanitizer"
}

# run SANITIZER PROGRAM...: the tests of these names; of all programs without one.
run() {
    sanitizer=$1
    shift
    GEARMAN_SANITIZER=$sanitizer "$cargo" test --locked --workspace --test conformance -- \
        --show-output "$@"
}

# Programs whose threads are cancelled, or whose coroutines or modules are left without returning:
# AddressSanitizer keeps the marks of the frames that were left and reports the calls that use that stack
# next (https://github.com/google/sanitizers/issues/189). They run under valgrind.
left_stacks='--skip broker_ --skip cancelled_ --skip boost_context --skip coroutine_jumps'

if [ "$quick" = yes ]; then
    # Without TLS there is little to build.
    build address
    # shellcheck disable=SC2086
    run address $left_stacks with_own_server::hostile_loops with_own_server::execute \
        with_own_server::free_ with_own_server::freed_ with_own_server::given_again \
        with_own_server::calls_in with_own_server::null_arguments with_own_server::argument_errors \
        with_own_server::huge_sizes with_own_server::map_reduce \
        with_own_server::streaming with_own_server::give_workload with_own_server::task_ \
        with_own_server::job_ with_own_server::unbuffered with_own_server::server_dies
else
    build address --features tls
    # shellcheck disable=SC2086
    run address $left_stacks "with_own_server::$filter"
fi

if [ "$quick" = yes ]; then build thread; else build thread --features tls; fi
run thread with_own_server::one_handle_each
