#!/bin/sh
# Builds the Debian packages and tests them in a fresh chroot of the distribution: they
# replace the distribution's packages, and those replace them again, while PHP programs
# keep running.
#
#   tests/packages.sh [--suite=NAME]... [--fresh] [--built]
#
# Needs root, debhelper, debootstrap, lintian and a network, and takes minutes.
# NAME is a Debian release, this machine's or a later one; without any it is this
# machine's. The chroot is built from the mirror that apt is set up with here, and what
# does not change of it is kept below target/packages for the next time; --fresh makes
# it anew. --built takes the packages that are in target/debs already. No service of
# this machine is touched: what runs in the chroot has a process tree, mounts and a
# loopback of its own, which end with it.
#
# tests/run.sh counts the line "test result: ..." and lists those "skipped: ...".
set -eu

cd "$(dirname "$0")/.."
here=$PWD/tests/packages
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target/packages"
target=$(cd "$target" && pwd)
work=$target/packages
debs=$target/debs
root=$work/root
log=$work/log
suites=
fresh=no
built=no

for option in "$@"; do
    case $option in
        --suite=*) suites="$suites ${option#*=}" ;;
        --fresh) fresh=yes ;;
        --built) built=yes ;;
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

. "$here/checks.sh"
skipped=0

# The last line, and how this ends.
finish() {
    outcome=ok
    [ "$failed" -eq 0 ] || outcome=FAILED
    echo "test result: $outcome. $passed passed; $failed failed; $skipped ignored"
    # A failure is worth a look inside.
    [ "$failed" -eq 0 ] || exit 1
    rm -rf --one-file-system "$root"
    exit 0
}

skip() {
    printf -- '---- packages stdout ----\nskipped: %s\n' "$*"
    skipped=$((skipped + 1))
}

# What runs in the chroot runs in namespaces that end with it: nothing stays mounted
# or running, however this script ends. `inside network` keeps this machine's
# network; `inside alone` has only a loopback interface. A time limit ends a command
# that waits for a job without a worker.
inside() {
    network=
    limit=900
    if [ "$1" = alone ]; then
        network=--net
        limit=180
    fi
    shift
    # shellcheck disable=SC2016,SC2086
    timeout --foreground --kill-after=5 "$limit" unshare --mount --pid --fork --kill-child $network sh -ec '
        [ -z "$1" ] || ip link set lo up
        mount -t proc proc "$0/proc"
        shift
        exec chroot "$0" "$@"
    ' "$root" "$network" env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

apt() {
    inside network apt-get --quiet --yes --no-install-recommends "$@"
}

need() {
    skip "$*"
    finish
}

[ "$(id -u)" -eq 0 ] || need "only root can make a chroot"
for tool in dpkg-buildpackage dh debootstrap lintian unshare ip apt-get gcc pkg-config; do
    command -v "$tool" >/dev/null || need "$tool is not installed"
done
unshare --mount --pid --fork true 2>/dev/null || need "namespaces cannot be made here"
rm -f "$work/null"
mknod "$work/null" c 1 3 2>/dev/null || need "device files cannot be made here"
rm "$work/null"
here_suite=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}") ||
    need "this is not a Debian system"

if [ "$built" = no ]; then
    must "one command builds the packages" bindings/packaging/build-debs.sh --output="$debs"
fi

# The tags left out are about uploads to Debian: who builds names the maintainer, and
# no report of a bug asked for the package. Lintian does not know that Rust's own
# checks are what fortified functions are for C.
check "lintian has nothing to say" lintian --fail-on error,warning,info --display-info \
    --allow-root --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog \
    --suppress-tags initial-upload-closes-no-bugs,hardening-no-fortify-functions \
    "$debs"/*.deb "$debs"/dbgsym/*.deb

for suite in ${suites:-$here_suite}; do
    echo "-- Debian $suite"
    . "$here/chroot.sh"
    . "$here/scenario.sh"
    . "$here/boot.sh"
done
finish
