#!/bin/sh
# Runs every check and every test:
#
#   tests/run.sh [--no-install]
#
# As root on a system with apt-get, it first installs the test peers that are
# missing: the original Gearman, PHP with its extension, compilers, valgrind, Node,
# what building Python modules takes; and, below target/, clients from PyPI and npm.
# --no-install leaves the system as it is. Without a peer the tests that need it
# are left out, and the end of the output names each of them and says why.
#
# The section "packages" is tests/packages.sh, which takes minutes and wants root.
# CI=true lets it look at Debian 13, too, and also builds the cargo-c that the
# install test needs (minutes; it stays below target/). TEST_ARGS holds further
# arguments for the test programs.
set -eu

cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$PWD/target}
log=$target/test.log
mkdir -p "$target"

# The Debian packages of the peers.
peers='libgearman8 libgearman-dev gearman-job-server gearman-tools
    php8.2-cli php8.2-fpm php8.2-dev php8.2-gearman libfcgi-bin
    libgearman-client-perl libperl-dev libboost-context-dev
    python3-venv python3-dev
    gcc g++ clang binutils pkg-config valgrind strace tmux curl'
# What building and proving the packages takes.
packaging='debhelper debootstrap dpkg-dev iproute2 lintian'
# Clients from elsewhere, below target/tools: of PyPI, each with a Python of its
# own as both are called gearman there, and of npm.
python_clients='gearman3==0.2.1 pygearman==0.2.6'
node_clients='gearman@2.1.0 gearmanode@0.9.2'
# The version of cargo-c that goes with the oldest Rust this package builds with,
# and the library that building it needs.
cargo_c=0.10.24+cargo-0.98.0
cargo_c_needs=libssl-dev

install=yes
for option in "$@"; do
    case $option in
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

headline() {
    printf '\n== %s\n' "$*"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Those of the packages that are not installed.
missing() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s ' "$package"
    done
}

may_install() {
    [ "$install" = yes ] && has apt-get && [ "$(id -u)" -eq 0 ]
}

gearmands() {
    # By name alone: nothing is done to them.
    ps -e -o pid= -o comm= | awk '$2 == "gearmand" { print $1 }'
}

# Installing the original's job server would start one. The policy file is how
# Debian is told not to; where there is one already, it decides.
apt_install() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM HUP
    fi
    before=$(gearmands)
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ||
        for package in "$@"; do
            # Together or not at all is apt-get's way: one that this system
            # does not have must not cost the others.
            DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --no-install-recommends "$package" || :
        done
    if [ -n "$policy" ]; then
        rm -f "$policy"
        trap - EXIT INT TERM HUP
    fi
    for pid in $(gearmands); do
        case " $(echo "$before" | tr '\n' ' ') " in
            *" $pid "*) ;;
            *) echo "note: a gearmand runs since the installation, process $pid" ;;
        esac
    done
}

headline "test peers"
if has dpkg-query; then
    wanted="$peers $packaging"
    if [ "${CI:-}" = true ]; then
        wanted="$wanted $cargo_c_needs"
    fi
    # Other packagings of Node have npm in them, and do not go with this one.
    has npm || wanted="$wanted nodejs npm"
    # The lists are words.
    # shellcheck disable=SC2046,SC2086
    lacking=$(missing $wanted)
    if [ -n "$lacking" ] && may_install; then
        apt-get update
        # shellcheck disable=SC2086
        apt_install $lacking
        # shellcheck disable=SC2086
        lacking=$(missing $wanted)
    fi
    if [ -n "$lacking" ]; then
        echo "not installed: $lacking"
    else
        echo "all installed"
    fi
else
    echo "not a Debian system: the tests use what they find"
fi

if [ "$install" = yes ]; then
    for client in $python_clients; do
        home=$target/tools/${client%%==*}
        if has python3 && [ ! -e "$home/installed" ]; then
            { python3 -m venv "$home" && "$home/bin/pip" install -q "$client" &&
                touch "$home/installed"; } ||
                { rm -rf "$home"; echo "not installed: $client"; }
        fi
    done
    # The tests name the directory of each package.
    # shellcheck disable=SC2086
    if has npm && [ ! -d "$target/tools/node/node_modules/gearmanode" ]; then
        npm install --prefix "$target/tools/node" --ignore-scripts --no-audit --no-fund \
            --loglevel error $node_clients || echo "not installed: $node_clients"
    fi
fi

PATH=$target/tools/bin:$PATH
export PATH
if ! "$cargo" cinstall --version >/dev/null 2>&1; then
    if [ "${CI:-}" = true ]; then
        "$cargo" install cargo-c --version "$cargo_c" --locked --root "$target/tools" \
            --target-dir "$target/tools/build"
    else
        echo "no cargo-c: cargo install cargo-c --version $cargo_c --locked"
    fi
fi

headline "format"
"$cargo" fmt --all --check
rustfmt --check --edition 2024 tests/fuzz/fuzz_targets/*.rs

headline "lints"
"$cargo" clippy --locked --workspace --all-targets -- -D warnings
"$cargo" clippy --locked --no-default-features --lib -- -D warnings

headline "documentation"
RUSTDOCFLAGS='-D warnings' "$cargo" doc --locked --workspace --no-deps

headline "main job"
sh bindings/c/main-job.sh

headline "tests"
# A pipe would hide cargo's exit code from a POSIX shell: keep it in a file.
rm -f "$log.code"
{
    # shellcheck disable=SC2086
    "$cargo" test --locked --workspace --no-fail-fast -- --show-output ${TEST_ARGS:-} 2>&1 && echo 0 >"$log.code" ||
        echo 1 >"$log.code"
} | tee "$log"

headline "deliberate defects"
# In a build of their own, which no shipped program is.
{
    "$cargo" test --locked -p gearman-cluster --features defects defects -- --nocapture 2>&1 ||
        echo 1 >"$log.code"
} | tee -a "$log"

headline "Python binding"
{
    sh tests/python.sh 2>&1 || echo 1 >"$log.code"
} | tee -a "$log"

headline "packages"
suites=
if [ "${CI:-}" = true ]; then
    suites='--suite=bookworm --suite=trixie'
fi
{
    # shellcheck disable=SC2086
    sh tests/packages.sh $suites 2>&1 || echo 1 >"$log.code"
} | tee -a "$log"

headline "consumers"
consumers=$target/consumers.md
awk -f tests/consumers.awk "$log" | LC_ALL=C sort >"$consumers"
cat "$consumers"
if [ "${UPDATE_CONSUMERS:-}" = 1 ]; then
    sed '/^## Consumers, counted/,$ { /^| .*[0-9] |$/d; }' src/COMPAT.md >"$target/COMPAT.md"
    cat "$target/COMPAT.md" "$consumers" >src/COMPAT.md
fi
# Another machine may have another Python, or lack a peer: there it is a note.
sed -n '/^## Consumers, counted/,$ { /^| .*[0-9] |$/p; }' src/COMPAT.md |
    LC_ALL=C sort | LC_ALL=C comm -23 - "$consumers" >"$target/consumers.missing"
if [ -s "$target/consumers.missing" ]; then
    echo "src/COMPAT.md says otherwise (UPDATE_CONSUMERS=1 writes it anew):"
    cat "$target/consumers.missing"
    if [ "${CI:-}" = true ]; then
        echo 1 >"$log.code"
    fi
fi

headline "left out"
awk '
    / stdout ----$/ { test = $2 }
    /^skipped: / { print test ": " substr($0, 10); found = 1 }
    END { if (!found) print "nothing" }
' "$log" | sort -u

headline "in all"
awk '
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    END { print passed " passed; " failed " failed; " ignored " ignored" }
' "$log"
exit "$(cat "$log.code")"
