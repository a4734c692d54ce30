#!/bin/sh
# Prints the crates that are linked into what this project builds, each with the
# licence that it comes under: their authors ask for that in every copy.
#
#   linked-crates.sh [CARGO-TREE-OPTION...]      e.g. --no-default-features
#
# Run below the package's root, with the crates fetched.
set -eu

cargo=${CARGO:-cargo}
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src

cat <<'EOF'
The programs and the library are linked with the crates below, and with the
standard library of Rust, which comes under the MIT licence or the Apache licence
2.0 (https://www.rust-lang.org/policies/licenses).
EOF

"$cargo" tree --locked --offline --edges normal,no-proc-macro --prefix none \
    --format '{p}|{l}' "$@" | sed 's/ (\*)$//' | sort -u |
    while IFS='|' read -r crate licence; do
        # "NAME vVERSION", and a path behind it for the package itself.
        case $crate in *'('*) continue ;; esac
        name=${crate% v*}
        version=${crate##* v}
        printf '\n%s\n%s %s: %s\n\n' \
            "------------------------------------------------------------------------" \
            "$name" "$version" "$licence"
        # Of a choice of licences the MIT one; what has none in a file names it above.
        for file in "$sources"/*/"$name-$version"/*; do
            printf '%s\n' "$file"
        done | awk -F / '
            toupper($NF) ~ /MIT/ && !mit { mit = $0 }
            toupper($NF) ~ /^(LICEN[CS]E|COPYING)/ && !any { any = $0 }
            END { print mit ? mit : any }
        ' | while read -r file; do
            [ -z "$file" ] || cat "$file"
        done
        # A crate may bring a library in C along.
        for file in "$sources"/*/"$name-$version"/c_src/*/LICENSE; do
            [ ! -f "$file" ] || cat "$file"
        done
    done
