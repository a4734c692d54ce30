# Part of tests/packages.sh and of its scripts in the chroot: counts passed and failed
# checks. $log names the file for the output of the running check.

passed=0
failed=0

# check WHAT COMMAND...: the command must succeed; its output is shown if it does not. Never
# called in a condition: there a failing command would not end a function.
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

# must WHAT COMMAND...: the same for a step that all later ones need.
must() {
    check "$@"
    [ "$code" -eq 0 ] || finish
}

# until_true COMMAND...: repeats the command until it succeeds, for half a minute.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -le 300 ] || { echo "not within 30 seconds: $*"; return 1; }
        sleep 0.1
    done
}
