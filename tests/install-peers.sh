#!/bin/sh
# Installs what the tests compare with and build with:
#
#   tests/install-peers.sh [--check]
#
# As root on a system with apt-get: Debian packages (the original Gearman, PHP with its
# extension, compilers, valgrind, Node, what building packages and Python modules takes).
# Below target/tools, as any user: clients from PyPI and npm, and with CI=true the cargo-c
# that the install test needs, which takes minutes to build.
#
# Says what is not installed at the end. --check only says that.
set -eu

cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target"

# The Debian packages of the peers.
peers='libgearman8 libgearman-dev gearman-job-server gearman-tools
    php8.2-cli php8.2-fpm php8.2-dev php8.2-gearman php8.2-gd php8.2-sqlite3 libfcgi-bin
    libgearman-client-perl gearman-server libperl-dev libboost-context-dev libsqlite3-dev
    python3-venv python3-dev
    gcc g++ clang binutils make pkg-config valgrind strace tmux curl
    mariadb-server libmariadb-dev postgresql postgresql-server-dev-all
    redis-server memcached libtokyocabinet9 prometheus supervisor'
# What building the packages and testing them takes.
packaging='debhelper debootstrap dpkg-dev iproute2 lintian rpm'
# Clients from PyPI, each with a virtual environment of its own, as two are called gearman
# there, and from npm. They are old and do not change: nothing newer is looked for. Behind a
# plus are the packages that a client runs with, in the place of those that it names.
python_clients='gearman3==0.2.1 pygearman==0.2.6 py3gearman==0.2.0 aiogear==0.2.6 gear==0.16.0
    nagios-gearman-plugin==0.1+nagiosplugin==1.4.0+pygearman==0.2.6'
node_clients='gearman@2.1.0 gearmanode@0.9.2 node-gearman@0.2.2'
# The version of cargo-c that goes with the oldest Rust this package builds with, and the
# library that building it needs.
cargo_c=0.10.24+cargo-0.98.0
cargo_c_needs=libssl-dev

check=no
for option in "$@"; do
    case $option in
        --check) check=yes ;;
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

has() {
    command -v "$1" >/dev/null 2>&1
}

may_install() {
    [ "$check" = no ] && has apt-get && [ "$(id -u)" -eq 0 ]
}

# The Debian packages that the tests use on this machine, as words.
wanted_packages() {
    # The lists are words.
    # shellcheck disable=SC2086
    echo $peers $packaging
    # Other packagings of Node have npm in them, and do not go with this one.
    has npm || echo nodejs npm
}

# Those of the packages that are not installed.
missing() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s ' "$package"
    done
}

# The process ids of all job servers, by name alone: nothing is done to them.
gearmands() {
    ps -e -o pid= -o comm= | awk '$2 == "gearmand" { print $1 }'
}

# Installs packages without starting the original's job server. The policy file is how
# Debian is told not to start services; an existing one decides.
apt_install() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM HUP
    fi
    before=$(gearmands)
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ||
        for package in "$@"; do
            # apt-get installs all or none: one package that this system does not have
            # must not cost the others.
            DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --no-install-recommends "$package" || :
        done
    if [ -n "$policy" ]; then
        rm -f "$policy"
        trap - EXIT INT TERM HUP
    fi
    for pid in $(gearmands); do
        case " $(echo "$before" | tr '\n' ' ') " in
            *" $pid "*) ;;
            *) echo "note: the installation started a gearmand, process $pid" ;;
        esac
    done
}

# debian_packages PACKAGE...: installs those that are missing.
debian_packages() {
    if ! has dpkg-query; then
        echo "not a Debian system: the tests use what they find"
        return
    fi
    lacking=$(missing "$@")
    if [ -n "$lacking" ] && may_install; then
        apt-get update
        # shellcheck disable=SC2086
        apt_install $lacking
        lacking=$(missing "$@")
    fi
    echo "Debian packages: ${lacking:+not installed: }${lacking:-all installed}"
}

clients_of_pypi() {
    for client in $python_clients; do
        home=$target/tools/${client%%==*}
        packages=$(echo "$client" | tr + ' ')
        alone=
        [ "$packages" = "$client" ] || alone=--no-deps
        if [ ! -e "$home/installed" ] && [ "$check" = no ] && has python3; then
            # The packages are words.
            # shellcheck disable=SC2086
            { python3 -m venv "$home" && "$home/bin/pip" install -q $alone $packages &&
                touch "$home/installed"; } || rm -rf "$home"
        fi
        [ -e "$home/installed" ] || echo "not installed: $client of PyPI"
    done
}

clients_of_npm() {
    # The tests name the directory of each package.
    modules=$target/tools/node/node_modules
    if [ ! -d "$modules/node-gearman" ] && [ "$check" = no ] && has npm; then
        # shellcheck disable=SC2086
        npm install --prefix "$target/tools/node" --ignore-scripts --no-audit --no-fund \
            --loglevel error $node_clients || :
    fi
    [ -d "$modules/node-gearman" ] || echo "not installed: $node_clients of npm"
}

cargo_c() {
    if PATH=$target/tools/bin:$PATH "$cargo" cinstall --version >/dev/null 2>&1; then
        return
    fi
    if [ "${CI:-}" = true ] && [ "$check" = no ]; then
        # Without optimisation and debug information it is built in less than half the time.
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 "$cargo" install cargo-c \
            --version "$cargo_c" --locked --debug --root "$target/tools" \
            --target-dir "$target/tools/build"
    else
        echo "not installed: cargo-c: cargo install cargo-c --version $cargo_c --locked"
    fi
}

if [ "${CI:-}" = true ]; then
    debian_packages $cargo_c_needs
fi
# Beside the packages, which wait for the network and the disk.
cargo_c &
building=$!
# shellcheck disable=SC2046
debian_packages $(wanted_packages)
clients_of_pypi
clients_of_npm
wait "$building"
