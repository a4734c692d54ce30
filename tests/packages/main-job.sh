#!/bin/sh
# Runs inside the chroot of tests/packages.sh, on a loopback of its own: starts the
# installed gearmand and a PHP worker, has PHP and the gearman tool submit jobs, and
# asks gearadmin. Prints each answer on a line. A program that is the first
# argument runs as one more client.
set -eu

here=$(dirname "$0")
pids=
end() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
}
trap end EXIT

# The process keeps its number on the way to gearmand.
setpriv --reuid=gearman --regid=gearman --init-groups \
    gearmand --listen=127.0.0.1 --log-file=/tmp/gearmand.log --pid-file=/tmp/gearmand.pid &
pids=$!
tries=0
until gearadmin --server-version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || { echo "gearmand does not answer" >&2; exit 1; }
    sleep 0.1
done

php "$here/worker.php" &
pids="$! $pids"
# A job waits for the first worker that can do it.
gearman -w -f shout -- tr a-z A-Z &
pids="$! $pids"

echo "php: $(php "$here/client.php" reverse 'Hello World!')"
echo "tool: $(printf 'Hello World!' | gearman -f reverse)"
echo "tool to tool: $(printf 'Hello World!' | gearman -f shout)"
if [ $# -gt 0 ]; then
    echo "compiled: $("$@")"
fi
echo "library: $(php "$here/client.php" library which)"
echo "status: $(gearadmin --status | awk '$1 == "reverse" { print $2, $3, $4 }')"
