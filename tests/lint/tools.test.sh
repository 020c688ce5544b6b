#!/bin/sh
# Each command in tools/, and each script that CONTRIBUTING names, says what it is when asked with
# --help, and does nothing else.
. "${srcdir:?}/tests/lint/guard.sh"
work=$(mktemp -d)
trap 'rm -rf "$problems" "$work"' EXIT

# one that would build all the same does it here, where it is seen
TINYAUTH_BUILD=$work/build
export TINYAUTH_BUILD
count=0
for tool in tools/*; do
    [ -x "$tool" ] && head -n 1 "$tool" | grep -q '^#!.*sh$' || continue
    count=$((count + 1))
    "$tool" --help >"$work/said" 2>&1 </dev/null || echo "$tool --help fails" >>"$problems"
    grep -qF "$tool" "$work/said" || echo "$tool --help does not say how it is called" >>"$problems"
    [ ! -e "$work/build" ] || echo "$tool --help builds" >>"$problems"
    rm -rf "$work/build"
done
need_some "$count" tools
if [ -d tests/e2e/node_modules ]; then # not in an archive
    for script in $(grep -o 'node tests/[a-z0-9_/]*\.mjs' CONTRIBUTING | cut -d' ' -f2 | sort -u); do
        node "$script" --help >"$work/said" 2>&1 </dev/null || echo "$script --help fails" >>"$problems"
        grep -qF "$script" "$work/said" ||
            echo "$script --help does not say how it is called" >>"$problems"
    done
fi
verdict
