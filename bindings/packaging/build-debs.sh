#!/bin/sh
# Builds the Debian packages of the library, the job server and the tools:
#
#   build-debs.sh [--output=DIR]
#
# The packages are written to target/debs, their debug symbols to target/debs/dbgsym.
#
#   apt-get install ./target/debs/*.deb
#
# replaces the distribution's packages. Building needs debhelper, and no root. The
# version is the one in Cargo.toml. Environment: DEBFULLNAME and DEBEMAIL name the
# maintainer, SOURCE_DATE_EPOCH is the time of all files, CARGO the path of cargo.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
output=

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
output=${output:-$target/debs}

for tool in dpkg-buildpackage dh; do
    command -v "$tool" >/dev/null || {
        echo "$0: $tool is missing: install dpkg-dev and debhelper" >&2
        exit 1
    }
done

mkdir -p "$target" "$output"
target=$(cd "$target" && pwd)
output=$(cd "$output" && pwd)
work=$target/packaging

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
# A pre-release comes before the release: 2.1.0~rc.1.
version=$(echo "$version" | tr - '~')
maintainer="${DEBFULLNAME:-Gearman packages} <${DEBEMAIL:-gearman@localhost}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
    git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md"
)}
export SOURCE_DATE_EPOCH

# debhelper needs debian/ at the top of the tree. File times are kept, so that cargo
# reuses earlier builds.
tree=$work/gearman
rm -rf "$tree" "$work"/*.deb "$work"/*.buildinfo "$work"/*.changes
mkdir -p "$tree"
(cd "$root" && tar -c --exclude=tests/fuzz/target -f - Cargo.toml Cargo.lock build.rs src include tests \
    bindings/c bindings/packaging README.md CHANGELOG.md LICENSE) | tar -x -C "$tree" -f -
cp -R "$here/debian" "$tree/debian"
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" --rfc-email)
sed -i "s|@maintainer@|$maintainer|; s|@version@|$version|; s|@date@|$date|" \
    "$tree/debian/control" "$tree/debian/gearman-job-server.NEWS"
cat >"$tree/debian/changelog" <<EOF
gearman ($version-1) unstable; urgency=medium

  * Packages of the version $version.

 -- $maintainer  $date
EOF

CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
CARGO_TARGET_DIR=$work/target
export CARGO_HOME CARGO_TARGET_DIR
[ ! -d "$HOME/.rustup" ] || export RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
# The only step that may use the network, for crates that are not fetched yet.
(cd "$tree" && "${CARGO:-cargo}" fetch --locked --quiet \
    --target "$(rustc --version --verbose | sed -n 's/^host: //p')")

(cd "$tree" && dpkg-buildpackage --build=binary --no-sign)

# Removes packages of older versions, which apt-get would find. Other files stay.
mkdir -p "$output/dbgsym"
for package in $(sed -n 's/^Package: //p' "$tree/debian/control"); do
    rm -f "$output/$package"_*.deb "$output/dbgsym/$package"-dbgsym_*.deb
done
mv "$work"/*-dbgsym_*.deb "$output/dbgsym/"
for deb in "$work"/*.deb; do
    mv "$deb" "$output/"
    echo "$output/${deb##*/}"
done
