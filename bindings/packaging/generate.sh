#!/bin/sh
# Writes the files that packages make from the built programs and the headers:
#
#   generate.sh PROGRAMS OUTPUT VERSION
#
# PROGRAMS is the directory with gearmand, gearman and gearadmin. Below OUTPUT are then the manual
# pages (*.1, *.8, man3), the completions of three shells, the example of the configuration
# file, and the licences of what is linked. Run at the top of the source tree, with the crates
# fetched.
set -eu

[ $# -eq 3 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
programs=$1
output=$2
version=$3
here=bindings/packaging
# The order of lists must not depend on the language of who builds.
export LC_ALL=C

mkdir -p "$output/programs" "$output/library" "$output/man3"
"$programs/gearmand" --generate-man >"$output/gearmand.8"
"$programs/gearman" --generate-man >"$output/gearman.1"
"$programs/gearadmin" --generate-man >"$output/gearadmin.1"
perl "$here/man3.pl" include "$output/man3" "$version"

for shell in bash zsh fish; do
    mkdir -p "$output/completions/$shell"
    for program in gearman gearadmin gearmand; do
        case $shell in
            bash) file=$program ;;
            zsh) file=_$program ;;
            fish) file=$program.fish ;;
        esac
        "$programs/$program" --generate-completion "$shell" >"$output/completions/$shell/$file"
    done
done

"$programs/gearmand" --generate-config >"$output/gearmand.conf"
sh "$here/linked-crates.sh" >"$output/programs/linked-crates"
sh "$here/linked-crates.sh" --no-default-features --features tls >"$output/library/linked-crates"
