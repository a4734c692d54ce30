# Part of tests/packages.sh: lays out the chroot, with the distribution's Gearman, its
# PHP and what the scenario needs besides. Sets $library and $originals.

# The distribution's packages; `php-gearman` stands for its PHP's own version of it.
# The C library's headers are for this machine's compiler, which is not installed again.
wanted='libgearman-dev gearman-tools gearman-job-server gearman libgearman-doc
    php-cli php-gearman logrotate libc6-dev'
base=$work/base-$suite.tar
[ "$fresh" = no ] || rm -f "$base"

# The mirror that apt is set up with here, whatever form its sources have.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        "Codename: $here_suite" 'Component: main' | head -n 1
}

bootstrap() {
    mirror=$(mirror)
    if [ -z "$mirror" ]; then
        apt-get update
        mirror=$(mirror)
    fi
    [ -n "$mirror" ] || { echo "apt knows no source of $here_suite"; return 1; }
    # It mounts, too: in namespaces as well.
    unshare --mount --pid --fork --kill-child \
        debootstrap --variant=minbase "$suite" "$root" "$mirror"
    cp /etc/hosts "$root/etc/hosts"
    # How to reach the mirror, which includes a proxy if there is one.
    apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90here" || :
    # The chroot need not survive a power cut.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    # minbase images leave out documentation, which is checked here.
    rm -f "$root"/etc/dpkg/dpkg.cfg.d/docker*
    # Installing a package starts no service.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    apt update
    # shellcheck disable=SC2086
    apt install $wanted
    apt clean
    echo "$wanted" >"$root/wanted"
    tar -C "$root" -cf "$base.new" .
    mv "$base.new" "$base"
}

unpack() {
    tar -C "$root" -xf "$base" && [ "$(cat "$root/wanted")" = "$wanted" ] || return 1
    apt update
}

rm -rf --one-file-system "$root"
mkdir -p "$root"
if [ -f "$base" ] && ! unpack >"$log" 2>&1; then
    rm -rf --one-file-system "$root" "$base"
    mkdir -p "$root"
fi
if [ ! -f "$base" ]; then
    must "the chroot has the distribution's Gearman and PHP" bootstrap
fi

# The library's name since Debian's change to 64-bit times, or the one before.
library=libgearman8
[ -z "$(inside alone dpkg-query -W -f '${Version}' libgearman8t64 2>/dev/null)" ] ||
    library=libgearman8t64
originals="$library libgearman-dev gearman-tools gearman-job-server"
