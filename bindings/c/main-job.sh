#!/bin/sh
# One job from end to end: builds the library and the job server, installs the library
# under a prefix below target/, compiles the example worker and client against it with
# pkg-config, starts the server and the worker, and submits a job. Prints
#
#   !dlroW olleH
#
# Needs a Rust toolchain and a C compiler. Writes only below target/, and listens on a free
# port of 127.0.0.1. The environment variables CARGO, CC and PKG_CONFIG name the tools.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
work=$target/main-job
prefix=$work/prefix
cargo=${CARGO:-cargo}
cc=${CC:-cc}
pkg_config=${PKG_CONFIG:-pkg-config}

say() {
    printf 'main-job.sh: %s\n' "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

case ${1:-} in
    '') ;;
    --help)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        say "unknown argument $1: it takes none but --help"
        exit 2
        ;;
esac

# Ends the processes that this script started, by their ids.
worker=
server=
stop_all() {
    for pid in $worker $server; do
        kill "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

command -v "$cargo" >/dev/null || fail "$cargo is missing: install a Rust toolchain"
command -v "$cc" >/dev/null || fail "$cc is missing: install a C compiler, or name one in CC"

rm -rf "$work"
mkdir -p "$work"

say "building the library"
CARGO_TARGET_DIR=$target sh "$here/install.sh" --prefix="$prefix"
say "building gearmand"
(cd "$root" && "$cargo" build --release --bin gearmand --target-dir "$target")

# Prints the flags of the installed gearmand.pc: Cflags and Libs.
flags() {
    if command -v "$pkg_config" >/dev/null; then
        PKG_CONFIG_PATH=$prefix/lib/pkgconfig "$pkg_config" --cflags --libs gearmand
        return
    fi
    say "$pkg_config is missing: reading gearmand.pc without it"
    # The file has only these two variables.
    sed -n -e 's/^Cflags: //p' -e 's/^Libs: //p' "$prefix/lib/pkgconfig/gearmand.pc" |
        sed -e "s|\${includedir}|$prefix/include|" -e "s|\${libdir}|$prefix/lib|"
}

say "compiling the examples"
flags=$(flags)
for program in reverse_worker reverse_client; do
    # The flags are separate words.
    # shellcheck disable=SC2086
    "$cc" -std=c99 -Wall -o "$work/$program" "$here/examples/$program.c" $flags
done

say "starting gearmand"
"$target/release/gearmand" --listen=127.0.0.1 --port=0 --port-file="$work/port" \
    --log-file="$work/gearmand.log" &
server=$!
# The server writes the file when it listens.
tries=0
until [ -f "$work/port" ]; do
    kill -0 "$server" 2>/dev/null || fail "gearmand ended: $(cat "$work/gearmand.log")"
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || fail "gearmand does not listen after 30 seconds"
    sleep 0.1
done
port=$(cat "$work/port")

say "starting the worker and the client on port $port"
export LD_LIBRARY_PATH="$prefix/lib"
"$work/reverse_worker" -h 127.0.0.1 -p "$port" &
worker=$!
# The job waits until the worker has registered.
result=$("$work/reverse_client" -h 127.0.0.1 -p "$port") || fail "the client failed"

# SIGTERM ends both with code 0.
kill "$worker"
wait "$worker" || fail "the worker ended with code $?"
worker=
kill "$server"
wait "$server" || fail "gearmand ended with code $?"
server=

printf '%s\n' "$result"
[ "$result" = '!dlroW olleH' ] || fail "the result is not the reversed text"
