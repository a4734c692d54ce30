# Part of tests/packages.sh: the steps with the packages in the chroot, and the checks
# after each.

ours='libgearman8 libgearman-dev gearman-tools gearman-job-server'
default=etc/default/gearman-job-server
logs=var/log/gearman-job-server

version() {
    inside alone dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null | sed -n 's/^ii //p'
}

# The path of the deb of a file.
deb() {
    echo "$debs/$1"_*.deb
}

multiarch=$(gcc -print-multiarch)
own_version=$(dpkg-deb -f $(deb libgearman8) Version)
# PHP's extension goes by the name of its PHP's version: php8.2-gearman.
extension=$(inside alone dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 'php[0-9]*-gearman' |
    sed -n 's/^ii //p')
# What stays the distribution's, as apt takes it: NAME=VERSION.
others=
for package in "$extension" gearman libgearman-doc; do
    others="$others $package=$(version "$package")"
done
originals_by_version=
for package in $originals; do
    originals_by_version="$originals_by_version $package=$(version "$package")"
done

server_by_version="$library=$(version "$library") gearman-job-server=$(version gearman-job-server)"

# --- Steps

install_ours() {
    mkdir -p "$root/debs"
    cp "$debs"/*.deb "$root/debs/"
    inside network sh -c 'apt-get --quiet --yes --no-install-recommends install /debs/*.deb' \
        >"$work/installed" 2>&1 || { cat "$work/installed"; return 1; }
}

# The options of the command that the documents give for the way back.
way_back=$(sed -n 's/^sudo apt-get install \(.*--allow-downgrades\) .*/\1/p' src/docs/operating.md)

# install_originals PACKAGE...: that command, with these packages.
install_originals() {
    [ -n "$way_back" ] || { echo "operating.md has no command for the way back"; return 1; }
    # shellcheck disable=SC2086
    inside network apt-get --quiet --yes install $way_back "$@"
}

# The main job: a client's job is done by a worker.
main_job() {
    mkdir -p "$root/job"
    cp "$here"/* "$root/job/"
    inside alone sh /job/main-job.sh "$@" >"$work/said"
    cat >"$work/wanted" <<EOF
php: !dlroW olleH
tool: !dlroW olleH
tool to tool: HELLO WORLD!
${1:+compiled: !dlroW olleH
}library: /usr/lib/$multiarch/libgearman.so.8.0.0
status: 0 0 1
EOF
    diff -u "$work/wanted" "$work/said"
}

# php_at_work WHAT ARGUMENT... : checks that job with our library, and lets
# tests/consumers.awk count it.
php_at_work() {
    what=$1
    shift
    check "$what" main_job "$@"
    echo "consumer: $extension of Debian $suite | from the packages, in the place of Debian's |" \
        "\`tests/packages.sh\` | $((code == 0))/1"
}

# --- Checks

are_newer() {
    for package in $ours; do
        original=$package
        [ "$package" != libgearman8 ] || original=$library
        dpkg --compare-versions "$own_version" gt "$(version "$original")" || return 1
    done
}

are_installed() {
    for package in "$@"; do
        found=$(version "${package%=*}")
        wanted_version=$own_version
        case $package in *=*) wanted_version=${package#*=} ;; esac
        [ -n "$found" ] && [ "$found" = "$wanted_version" ] ||
            { echo "$package: found version '$found'"; return 1; }
    done
}

# The names of all packages that are installed.
all_packages() {
    inside alone dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^ii //p'
}

no_package_was_added() {
    all_packages | diff -u "$work/packages" -
}

# The original's job server recommends memcached.
only_wanted_packages_came() {
    are_installed $server_by_version
    for package in libgearman-dev gearman-tools memcached; do
        [ -z "$(version "$package")" ] || { echo "$package is installed"; return 1; }
    done
}

# Every dependency is met, every file as it was packed.
all_is_well() {
    apt check
    [ -z "$(inside alone dpkg --audit)" ]
    # Documentation that dpkg was told to leave out is no difference.
    # shellcheck disable=SC2086
    [ -z "$(inside alone dpkg --verify "$@" | grep -v "/$default\$")" ]
}

# The files of packages, by their one name: /lib is a link to /usr/lib.
files_of() {
    inside alone dpkg -L "$@" | sed -e 's#^/lib/#/usr/lib/#' -e '/^$/d' | sort -u |
        while read -r path; do
            [ -d "$root$path" ] || echo "${path#/}"
        done
}

record_originals() {
    # shellcheck disable=SC2086
    files_of $originals >"$work/original-files"
    (cd "$root" && xargs -d '\n' md5sum <"$work/original-files" >"$work/original-sums")
    [ -s "$work/original-sums" ]
}

# A path of theirs is gone, or a package of ours has a file of its own there. The
# administrator's configuration is neither's.
no_original_is_left() {
    left=0
    # shellcheck disable=SC2086
    files_of $ours >"$work/own-files"
    (cd "$root" && md5sum -c "$work/original-sums" 2>/dev/null) | sed -n 's/: OK$//p' >"$work/same"
    while read -r path; do
        [ "$path" != "$default" ] || continue
        [ -e "$root/$path" ] || [ -L "$root/$path" ] || continue
        if ! grep -qxF "$path" "$work/own-files" || grep -qxF "$path" "$work/same"; then
            echo "$path is left"
            left=1
        fi
    done <"$work/original-files"
    return "$left"
}

# The same the other way round, where the files' contents tell nothing new.
nothing_of_ours_is_left() {
    left=0
    while read -r path; do
        if [ -e "$root/$path" ] && ! grep -qxF "$path" "$work/original-files"; then
            echo "$path is left"
            left=1
        fi
    done <"$work/own-files"
    return "$left"
}

no_file_is_left() {
    left=0
    while read -r path; do
        [ ! -e "$root/$path" ] || { echo "$path is left"; left=1; }
    done <"$work/own-files"
    return "$left"
}

linker_finds_ours() {
    found=$(inside alone ldconfig -p | sed -n 's/.*libgearman\.so\.8 .*=> //p')
    [ "$(echo "$found" | wc -l)" -eq 1 ] || { echo "found: $found"; return 1; }
    dpkg-deb --fsys-tarfile $(deb libgearman8) |
        tar -xO "./usr/lib/$multiarch/libgearman.so.8.0.0" |
        cmp - "$root/usr/lib/$multiarch/libgearman.so.8.0.0"
}

compiles() {
    flags=$(PKG_CONFIG_SYSROOT_DIR="$root" \
        PKG_CONFIG_LIBDIR="$root/usr/lib/$multiarch/pkgconfig" pkg-config --cflags --libs gearmand)
    # shellcheck disable=SC2086
    gcc --sysroot="$root" -o "$root/job/client" \
        "$root/usr/share/doc/libgearman-dev/examples/reverse_client.c" $flags
}

# The deliberate defects of the simulated cluster are a build of their own
# (src/broker/defects.rs), which says so of itself.
nothing_for_tests_is_shipped() {
    # shellcheck disable=SC2086
    for file in $(files_of $ours); do
        ! grep -q 'built with deliberate defects' "$root/$file" || { echo "$file"; return 1; }
    done
    for file in usr/sbin/gearmand usr/bin/gearman usr/bin/gearadmin; do
        [ -x "$root/$file" ] || { echo "$file is not there"; return 1; }
    done
}

# The shells find the completions of gearmand, and the example is a valid file.
completions_and_example_of_gearmand_are_installed() {
    for file in usr/share/bash-completion/completions/gearmand \
        usr/share/zsh/vendor-completions/_gearmand \
        usr/share/fish/vendor_completions.d/gearmand.fish; do
        grep -q -e generate-config "$root/$file" || { echo "$file is missing or wrong"; return 1; }
    done
    example=/usr/share/doc/gearman-job-server/examples/gearmand.conf
    inside alone gearmand --config-file="$example" --check-args
}

monitoring_is_installed() {
    for file in gearman-alerts.yml gearman-dashboard.json; do
        cmp "bindings/packaging/monitoring/$file" \
            "$root/usr/share/doc/gearman-job-server/examples/$file"
    done
}

# The installation explains that option, and so does apt-listchanges.
zero_retries_are_explained() {
    grep "^gearman-job-server: /$default has --job-retries=0" "$work/installed"
    zgrep -- '--job-retries=0' "$root/usr/share/doc/gearman-job-server/NEWS.Debian.gz"
}

# Each document, with its links to the others.
documents_are_there() {
    for package in gearman-job-server libgearman-dev; do
        for document in operating tuning protocol compatibility benchmarks c php; do
            [ -s "$root/usr/share/doc/$package/$document.md" ] ||
                { echo "$document.md of $package is not there"; return 1; }
        done
    done
}

# What an administrator changed, and what the server left behind.
leave_traces() {
    echo '# The administrator was here.' >>"$root/$default"
    # shellcheck disable=SC2016
    echo 'PARAMS="$PARAMS --job-retries=0"' >>"$root/$default"
    chmod 640 "$root/$default"
    echo 'an old line' >"$root/$logs/old"
    traces >"$work/traces"
}

traces() {
    inside alone getent passwd gearman
    (cd "$root" && stat -c '%n %a %u %g' "$default" "$logs" var/lib/gearman &&
        cat "$default" "$logs/old")
}

traces_are_kept() {
    traces | diff -u "$work/traces" -
}

# A fresh installation has made what the service needs.
is_set_up() {
    cmp "$root/usr/share/gearman-job-server/default" "$root/$default"
    [ "$(inside alone stat -c '%U %a' /var/lib/gearman/queue)" = 'gearman 700' ]
    [ "$(cd "$root" && inside alone stat -c %U "/$logs" /var/lib/gearman | uniq)" = gearman ]
}

purge_all() {
    apt --auto-remove purge "$@"
}

nothing_remembers() {
    for path in "$default" "$logs" var/lib/gearman etc/init.d/gearman-job-server \
        etc/logrotate.d/gearman-job-server; do
        [ ! -e "$root/$path" ] || { echo "$path is left"; return 1; }
    done
    [ -z "$(find "$root/etc/systemd/system" "$root"/etc/rc?.d -name 'gearman*' -o -name '*gearman-job-server')" ]
}

# --- Ours replace the distribution's

must "the versions are above the distribution's" are_newer
must "the distribution's files are recorded" record_originals
must "PHP's job is done with the distribution's" main_job
all_packages >"$work/packages"
leave_traces
must "apt-get puts ours in their place" install_ours
check "all of them are installed" are_installed $ours
check "PHP's extension and whatever else depends on them stay" are_installed $others
check "dependencies are met and files are whole" all_is_well $ours
check "the meaning of --job-retries=0 is explained" zero_retries_are_explained
check "the documents are installed" documents_are_there
check "no file of the distribution's is left" no_original_is_left
check "what ships has no test switch" nothing_for_tests_is_shipped
check "gearmand's completions and example are installed and valid" \
    completions_and_example_of_gearmand_are_installed
check "alerts and dashboard are installed, to be copied" monitoring_is_installed
check "the loader finds our library, and no other" linker_finds_ours
check "options, user, log and queue directory are kept" traces_are_kept
must "a C program compiles against the headers" compiles
php_at_work "PHP's job is done, and the tools' and the C program's" /job/client -h 127.0.0.1
check "the service starts, reloads, rotates its log and stops" inside alone sh /job/service.sh
check "the upgrade kept the queue in memory" inside alone sh /job/queue.sh builtin

# --- The distribution's replace ours

must "apt-get puts the distribution's in the place of ours, as documented" \
    install_originals $originals_by_version
check "all of the distribution's are installed" are_installed $originals_by_version
check "and no package that was not there before" no_package_was_added
check "dependencies are met and files are whole again" all_is_well $originals
check "no file of ours is left" nothing_of_ours_is_left
check "options, user, log and queue directory are still kept" traces_are_kept
check "PHP's job is done with the distribution's again" main_job

# --- A fresh installation

must "all packages are purged" purge_all $originals
must "ours are installed without the distribution's" install_ours
check "user, options and directories are there" is_set_up
check "a background job survives a restart of the service" inside alone sh /job/queue.sh libsqlite3
must "apt-get installs PHP's extension beside them" apt install php-gearman
check "and keeps ours" are_installed $ours
php_at_work "PHP's job is done, and the tools'"
must "apt-get asks nothing on the way to the distribution's job server alone" \
    install_originals $server_by_version libgearman-dev- gearman-tools-
check "that is installed with its library, and nothing else" only_wanted_packages_came

# --- Purging

must "apt-get puts ours in their place once more" install_ours
must "apt-get purges ours" purge_all $ours
check "no file is left" no_file_is_left
check "nothing else that was made is left" nothing_remembers
must "apt-get installs the distribution's" apt install $wanted
check "all of the distribution's are back" are_installed $originals_by_version
check "PHP's job is done with them" main_job
