# Part of tests/packages.sh: boots systemd in the chroot, where the distribution's job
# server is installed again, and has booted.sh run there. systemd has process tree,
# mounts, network and control groups of its own, and all of them end with it.

apt_systemd() {
    apt install systemd systemd-sysv dbus
    apt clean
}

prepare_boot() {
    mkdir -p "$root/debs" "$root/job"
    cp "$debs"/*.deb "$root/debs/"
    cp "$here"/* "$root/job/"
    # Services may start here.
    rm -f "$root/usr/sbin/policy-rc.d"
    : >"$root/job/said"
    cat >"$root/etc/systemd/system/proof.service" <<'EOF'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=240
ExecStart=/bin/sh /job/booted.sh
StandardOutput=append:/job/said
StandardError=append:/job/said
ExecStopPost=/bin/systemctl poweroff --force --force
[Install]
WantedBy=multi-user.target
EOF
    inside alone systemctl enable proof.service
}

# A control group for the boot, below the one that this script runs in: the groups that
# systemd makes are in it, and no other process.
control_group() {
    mounted=$(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)
    [ -n "$mounted" ] || return 1
    group=$mounted$(sed -n 's/^0:://p' /proc/self/cgroup)/gearman-packages-$$
    mkdir "$group"
}

remove_control_group() {
    is_removed() {
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || :
        [ ! -e "$group" ]
    }
    until_true is_removed
}

# shellcheck disable=SC2016
boot() {
    timeout --kill-after=5 300 sh -c '
        echo $$ >"$1/cgroup.procs"
        exec unshare --mount --pid --fork --kill-child --net --ipc --uts --cgroup sh -eu -c "$2" "$0"
    ' "$root" "$group" '
        ip link set lo up
        mount --bind "$0" "$0"
        cd "$0"
        mount -t proc proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs tmpfs run
        mount -t tmpfs -o mode=755 tmpfs dev
        for device in null zero full random urandom tty; do
            : >"dev/$device"
            mount --bind "/dev/$device" "dev/$device"
        done
        mkdir dev/shm dev/pts
        mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        # Not chroot: user namespaces, which the hardened unit has, cannot be made there.
        pivot_root . mnt
        umount -l mnt
        exec env -i container=proof PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            /lib/systemd/systemd --unit=multi-user.target
    ' </dev/null >"$work/boot.log" 2>&1
}

must "systemd is installed beside them" apt_systemd
must "the service waits for systemd to start it" prepare_boot
if control_group 2>"$log"; then
    boot || :
    check "the control group of systemd is gone" remove_control_group
    if grep -qx 'systemd has booted' "$root/job/said"; then
        cat "$root/job/said"
        passed=$((passed + $(grep -c '^ok: ' "$root/job/said" || :)))
        failed=$((failed + $(grep -c '^FAILED: ' "$root/job/said" || :)))
        check "the script in the booted chroot ran to its end" grep -qx 'that was all' "$root/job/said"
    else
        skip "systemd does not boot in a chroot here: $(tail -n 3 "$work/boot.log")"
    fi
else
    skip "there are no control groups for a systemd here: $(cat "$log")"
fi
