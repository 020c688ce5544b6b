#!/bin/sh
# The man pages come out of the manual whole: every directive, no Markdown left, sound roff.
. "${srcdir:?}/tests/lint/guard.sh"
work=$(mktemp -d)
trap 'rm -rf "$problems" "$work"' EXIT

for pair in mod_tinyauth:directives tinyauth-doctor:doctor; do
    name=${pair%:*}
    ${AWK:-awk} -v name="$name" -v what=words -v version=0 -f docs/man.awk "docs/${pair#*:}.md" \
        >"$work/$name.8"
    # outside of examples, which may hold anything
    awk '/^\.EX/ { code = 1 } /^\.EE/ { code = 0 } !code' "$work/$name.8" |
        grep -nE '```|\*\*|\]\(|^\||^#' | sed "s|^|$name.8:|; s|\$|  <- Markdown|" >>"$problems"
    if command -v groff >/dev/null; then
        LC_ALL=C.UTF-8 groff -k -man -Tutf8 -ww -rLL=100n -z "$work/$name.8" 2>&1 |
            grep -v 'adjust line\|cannot break line' | sed "s|^.*/||" >>"$problems"
    fi
done
sed -n 's/^### `\(<\{0,1\}Tinyauth[A-Za-z]*\).*/\1/p' docs/directives.md | sort >"$work/directives"
sed -n 's/^\.SS \\fB\(<\{0,1\}Tinyauth[A-Za-z]*\).*/\1/p' "$work/mod_tinyauth.8" | sort >"$work/man"
need_some "$(wc -l <"$work/directives")" directives
missing "$work/directives" "$work/man" "not in mod_tinyauth.8"
verdict
