#!/bin/sh
# Runs inside the chroot of tests/packages.sh, on a loopback of its own: the service has the
# queue that is named, and keeps a background job over a restart if that queue is a file.
# Prints what is wrong, and fails.
#
#   queue.sh libsqlite3|builtin
set -eu

service=/etc/init.d/gearman-job-server

fail() {
    echo "$*" >&2
    exit 1
}

"$service" start || fail "it does not start"
trap '"$service" stop' EXIT
gearadmin --queue-info | grep -q "\"type\":\"$1\"" || fail "$(gearadmin --queue-info)"
[ "$1" = libsqlite3 ] || exit 0

jobs() {
    gearadmin --status | awk '$1 == "later" { print $2 }'
}

gearman -b -f later 'a job' || fail "the job is not accepted"
[ "$(stat -c '%U %a' /var/lib/gearman/queue/queue.db)" = 'gearman 600' ] ||
    fail "$(ls -l /var/lib/gearman/queue)"
"$service" restart || fail "it does not restart"
tries=0
until [ "$(jobs)" = 1 ]; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || fail "after the restart: $(gearadmin --status)"
    sleep 0.1
done
[ "$(gearman -w -c 1 -f later -- cat)" = '' ] || fail "the worker prints something"
[ "$(jobs)" = 0 ] || fail "after the work: $(gearadmin --status)"
