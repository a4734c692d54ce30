#!/bin/sh
# Usage: install.sh [--prefix=DIR] [--libdir=DIR] [--destdir=DIR]
#
# Builds the C library with cargo and installs it: libgearman.so.8.0.0 and its two links,
# libgearman.a, the headers, and gearmand.pc for pkg-config, also as libgearman.pc.
#
# Options, with the environment variables that mean the same:
#   --prefix=DIR   PREFIX   the directory to install below [/usr/local]
#   --libdir=DIR   LIBDIR   the directory of the libraries [PREFIX/lib]
#   --destdir=DIR  DESTDIR  a directory that is put before every installed path, for
#                           building packages; no installed file mentions it [none]
#   --help                  print this text
#
# The environment variables CARGO, LD, OBJCOPY and AR name the tools, and CARGO_TARGET_DIR
# the directory to build in [target]. To use the library from a prefix that the dynamic
# linker does not search:
#   export PKG_CONFIG_PATH=PREFIX/lib/pkgconfig LD_LIBRARY_PATH=PREFIX/lib
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-}
destdir=${DESTDIR:-}

for option in "$@"; do
    value=${option#*=}
    case $option in
        --prefix=*) prefix=$value ;;
        --libdir=*) libdir=$value ;;
        --destdir=*) destdir=$value ;;
        --help)
            sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        --prefix | --libdir | --destdir)
            echo "install.sh: $option needs a value: $option=DIR" >&2
            exit 2
            ;;
        *)
            echo "install.sh: unknown option $option; install.sh --help lists the options" >&2
            exit 2
            ;;
    esac
done
libdir=${libdir:-$prefix/lib}

target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
work=$target/install
rm -rf "$work"
mkdir -p "$work"

# One crate type per build: with several, cargo does no link-time optimisation.
build() {
    (cd "$root" && "${CARGO:-cargo}" rustc --lib --release --no-default-features --features tls \
        --target-dir "$target" --crate-type "$@")
}

build cdylib
cp "$target/release/libgearman.so" "$work/libgearman.so.8.0.0"

build staticlib -- --print native-static-libs 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
libs_private=$(sed -n 's/^note: native-static-libs: //p' "$work/log" | tail -n 1)

# The archive has one object in which only the names of symbols.txt are global. So a
# program can link it together with another archive that has Rust's standard library.
sed -e '/^#/d' -e '/^$/d' "$root/bindings/c/symbols.txt" >"$work/names"
sed 's/^/--undefined=/' "$work/names" >"$work/roots"
"${LD:-ld}" -r --force-group-allocation -o "$work/libgearman.o" "@$work/roots" \
    "$target/release/libgearman.a"
# The LLVM bitcode in Rust's objects is removed: a linker with a plugin for another LLVM
# would try to read it.
"${OBJCOPY:-objcopy}" --remove-section=.llvmbc --remove-section=.llvmcmd \
    --keep-global-symbols="$work/names" --strip-debug "$work/libgearman.o"
"${AR:-ar}" rcs "$work/libgearman.a" "$work/libgearman.o"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
sed -e "s|@prefix@|$prefix|" -e "s|@libdir@|$libdir|" -e "s|@version@|$version|" \
    -e "s|@libs_private@|$libs_private|" "$root/bindings/c/gearmand.pc.in" >"$work/gearmand.pc"

# put MODE DIRECTORY FILE...: installs files.
put() {
    mode=$1
    directory=$destdir$2
    shift 2
    mkdir -p "$directory"
    for file in "$@"; do
        # Replaced, not overwritten: a running program may have the old file mapped.
        rm -f "$directory/${file##*/}"
        cp "$file" "$directory/"
        chmod "$mode" "$directory/${file##*/}"
    done
}

put 755 "$libdir" "$work/libgearman.so.8.0.0"
ln -sf libgearman.so.8.0.0 "$destdir$libdir/libgearman.so.8"
ln -sf libgearman.so.8.0.0 "$destdir$libdir/libgearman.so"
put 644 "$libdir" "$work/libgearman.a"
put 644 "$libdir/pkgconfig" "$work/gearmand.pc"
# The name under which people look for the library.
ln -sf gearmand.pc "$destdir$libdir/pkgconfig/libgearman.pc"
put 644 "$prefix/include/libgearman" "$root"/include/libgearman/*.h
put 644 "$prefix/include/libgearman-1.0" "$root"/include/libgearman-1.0/*.h*
put 644 "$prefix/include/libgearman-1.0/interface" "$root"/include/libgearman-1.0/interface/*.h
