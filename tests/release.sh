#!/bin/sh
# Tests what anyone installs, in builds that take many minutes:
#
#   tests/release.sh [--archive] [--cargo-install]
#
#   --archive        the release archive, built from two clones in different directories, has the
#                    same bytes, and no path of this machine
#   --cargo-install  `cargo install --git` gives three programs that do a job
#
# Without an option it does both. Both take the last commit. Needs git, and crates that are fetched
# or a network. Everything is below target/release-test, and is removed after a success.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target/release-test"
work=$(cd "$target/release-test" && pwd)
cargo=${CARGO:-cargo}
chosen=

for option in "$@"; do
    case $option in
        --archive | --cargo-install) chosen="$chosen $option" ;;
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
chosen=${chosen:---archive --cargo-install}
# Both builds are of this one, whatever is committed meanwhile: its time is in the archive.
commit=$(git rev-parse HEAD)

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# archive_in DIRECTORY: clones the commit there, builds the archive, and prints its path.
archive_in() {
    rm -rf "$1"
    git clone --quiet "file://$root" "$1"
    git -C "$1" checkout --quiet --detach "$commit"
    CARGO_TARGET_DIR=$1/built sh "$1/bindings/packaging/build-archive.sh" --output="$1/out" >&2
    echo "$1"/out/*.tar.gz
}

test_archive() {
    one=$(archive_in "$work/one")
    other=$(umask 077 && archive_in "$work/a/second/directory")
    cmp "$one" "$other" || fail "the two archives differ"
    tar -C "$work" -xzf "$one"
    for path in "$work" "$HOME"; do
        ! grep -rlF "$path" "$work"/gearman-*/ || fail "these files have the path $path"
    done
    echo "ok: two builds give the same archive: $(sha256sum <"$one")"
}

test_cargo_install() {
    # --git takes the default branch of a repository: here the last commit.
    rm -rf "$work/repository" "$work/installed"
    git clone --quiet --bare "file://$root" "$work/repository"
    LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC CARGO_TARGET_DIR=$work/cargo-install "$cargo" install \
        --locked --git "file://$work/repository" --root "$work/installed" gearman
    bin=$work/installed/bin
    "$bin/gearmand" --listen=127.0.0.1 --port=0 --port-file="$work/port" --log-file="$work/log" &
    server=$!
    trap 'kill "$server"' EXIT
    tries=0
    until [ -s "$work/port" ]; do
        tries=$((tries + 1))
        [ "$tries" -le 300 ] || fail "gearmand does not listen"
        sleep 0.1
    done
    port=$(cat "$work/port")
    "$bin/gearman" -h 127.0.0.1 -p "$port" -b -f shout hello
    "$bin/gearman" -h 127.0.0.1 -p "$port" -w -c 1 -f shout -- sh -c 'tr a-z A-Z >"$0"' "$work/said"
    [ "$(cat "$work/said")" = HELLO ] || fail "the job was not done"
    "$bin/gearadmin" -h 127.0.0.1 -p "$port" --server-version
    kill "$server"
    trap - EXIT
    wait "$server" || :
    echo "ok: cargo install --git gives programs that do a job"
}

for option in $chosen; do
    case $option in
        --archive) test_archive ;;
        --cargo-install) test_cargo_install ;;
    esac
done
rm -rf "$work"
