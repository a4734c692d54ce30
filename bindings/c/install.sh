#!/bin/sh
# Builds the C library and installs it: libgearman.so.8.0.0 with its links,
# libgearman.a, the headers and gearmand.pc.
#
#   install.sh [--prefix=DIR] [--libdir=DIR] [--destdir=DIR]
#
# The environment's PREFIX, LIBDIR and DESTDIR mean the same. The defaults are
# /usr/local, PREFIX/lib and nothing. DESTDIR is put before every path but
# appears in no file. CARGO, LD, OBJCOPY and AR name the tools.
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
            sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *)
            echo "$0: unknown option $option (see --help)" >&2
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

# One crate type at a time: cargo leaves out link-time optimisation otherwise.
build() {
    (cd "$root" && "${CARGO:-cargo}" rustc --lib --release --no-default-features \
        --target-dir "$target" --crate-type "$@")
}

build cdylib
cp "$target/release/libgearman.so" "$work/libgearman.so.8.0.0"

build staticlib -- --print native-static-libs 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
libs_private=$(sed -n 's/^note: native-static-libs: //p' "$work/log" | tail -n 1)

# The archive is a single object in which only the ledger's names are global:
# another archive that holds Rust's standard library does not clash with it.
sed -e '/^#/d' -e '/^$/d' "$root/bindings/c/symbols.txt" >"$work/names"
sed 's/^/--undefined=/' "$work/names" >"$work/roots"
"${LD:-ld}" -r --force-group-allocation -o "$work/libgearman.o" "@$work/roots" \
    "$target/release/libgearman.a"
# Rust's own objects carry LLVM bitcode, for which a linker that has a plugin for
# another LLVM would take the whole archive.
"${OBJCOPY:-objcopy}" --remove-section=.llvmbc --remove-section=.llvmcmd \
    --keep-global-symbols="$work/names" --strip-debug "$work/libgearman.o"
"${AR:-ar}" rcs "$work/libgearman.a" "$work/libgearman.o"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
sed -e "s|@prefix@|$prefix|" -e "s|@libdir@|$libdir|" -e "s|@version@|$version|" \
    -e "s|@libs_private@|$libs_private|" "$root/bindings/c/gearmand.pc.in" >"$work/gearmand.pc"

# put MODE DIRECTORY FILE...
put() {
    mode=$1
    directory=$destdir$2
    shift 2
    mkdir -p "$directory"
    for file in "$@"; do
        # A running program may have the old file mapped: replace, do not overwrite.
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
put 644 "$prefix/include/libgearman" "$root"/include/libgearman/*.h
put 644 "$prefix/include/libgearman-1.0" "$root"/include/libgearman-1.0/*.h*
put 644 "$prefix/include/libgearman-1.0/interface" "$root"/include/libgearman-1.0/interface/*.h
