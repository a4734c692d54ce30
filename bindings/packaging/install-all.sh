#!/bin/sh
# Installs everything below a prefix: the programs, the library, its headers and pkg-config
# files, manual pages, completions, documents and examples.
#
#   install-all.sh [--prefix=DIR] [--libdir=DIR] [--destdir=DIR] [--programs=DIR]
#
#   --prefix=DIR    the directory to install below [/usr/local]
#   --libdir=DIR    the directory of the libraries [PREFIX/lib]
#   --destdir=DIR   a directory that is put before every installed path [none]
#   --programs=DIR  takes gearmand, gearman and gearadmin from there, and builds the library alone
#
# Programs and library are stripped. The environment variables CARGO and STRIP name the tools, and
# CARGO_TARGET_DIR the directory to build in [target].
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
prefix=/usr/local
libdir=
destdir=
programs=

for option in "$@"; do
    value=${option#*=}
    case $option in
        --prefix=*) prefix=$value ;;
        --libdir=*) libdir=$value ;;
        --destdir=*) destdir=$value ;;
        --programs=*) programs=$(cd "$value" && pwd) ;;
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
generated=$target/generated
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)

cd "$root"
if [ -z "$programs" ]; then
    # As .cargo/config.toml, which an archive of the sources may lack.
    LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC "${CARGO:-cargo}" build --release --locked --bins \
        --target-dir "$target"
    programs=$target/release
fi
rm -rf "$generated"
sh bindings/packaging/generate.sh "$programs" "$generated" "$version"
CARGO_TARGET_DIR=$target sh bindings/c/install.sh --prefix="$prefix" --libdir="$libdir" \
    --destdir="$destdir"

# put MODE DIRECTORY FILE...: installs files below the prefix.
put() {
    mode=$1
    directory=$destdir$prefix/$2
    shift 2
    mkdir -p "$directory"
    install -m "$mode" "$@" "$directory/"
}

put 755 bin "$programs/gearman" "$programs/gearadmin"
put 755 sbin "$programs/gearmand"
"${STRIP:-strip}" "$destdir$prefix/bin/gearman" "$destdir$prefix/bin/gearadmin" \
    "$destdir$prefix/sbin/gearmand"
"${STRIP:-strip}" --strip-unneeded "$destdir$libdir/libgearman.so.8.0.0"

put 644 share/man/man1 "$generated"/*.1
put 644 share/man/man3 "$generated"/man3/*.3
put 644 share/man/man8 "$generated"/*.8
put 644 share/bash-completion/completions "$generated"/completions/bash/*
put 644 share/zsh/site-functions "$generated"/completions/zsh/*
put 644 share/fish/vendor_completions.d "$generated"/completions/fish/*
documents=share/doc/gearman
put 644 $documents README.md CHANGELOG.md LICENSE "$generated/programs/linked-crates" src/docs/*.md
put 644 $documents/library "$generated/library/linked-crates"
put 644 $documents/examples bindings/c/examples/*.[ch] bindings/packaging/access-rules.example \
    bindings/packaging/monitoring/* "$generated/gearmand.conf"
