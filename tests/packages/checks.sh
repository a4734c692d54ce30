# Part of tests/packages.sh, and of what it runs in the chroot: counts what held and
# what did not. The file that $log names is for the output of the check that runs.

passed=0
failed=0

# check WHAT COMMAND... : the command must succeed, and its output matters if not. Not
# to be made a condition: then no failure inside a function would end it.
check() {
    what=$1
    shift
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1
    code=$?
    set -e
    if [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$log"
    fi
}

# The same for what everything after it stands on.
must() {
    check "$@"
    [ "$code" -eq 0 ] || finish
}

# until_true COMMAND... : within half a minute.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -le 300 ] || { echo "not within 30 seconds: $*"; return 1; }
        sleep 0.1
    done
}
