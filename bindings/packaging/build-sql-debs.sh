#!/bin/sh
# Builds the Debian packages of the SQL functions:
#
#   build-sql-debs.sh [--output=DIR]
#
# mariadb-plugin-gearman and, for the newest PostgreSQL whose headers are installed,
# postgresql-VERSION-gearman are written to target/sql-debs. They are apart from the other
# packages, because each needs its database. Building needs make, pkg-config, dpkg-dev,
# libmariadb-dev and postgresql-server-dev-all, the library as pkg-config finds it (for example
# from bindings/c/install.sh, with PKG_CONFIG_PATH), and no root. The version is the one in
# Cargo.toml. Environment: DEBFULLNAME and DEBEMAIL name the maintainer, SOURCE_DATE_EPOCH is the
# time of all files.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
output=$target/sql-debs

for option in "$@"; do
    case $option in
        --output=*) output=${option#*=} ;;
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

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1 | tr - '~')
maintainer="${DEBFULLNAME:-Gearman packages} <${DEBEMAIL:-gearman@localhost}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
    git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md"
)}
export SOURCE_DATE_EPOCH
architecture=$(dpkg --print-architecture)

mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
# Built in a copy: the sources stay as they are.
mkdir "$work/bindings"
cp -R "$root/bindings/database" "$root/bindings/mysql" "$root/bindings/postgresql" \
    "$work/bindings"

# package NAME DEPENDENCY SUMMARY README: builds the package of the files below $work/NAME.
package() {
    tree=$work/$1
    documents=$tree/usr/share/doc/$1
    mkdir -p "$tree/DEBIAN" "$documents/examples"
    install -m 644 "$root/bindings/$4/README.md" "$documents/README.md"
    install -m 644 "$root/LICENSE" "$documents/copyright"
    install -m 644 "$root/bindings/$4"/examples/*.sql "$documents/examples"
    cat >"$tree/DEBIAN/control" <<EOC
Package: $1
Version: $version-1
Architecture: $architecture
Maintainer: $maintainer
Section: database
Priority: optional
Depends: $2, libgearman8 (>= $version), libc6
Homepage: https://gearman.org/
Description: $3
 Gearman hands work to other processes and other machines: a client submits a
 job, a job server queues it, a worker that knows the function does it.
 .
 With these functions, SQL submits jobs and gets their results.
EOC
    find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group --build "$tree" "$output" >/dev/null
    echo "$output/$1_$version-1_$architecture.deb"
}

name=mariadb-plugin-gearman
make -s -C "$work/bindings/mysql" install DESTDIR="$work/$name"
install -D -m 644 -t "$work/$name/usr/share/$name" "$root"/bindings/mysql/*install.sql
strip --strip-unneeded "$work/$name"/usr/lib/mysql/plugin/*.so
package "$name" mariadb-server "Gearman functions for MariaDB" mysql

pg_config=$(find /usr/lib/postgresql -path '*/bin/pg_config' 2>/dev/null | sort -V | tail -n 1)
if [ -z "$pg_config" ]; then
    echo "$0: no headers of PostgreSQL: install postgresql-server-dev-all" >&2
    exit 1
fi
postgresql=$("$pg_config" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
name=postgresql-$postgresql-gearman
make -s -C "$work/bindings/postgresql" install PG_CONFIG="$pg_config" with_llvm=no \
    DESTDIR="$work/$name" >/dev/null
strip --strip-unneeded "$work/$name/usr/lib/postgresql/$postgresql/lib/gearman.so"
package "$name" "postgresql-$postgresql" "Gearman functions for PostgreSQL" postgresql
