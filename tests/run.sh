#!/bin/sh
# Runs every check and every test:
#
#   tests/run.sh [--quick] [--no-install]
#
# --quick       only format, lints, unit tests, a short simulated cluster, style and documents,
#               and the C programs on our library: less than two minutes on a built tree. It needs no root and none of
#               the peers, and installs nothing.
# --no-install  does not install the peers that are missing (tests/install-peers.sh).
#
# The output ends with the time of each section, the tests that were skipped and why, and the
# counts. It is also in target/test.log. With CI=true a skipped or ignored test is a failure.
# tests/README.md says how to run one test, and lists the environment variables.
set -eu

cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$PWD/target}
log=$target/test.log
mkdir -p "$target"
export PATH="$target/tools/bin:$PATH"

# Many tests wait most of the time: more of them than there are processors run at once.
threads=${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}
# The C programs on our library do nothing but wait.
waiting_threads=8
# Seconds of the simulated cluster in the quick check.
quick_cluster_seconds=10

quick=no
install=yes
for option in "$@"; do
    case $option in
        --quick) quick=yes ;;
        --no-install) install=no ;;
        --help)
            sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            echo "$0: unknown option $option (see --help)" >&2
            exit 2
            ;;
    esac
done

# What is built once needs no record for the next build, and no names of variables for a debugger:
# a quarter of the time of the builds.
if [ "${CI:-}" = true ]; then
    export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only
fi

# What failed, a line each.
failures=$target/test.failures
# Seconds of each section, a line each.
times=$target/test.times
: >"$failures"
: >"$times"
: >"$log"

headline() {
    printf '\n== %s\n' "$*"
}

# section NAME COMMAND...: runs a command, appends its output to the log, and notes its time
# and its failure. The commands that follow run in any case.
section() {
    name=$1
    shift
    headline "$name" | tee -a "$log"
    began=$(date +%s)
    # A pipe hides the exit code of its first command.
    { "$@" 2>&1 || echo "$name" >>"$failures"; } | tee -a "$log"
    printf '%5d s  %s\n' "$(($(date +%s) - began))" "$name" >>"$times"
}

# begin NAME COMMAND...: runs a section beside those that follow, until `collect NAME`.
begin() {
    name=$1
    shift
    began=$(date +%s)
    beside=$target/test.beside.$(echo "$name" | tr ' ' -)
    {
        "$@" >"$beside.log" 2>&1 && echo ended >"$beside.code" || echo failed >"$beside.code"
        printf '%5d s  %s, beside others\n' "$(($(date +%s) - began))" "$name" >"$beside.time"
    } &
}

# collect NAME: waits for what `begin` has begun, all of it, and prints and notes the one section as
# `section` does.
collect() {
    name=$1
    wait
    beside=$target/test.beside.$(echo "$name" | tr ' ' -)
    headline "$name" | tee -a "$log"
    tee -a "$log" <"$beside.log"
    cat "$beside.time" >>"$times"
    grep -q ended "$beside.code" || echo "$name" >>"$failures"
}

# The same as `section` for what has to succeed before anything else is worth running.
first() {
    section "$@"
    [ ! -s "$failures" ] || summary
}

check_format() {
    "$cargo" fmt --all --check &&
        rustfmt --check --edition 2024 tests/fuzz/fuzz_targets/*.rs
}

check_lints() {
    "$cargo" clippy --locked --workspace --all-targets -- -D warnings
}

check_lints_of_library() {
    "$cargo" clippy --locked --no-default-features --lib -- -D warnings &&
        "$cargo" clippy --locked --no-default-features --features tls --lib -- -D warnings
}

check_documentation() {
    RUSTDOCFLAGS='-D warnings' "$cargo" doc --locked --workspace --no-deps
}

# cargo_test ARGUMENTS...: without --quiet, the log names every test.
cargo_test() {
    "$cargo" test --locked --no-fail-fast "$@"
}

# The simulated cluster is among the unit tests, and the tests of texts are as short. The whole workspace is named, here and below,
# so that what the whole run has built is used.
run_unit_tests() {
    GEARMAN_CLUSTER_SECONDS=$quick_cluster_seconds \
        cargo_test --workspace --lib --test compat_ledger --test style --test documents \
        -- --show-output
}

run_c_programs_on_ours() {
    cargo_test --workspace --test conformance -- \
        --show-output --test-threads=$waiting_threads with_own_server
}

# TEST_ARGS holds further arguments, as words.
# shellcheck disable=SC2086
run_tests() {
    RUST_TEST_THREADS=$threads cargo_test --workspace -- --show-output ${TEST_ARGS:-}
}

# In a build of their own: no program that ships has a defect.
run_deliberate_defects() {
    "$cargo" test --locked -p gearman-cluster --features defects defects -- --nocapture &&
        "$cargo" test --locked -p gearman-broker --features defects --lib before_the_commit -- --nocapture
}

run_sanitizers() {
    sh tests/sanitizers.sh --quick
}

run_packages() {
    suites=
    if [ "${CI:-}" = true ]; then
        suites='--suite=bookworm --suite=trixie'
    fi
    # shellcheck disable=SC2086
    sh tests/packages.sh $suites
}

# Compares what programs of other projects did with the table in src/COMPAT.md, which
# UPDATE_CONSUMERS=1 writes. Another machine may have another Python, or lack a peer: outside
# CI a difference is a note.
compare_consumers() {
    consumers=$target/consumers.md
    awk -f tests/consumers.awk "$log" | LC_ALL=C sort >"$consumers"
    cat "$consumers"
    if [ "${UPDATE_CONSUMERS:-}" = 1 ]; then
        sed '/^## Consumers, counted/,$ { /^| .*[0-9] |$/d; }' src/COMPAT.md >"$target/COMPAT.md"
        cat "$target/COMPAT.md" "$consumers" >src/COMPAT.md
    fi
    missing=$(sed -n '/^## Consumers, counted/,$ { /^| .*[0-9] |$/p; }' src/COMPAT.md |
        LC_ALL=C sort | LC_ALL=C comm -23 - "$consumers")
    if [ -n "$missing" ]; then
        echo "src/COMPAT.md has other rows (UPDATE_CONSUMERS=1 writes them):"
        echo "$missing"
        [ "${CI:-}" != true ]
    fi
}

# The skipped and ignored tests of the log, a line each.
skipped() {
    awk '
        / stdout ----$/ { test = $2 }
        /^skipped: / { print test ": " substr($0, 10) }
        /^test .* \.\.\. ignored/ { print $2 ": ignored" }
    ' "$log" | sort -u
}

# What the failed tests of the log printed, without stack traces. The names stand between the
# second of two lines "failures:" and the result.
failed_tests() {
    awk '
        /^failures:$/ { details = !details; next }
        /^test result: / { details = 0 }
        details && / stdout ----$/ { lines = 0 }
        details && lines < 40 && !/^ +([0-9]+:|at) / { lines++; print }
    ' "$log"
}

# Prints what was skipped, the times and the counts, and ends with the exit code.
summary() {
    # A section that was begun may still run.
    wait
    headline "skipped"
    left_out=$(skipped)
    echo "${left_out:-nothing}"
    ignored=$(awk '/^test result: / { ignored += $8 } END { print ignored + 0 }' "$log")
    if [ "${CI:-}" = true ] && { [ -n "$left_out" ] || [ "$ignored" -ne 0 ]; }; then
        echo "CI: each of these is a failure, and so are $ignored ignored tests"
        echo "skipped tests" >>"$failures"
    fi

    headline "times"
    cat "$times"

    headline "in all"
    awk '
        /^test result: / { passed += $4; failed += $6; ignored += $8 }
        END { print passed + 0 " passed; " failed + 0 " failed; " ignored + 0 " ignored" }
    ' "$log"
    if [ -s "$failures" ]; then
        failed_tests
        sed 's/^/FAILED: /' "$failures"
        exit 1
    fi
    exit 0
}

if [ "$quick" = yes ]; then
    first "format" check_format
    first "lints" check_lints
    section "unit tests and simulated cluster" run_unit_tests
    section "C programs on our library" run_c_programs_on_ours
    summary
fi

# What waits for the network goes on beside what takes the processors.
if [ "$install" = yes ]; then
    begin "peers" sh tests/install-peers.sh
else
    begin "peers" sh tests/install-peers.sh --check
fi
first "format" check_format
first "lints" check_lints
first "lints of the library alone" check_lints_of_library
first "documentation" check_documentation
first "main job" sh bindings/c/main-job.sh
collect "peers"
section "tests" run_tests
begin "deliberate defects" run_deliberate_defects
begin "sanitizers" run_sanitizers
begin "Python binding" sh tests/python.sh
section "packages" run_packages
collect "deliberate defects"
collect "sanitizers"
collect "Python binding"
section "consumers" compare_consumers
summary
