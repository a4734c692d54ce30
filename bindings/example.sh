#!/bin/sh
# Runs an example that does something, with a job server of its own:
#
#   bindings/example.sh LANGUAGE NAME [ARGUMENT...]
#   bindings/example.sh                              lists them
#
# It builds what the example needs (the job server, the tools, the library, the Python binding),
# starts gearmand on a free port of 127.0.0.1, runs the example, and ends the server. Needs a
# Rust toolchain and, depending on the language, a C compiler (and SQLite's headers), Python with
# venv and pip, or PHP with its extension gearman (and sqlite3, gd). Writes only below target/.
#
# The environment variables CARGO, CC, PYTHON and PHP name the tools. GEARMAN_BUILT is a directory
# with gearmand, gearman and libgearman.so: then none of these is built.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
work=$target/examples/$$

fail() {
    printf 'example.sh: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    for language in c python php; do
        printf '%s:' "$language"
        # What includes the common part of the workers starts its own.
        for file in $(cd "$here/$language/examples" &&
            grep -l -e worker_processes.h -e 'import demo' -e demo.php -- *.c *.py *.php 2>/dev/null); do
            printf ' %s' "${file%.*}"
        done
        printf '\n'
    done
}

case ${1:-} in
    '' | --help)
        usage
        exit 0
        ;;
esac
[ $# -ge 2 ] || {
    usage >&2
    exit 2
}
language=$1
name=$2
shift 2
case $language in
    c) source=$here/c/examples/$name.c ;;
    python) source=$here/python/examples/$name.py ;;
    php) source=$here/php/examples/$name.php ;;
    *) fail "unknown language $language: it is c, python or php" ;;
esac
[ -f "$source" ] || fail "no example $name in $language: example.sh without arguments lists them"

built=${GEARMAN_BUILT:-}
if [ -z "$built" ]; then
    (cd "$root" && "${CARGO:-cargo}" build --quiet --locked --bins --lib --target-dir "$target")
    built=$target/debug
fi

server=
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || :
        wait "$server" 2>/dev/null || :
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The names under which programs and linkers look for the library.
mkdir -p "$work"
ln -s "$built/libgearman.so" "$work/libgearman.so"
ln -s "$built/libgearman.so" "$work/libgearman.so.8"
export LD_LIBRARY_PATH="$work" GEARMAN="$built/gearman"

"$built/gearmand" --listen=127.0.0.1 --port=0 --port-file="$work/port" --log-file="$work/log" &
server=$!
# The server writes the file when it listens.
tries=0
until [ -s "$work/port" ]; do
    kill -0 "$server" 2>/dev/null || fail "gearmand ended: $(cat "$work/log")"
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || fail "gearmand does not listen after 30 seconds"
    sleep 0.1
done
port=$(cat "$work/port")

# The interpreter with the binding: PYTHON's, or that of an environment below target/.
python() {
    python=${PYTHON:-python3}
    "$python" -c 'import libgearman' 2>/dev/null || {
        environment=$target/examples/python
        if ! "$environment/bin/python" -c 'import libgearman' 2>/dev/null; then
            "$python" -m venv "$environment" &&
                CARGO_TARGET_DIR=$target "$environment/bin/pip" install -q "$here/python" >&2
        fi
        python=$environment/bin/python
    }
    PYTHONDONTWRITEBYTECODE=1 "$python" "$@"
}

case $language in
    c)
        libraries=-lgearman
        ! grep -q '#include <sqlite3.h>' "$source" || libraries="$libraries -lsqlite3"
        # shellcheck disable=SC2086
        "${CC:-cc}" -std=c99 -o "$work/$name" "$source" -I"$root/include" -L"$work" $libraries
        "$work/$name" -h 127.0.0.1 -p "$port" "$@"
        ;;
    python)
        python "$source" -h 127.0.0.1 -p "$port" "$@"
        ;;
    php)
        "${PHP:-php}" -r 'exit(extension_loaded("gearman") ? 0 : 1);' ||
            fail "${PHP:-php} has no extension gearman: install php-gearman, or name another PHP in PHP"
        "${PHP:-php}" "$source" -h 127.0.0.1 -p "$port" "$@"
        ;;
esac
