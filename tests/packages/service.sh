#!/bin/sh
# Runs inside the chroot of tests/packages.sh, on a loopback of its own: tests
# every action of the sysvinit script, and rotates the log with logrotate. Prints what is
# wrong, and fails.
set -eu

log=/var/log/gearman-job-server/gearmand.log
service=/etc/init.d/gearman-job-server

fail() {
    echo "$*" >&2
    exit 1
}

"$service" start || fail "it does not start"
pid=$(cat /run/gearman/gearmand.pid)
trap 'kill "$pid" 2>/dev/null || :' EXIT
[ "$(stat -c %U "/proc/$pid")" = gearman ] || fail "it runs as $(stat -c %U "/proc/$pid")"
"$service" status || fail "it has no status"
gearadmin --server-version || fail "it does not answer"

# SIGHUP makes a line in the log, the new one.
[ -s "$log" ] || echo start >>"$log"
chown gearman:gearman "$log"
logrotate --force /etc/logrotate.d/gearman-job-server || fail "logrotate fails"
[ -s "$log.1" ] || fail "the log was not rotated"
gearadmin --server-version || fail "it does not answer once its log was rotated"
tries=0
until [ -e "$log" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || fail "there is no new log"
    sleep 0.1
done

"$service" restart || fail "it does not restart"
[ "$(cat /run/gearman/gearmand.pid)" != "$pid" ] || fail "it is the same process after a restart"
pid=$(cat /run/gearman/gearmand.pid)
"$service" stop || fail "it does not stop"
! kill -0 "$pid" 2>/dev/null || fail "process $pid is still there"
