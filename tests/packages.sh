#!/bin/sh
# Builds the Debian packages and tests them in a fresh chroot of the distribution: they
# replace the distribution's packages, and are replaced by them again, while a PHP client and worker
# must keep working.
#
#   tests/packages.sh [--suite=NAME]... [--fresh] [--built]
#
# Needs root, debhelper, debootstrap, lintian and a network, and takes minutes.
# NAME is a Debian release, this machine's (the default) or a later one. The chroot is
# built from the mirror in this machine's apt configuration; its base is kept below
# target/packages for the next run, and --fresh builds it again. --built takes existing
# packages from target/debs. No service of this machine is touched: the chroot has its
# own process tree, mounts and loopback, which end with it.
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

# Prints the counts and ends with the exit code.
finish() {
    outcome=ok
    [ "$failed" -eq 0 ] || outcome=FAILED
    echo "test result: $outcome. $passed passed; $failed failed; $skipped ignored"
    # After a failure the chroot stays, to be inspected.
    [ "$failed" -eq 0 ] || exit 1
    rm -rf --one-file-system "$root"
    exit 0
}

skip() {
    printf -- '---- packages stdout ----\nskipped: %s\n' "$*"
    skipped=$((skipped + 1))
}

# inside network|alone COMMAND...: runs a command in the chroot, in namespaces that end
# with it: nothing stays mounted or running, however this script ends. `network` keeps this
# machine's network, `alone` has only a loopback. The time limit ends a job that no worker
# does.
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

# The suppressed tags are about uploads to Debian (maintainer's address, bug that asked for
# the package), about fortified functions of C, which Rust's own checks replace, and about
# machine code that looks like a misspelt word.
check "lintian reports nothing" lintian --fail-on error,warning,info --display-info \
    --allow-root --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog \
    --suppress-tags initial-upload-closes-no-bugs,hardening-no-fortify-functions \
    --suppress-tags spelling-error-in-binary \
    "$debs"/*.deb "$debs"/dbgsym/*.deb

for suite in ${suites:-$here_suite}; do
    echo "-- Debian $suite"
    . "$here/chroot.sh"
    . "$here/scenario.sh"
    . "$here/boot.sh"
done
finish
