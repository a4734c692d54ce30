#!/bin/sh
# Builds the release archive, gearman-VERSION-SYSTEM.tar.gz: programs, library, headers, pkg-config
# files, manual pages, completions and documents, in a directory that can be put anywhere.
#
#   build-archive.sh [--output=DIR] [--programs=DIR]
#
#   --output=DIR    where the archive is written [target/archive]
#   --programs=DIR  takes gearmand, gearman and gearadmin from there, and builds the library with
#                   the flags of the environment
#
# The same sources, crates and tools give the same bytes, in whatever directory and whenever: all
# files have the time SOURCE_DATE_EPOCH, which without that variable is that of the last commit.
# CARGO names the cargo to use, CARGO_TARGET_DIR the directory to build in [target].
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
output=
programs=

for option in "$@"; do
    case $option in
        --output=*) output=${option#*=} ;;
        --programs=*) programs=$option ;;
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
output=${output:-$target/archive}
mkdir -p "$target" "$output"
target=$(cd "$target" && pwd)
output=$(cd "$output" && pwd)

export CARGO_TARGET_DIR="$target" LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
    git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md"
)}
# No path of this machine is in what is built. The last rule that fits a path is taken.
if [ -z "$programs" ]; then
    crates=${CARGO_HOME:-$HOME/.cargo}
    export SOURCE_DATE_EPOCH
    export RUSTFLAGS="--remap-path-prefix=$crates=/usr/share/cargo --remap-path-prefix=$root=. \
--remap-path-prefix=$target=target"
    export CFLAGS="-ffile-prefix-map=$crates=/usr/share/cargo -ffile-prefix-map=$root=. \
-ffile-prefix-map=$target=target"
fi

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
system=$(rustc --version --verbose | sed -n 's/^host: //p')
name=gearman-$version-$system
stage=$target/stage
rm -rf "$stage"
# The value is one word, or none.
# shellcheck disable=SC2086
sh "$here/install-all.sh" --prefix=/ --libdir=/lib --destdir="$stage/$name" $programs
# pkg-config finds the rest from where its file is.
sed -i -e 's|^prefix=.*|prefix=${pcfiledir}/../..|' -e 's|^libdir=.*|libdir=${prefix}/lib|' \
    "$stage/$name/lib/pkgconfig/gearmand.pc"

tar -C "$stage" --create --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --mode=go=u,go-w \
    --owner=0 --group=0 --numeric-owner --file="$stage/$name.tar" "$name"
gzip --no-name --best <"$stage/$name.tar" >"$output/$name.tar.gz"
rm -rf "$stage"
echo "$output/$name.tar.gz"
