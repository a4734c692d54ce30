#!/bin/sh
# Runs inside the chroot of tests/packages.sh when systemd has booted there, with the
# distribution's job server running: replaces it by the debs in /debs and tests
# every operation of the unit. Prints lines as checks.sh does, between two of its own.
set -eu

cd "$(dirname "$0")"
log=/job/booted.check
. ./checks.sh

unit=gearman-job-server
default=/etc/default/$unit
drop_ins=/etc/systemd/system/$unit.service.d
drop_in=$drop_ins/hardening.conf
own_version=$(dpkg-deb -f /debs/gearman-job-server_*.deb Version)

finish() {
    [ "$failed" -eq 0 ] || systemctl status --no-pager --lines=20 "$unit" || :
    echo "that was all"
    exit
}

is_active() {
    [ "$(systemctl is-active "$unit")" = active ]
}

answers_as() {
    gearadmin --server-version | grep -F "$1"
}

main_pid() {
    systemctl show --property=MainPID --value "$unit"
}

# One process: the one that systemd has started, of our binary, with the right user.
runs() {
    is_active
    tr '\0' ' ' <"/proc/$(main_pid)/cmdline" | grep -v -e --daemon-child
    [ "$(readlink "/proc/$(main_pid)/exe")" = /usr/sbin/gearmand ]
    [ "$(stat -c %U "/proc/$(main_pid)")" = gearman ]
    [ "$(cat /run/gearman/gearmand.pid)" = "$(main_pid)" ]
    answers_as "${own_version%-*}"
}

does_jobs() {
    gearman -w -f shout -- tr a-z A-Z &
    worker=$!
    said=$(printf hello | gearman -f shout)
    kill "$worker"
    [ "$said" = HELLO ]
}

is_well_formed() {
    found=$(systemd-analyze --man=no verify "$unit.service" 2>&1) || :
    echo "$found"
    [ -z "$found" ]
}

reloads() {
    before=$(main_pid)
    systemctl reload "$unit"
    runs
    [ "$(main_pid)" = "$before" ]
}

comes_back() {
    before=$(main_pid)
    kill -KILL "$before"
    # The process first: between two calls systemd may notice the end of the old one,
    # whose number is 0 from then on.
    is_another() {
        now=$(main_pid)
        [ "$now" != 0 ] && [ "$now" != "$before" ] && is_active
    }
    until_true is_another
    runs
}

# An upgrade that would not start leaves the running server alone, and says what to do.
is_refused() {
    before=$(main_pid)
    cp "$default" /job/default
    for options in '-q no-such-queue' --no-such-option; do
        echo "PARAMS=\"--listen=localhost $options\"" >"$default"
        if dpkg --install /debs/*.deb >/job/refused.out 2>&1 </dev/null; then
            echo "installed with $options"
            return 1
        fi
        cat /job/refused.out
        grep -q -e "${options##* }" /job/refused.out
        grep -q 'the old one was not stopped' /job/refused.out
        is_active
        [ "$(main_pid)" = "$before" ]
        gearadmin --status
    done
    cp /job/default "$default"
    dpkg --configure -a
    [ "$(main_pid)" != "$before" ]
}

# The log says who did what, and what is set is kept.
keeps_what_administrators_do() {
    gearadmin --create-function kept --maxqueue kept 7
    grep 'maxqueue kept 7 -> OK' /var/log/gearman-job-server/gearmand.log
    systemctl restart "$unit"
    runs
    gearadmin --json --status | grep '"function":"kept".*"limits":\[7,7,7\]'
    gearadmin --drop-function kept
}

runs_as_a_daemon() {
    echo 'PARAMS="--listen=localhost --daemon"' >"$default"
    systemctl restart "$unit"
    runs
}

# Options that packages of the original and guides to it have published, each after an upgrade.
takes_published_options() {
    log_file=/var/log/gearman-job-server/gearmand.log
    for options in \
        "--listen=localhost" \
        "--listen=localhost --daemon --log-file=$log_file" \
        "--listen=127.0.0.1 -d -l $log_file" \
        "--listen=0.0.0.0 --port=4730 --threads=4 --verbose=INFO" \
        "-L localhost -p 4730 -t 4 -R -w 1 -j 3 -b 64 -v" \
        "--listen=localhost --job-retries=1 --round-robin --worker-wakeup=1 --syslog" \
        "--listen=localhost --queue-type=builtin --file-descriptors=1024" \
        "--listen=localhost -q libsqlite3 --libsqlite3-db=/var/lib/gearman/published.db" \
        "--listen=localhost --protocol=http --http-port=8080"; do
        echo "$options"
        echo "PARAMS=\"$options\"" >"$default"
        dpkg --install /debs/gearman-job-server_*.deb </dev/null
        runs
        does_jobs
    done
}

# systemd ends a server that hangs, and starts another.
is_watched() {
    install -d "$drop_ins"
    printf '[Service]\nWatchdogSec=2s\n' >"$drop_ins/watchdog.conf"
    systemctl daemon-reload
    systemctl restart "$unit"
    runs
    before=$(main_pid)
    kill -STOP "$before"
    is_another() {
        now=$(main_pid)
        [ "$now" != 0 ] && [ "$now" != "$before" ] && is_active
    }
    until_true is_another
    rm "$drop_ins/watchdog.conf"
    systemctl daemon-reload
    systemctl restart "$unit"
    runs
}

is_started_by_its_socket() {
    printf '[Socket]\nListenStream=127.0.0.1:4799\n' >/etc/systemd/system/$unit.socket
    systemctl daemon-reload
    systemctl stop "$unit"
    systemctl start "$unit.socket"
    ! is_active
    gearadmin -p 4799 --server-version | grep -F "${own_version%-*}"
    is_active
    systemctl stop "$unit.socket" "$unit"
    rm /etc/systemd/system/$unit.socket
    systemctl daemon-reload
    systemctl start "$unit"
    runs
}

# A stop under drain.conf waits for a job that takes three times as long as TimeoutStopSec.
drains() {
    install -D -m 644 "/usr/share/doc/$unit/examples/drain.conf" "$drop_ins/drain.conf"
    printf '[Service]\nTimeoutStopSec=2s\n' >"$drop_ins/timeout.conf"
    systemctl daemon-reload
    systemctl restart "$unit"
    runs
    gearman -w -c 1 -f slow -- sh -c 'sleep 6; echo finished' &
    worker=$!
    gearman -f slow 'a job' >/job/slow.out &
    client=$!
    is_running() { gearadmin --status | grep -P '^slow\t1\t1\t1$'; }
    until_true is_running
    systemctl stop --no-block "$unit"
    is_shown() { systemctl show --property=StatusText --value "$unit" | grep 'Draining: 1 jobs left'; }
    until_true is_shown
    wait "$client"
    [ "$(cat /job/slow.out)" = finished ]
    wait "$worker"
    has_ended() { [ "$(systemctl show --property=ActiveState,Result --value "$unit" | xargs)" = "success inactive" ]; }
    until_true has_ended
    rm "$drop_ins/drain.conf" "$drop_ins/timeout.conf"
    systemctl daemon-reload
    systemctl start "$unit"
    runs
}

runs_hardened() {
    install -D -m 644 "/usr/share/doc/$unit/examples/hardening.conf" "$drop_in"
    systemctl daemon-reload
    systemctl restart "$unit"
    runs
    does_jobs
}

# The options of a new installation, under the restrictions of the drop-in.
keeps_jobs() {
    install -m 644 "/usr/share/$unit/default" "$default"
    systemctl restart "$unit"
    runs
    gearadmin --queue-info | grep '"type":"libsqlite3"'
    gearman -b -f later 'a job'
    kill -KILL "$(main_pid)"
    is_there() { gearadmin --status | grep -P '^later\t1\t0\t0$'; }
    until_true is_there
}

stops() {
    systemctl stop "$unit"
    [ "$(systemctl show --property=ActiveState,Result --value "$unit" | xargs)" = "success inactive" ]
    [ ! -e /run/gearman ]
}

is_purged() {
    systemctl start "$unit"
    runs
    pid=$(main_pid)
    # The metapackage depends on it.
    dpkg --purge gearman "$unit"
    [ ! -e "/proc/$pid" ]
    [ "$(systemctl show --property=LoadState --value "$unit")" != loaded ]
}

echo "systemd has booted"
check "the distribution's service runs" is_active
check "an upgrade with options that the new server refuses stops nothing" is_refused
must "the packages are installed while it runs" sh -c 'dpkg --install /debs/*.deb </dev/null'
check "our service runs, with the distribution's options" runs
check "jobs are done" does_jobs
check "systemd finds nothing wrong in the unit" is_well_formed
check "the service reloads" reloads
check "the log names commands, and what they set survives a restart" keeps_what_administrators_do
check "systemd restarts the service after a kill" comes_back
check "the service does not detach with --daemon" runs_as_a_daemon
check "systemd replaces a server that hangs" is_watched
check "systemd starts the service for its socket" is_started_by_its_socket
check "a stop waits for a drain" drains
check "upgrades with published options leave a running service" takes_published_options
check "the service runs hardened" runs_hardened
check "the hardened service has an exposure of at most 1.5 of 10" systemd-analyze security --threshold=15 "$unit"
check "the hardened service keeps a background job when it is killed" keeps_jobs
check "the service stops" stops
check "purging the package stops the service" is_purged
finish
