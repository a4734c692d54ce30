#!/bin/sh
# Builds the RPM packages of the library, the job server and the tools in this source tree:
#
#   build-rpms.sh [--output=DIR] [--programs=DIR]
#
#   --output=DIR    where the packages are written [target/rpms]
#   --programs=DIR  takes gearmand, gearman and gearadmin from there, and builds the library alone
#
# Needs rpmbuild. The environment variable CARGO names the cargo to use, and CARGO_TARGET_DIR
# the directory to build in [target].
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
output=
programs=

for option in "$@"; do
    case $option in
        --output=*) output=${option#*=} ;;
        --programs=*) programs=$(cd "${option#*=}" && pwd) ;;
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
command -v rpmbuild >/dev/null || {
    echo "$0: rpmbuild is missing: install rpm-build, or rpm on Debian" >&2
    exit 1
}
mkdir -p "$target"
target=$(cd "$target" && pwd)
output=${output:-$target/rpms}
mkdir -p "$output"
output=$(cd "$output" && pwd)
export CARGO_TARGET_DIR="$target"

set -- --define "_topdir $target/rpmbuild" --define "_rpmdir $output"
[ -z "$programs" ] || set -- "$@" --define "programs $programs"
# A system whose own packages are no RPMs cannot tell what is installed.
rpm -q rpm >/dev/null 2>&1 || set -- "$@" --nodeps
rm -rf "$target/rpmbuild"
cd "$root"
rpmbuild -bb --build-in-place "$@" bindings/packaging/gearman.spec
rm -rf "$target/rpmbuild"
find "$output" -name '*.rpm'
