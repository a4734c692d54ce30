#!/bin/sh
# Builds for arm64 on this machine, and runs what it can under emulation: the assertions about
# layouts, and the C programs on our library with our job server and with the original's.
#
#   tests/arm64.sh [--fresh] [FILTER...]
#
# Needs root, debootstrap, a network, a kernel from 6.7 on, and an hour. Everything is in a chroot
# of Debian trixie below target/arm64, which has the compilers, Rust from trixie-backports, the
# original 1.1.21 for arm64, and qemu; it is kept for the next run, and --fresh makes it again. FILTER
# names C programs [same_as_original with_own_server]. This machine's table of binary formats is
# not touched: the emulator is registered in a namespace, which ends with the tests.
set -eu

cd "$(dirname "$0")/.."
source=$PWD
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target/arm64"
work=$(cd "$target/arm64" && pwd)
root=$work/root
log=$work/log
crates=${CARGO_HOME:-$HOME/.cargo}
triple=aarch64-unknown-linux-gnu
fresh=no

case ${1:-} in
    --fresh)
        fresh=yes
        shift
        ;;
    --help)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*)
        echo "$0: unknown option $1 (see --help)" >&2
        exit 2
        ;;
esac
[ $# -gt 0 ] || set -- same_as_original with_own_server

# Text of a script: it mounts what the chroot needs in the namespaces that it runs in, and has
# enter COMMAND...: runs a command in the chroot.
# shellcheck disable=SC2016
enter='
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind "$source" "$root/source"
    mount --rbind "$crates" "$root/cargo"
    enter() {
        chroot "$root" env -i LC_ALL=C PATH=/cross:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            DEBIAN_FRONTEND=noninteractive CARGO_HOME=/cargo CARGO_TARGET_DIR=/target \
            CARGO_NET_OFFLINE=true GEARMAN_PROGRAM_SECONDS=600 LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC \
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc "$@"
    }
'

# as_amd64 COMMAND...: in the chroot, with the network.
as_amd64() {
    root=$root source=$source crates=$crates unshare --mount --pid --fork --kill-child \
        sh -euc "$enter"'enter "$@"' sh "$@" </dev/null
}

# as_arm64 COMMAND...: in the chroot, where programs for arm64 run.
as_arm64() {
    # P: the emulator is told the name that the program was called by.
    # shellcheck disable=SC2016
    root=$root source=$source crates=$crates unshare --user --map-root-user --mount --pid \
        --fork --kill-child sh -euc "$enter"'
            mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
            magic="\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00"
            mask="\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff"
            printf %s ":arm64:M::$magic:$mask:/usr/bin/qemu-aarch64:P" >/proc/sys/fs/binfmt_misc/register
            enter "$@"
        ' sh "$@" </dev/null
}

bootstrap() {
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
        'Origin: Debian' | head -n 1)
    [ -n "$mirror" ] || { echo "apt knows no mirror of Debian"; return 1; }
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    unshare --mount --pid --fork --kill-child \
        debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$mirror"
    mkdir -p "$root/source" "$root/cargo" "$root/target" "$root/cross"
    apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90here" || :
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    for suite in trixie trixie-backports; do
        echo "deb $mirror $suite main"
    done >"$root/etc/apt/sources.list"
    as_amd64 sh -ec '
        dpkg --add-architecture arm64
        apt-get update
        install="apt-get install --quiet --yes --no-install-recommends"
        $install --target-release=trixie-backports rustc cargo libstd-rust-dev:arm64
        $install gcc g++ gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user \
            libgearman-dev:arm64 gearman-job-server:arm64 libboost-context-dev:arm64
        apt-get clean
    '
    # The tests call compilers by these names.
    ln -s /usr/bin/aarch64-linux-gnu-gcc "$root/cross/gcc"
    ln -s /usr/bin/aarch64-linux-gnu-g++ "$root/cross/g++"
    : >"$work/is-complete"
}

[ "$(id -u)" -eq 0 ] || { echo "$0: only root can make a chroot" >&2; exit 1; }
[ "$fresh" = no ] || rm -f "$work/is-complete"
if [ ! -e "$work/is-complete" ]; then
    bootstrap >"$log" 2>&1 || { cat "$log"; exit 1; }
fi

"${CARGO:-cargo}" fetch --locked --quiet
# How names are looked up: some programs ask for a host that does not exist.
cp /etc/hosts /etc/resolv.conf "$root/etc/"
as_amd64 sh -ec "cd /source && cargo build --locked --target $triple --bins &&
    cargo test --locked --no-run --target $triple --workspace --test abi --test conformance"
as_arm64 sh -c 'cd /source && cargo test --locked --no-fail-fast --target "$0" --workspace \
    --test abi --test conformance -- --show-output layouts agree "$@"' "$triple" "$@"
