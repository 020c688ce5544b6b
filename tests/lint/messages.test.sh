#!/bin/sh
# Each log message has a tag of its own, each refusal a code, and the manual explains them all.
. "${srcdir:?}/tests/lint/guard.sh"
work=$(mktemp -d)
trap 'rm -rf "$problems" "$work"' EXIT
sources="mod_tinyauth.c $(c_files src | sed -n '/\.c$/p' | tr '\n' ' ')"

# --- tags: a format string begins with one; no two do with the same
awk '
    match($0, /"TA[0-9][0-9][0-9][0-9]: /) {
        tag = substr($0, RSTART + 1, 6)
        if (tag in seen) print FILENAME ":" FNR ": " tag " is taken, by " seen[tag]
        else seen[tag] = FILENAME ":" FNR
    }' $sources >>"$problems"
sed -n 's/.*"\(TA[0-9][0-9][0-9][0-9]\): .*/\1/p' $sources | sort -u >"$work/tags"
need_some "$(wc -l <"$work/tags")" "log tags"

# --- each call that logs has one; log_sink.c hands on what has one already
awk '
    function check() {
        if (call !~ /^[^"]*"TA[0-9][0-9][0-9][0-9]: / && where !~ /^src\/(httpd\/log_sink|util\/log)\.c/)
            print where ": a message without a tag"
    }
    !open && /(^|[^a-z_])(ap_log_r?error|ap_log_c?error|ap_log_perror|ta_log_write)\(/ {
        open = 1; call = ""; where = FILENAME ":" FNR
    }
    open { call = call " " $0 }
    open && /;/ { check(); open = 0 }' $sources >>"$problems"

# --- the manual has a row for each, and only for those
sed -n 's/^| `\{0,1\}\(TA[0-9][0-9][0-9][0-9]\).*/\1/p' docs/messages.md | sort >"$work/manual"
uniq -d "$work/manual" | sed 's|$|: twice in docs/messages.md|' >>"$problems"
missing "$work/tags" "$work/manual" "not in docs/messages.md"
missing "$work/manual" "$work/tags" "in docs/messages.md, but no message has it"

# --- an empty line ends a table: rows behind it would be shown as they are written
awk '
    FNR == 1 { empty = open = 0 }
    /^\|/ && empty { start = FILENAME ":" FNR; open = 1; empty = 0; next }
    open && !/^\|[-| :]+$/ { print start ": a row without a table" }
    { open = 0; empty = /^$/ }' docs/*.md >>"$problems"

# --- the same for the reason codes, with their HTTP status
awk '
    /\.code = "/ { code = $0; sub(/.*\.code = "/, "", code); sub(/".*/, "", code) }
    /\.status = [0-9]/ { status = $0; gsub(/[^0-9]/, "", status); print code " " status }
    ' src/util/fault.c | sort >"$work/codes"
need_some "$(wc -l <"$work/codes")" "reason codes"
awk '{ print $1 }' "$work/codes" | uniq -d | sed 's|$|: two reasons have this code|' >>"$problems"
sed -n 's/^| `\([a-z][a-z-]*\)` *| *\([0-9][0-9]*\) *|.*/\1 \2/p' docs/reasons.md |
    sort >"$work/reasons"
missing "$work/codes" "$work/reasons" "not in docs/reasons.md (code and status)"
missing "$work/reasons" "$work/codes" "in docs/reasons.md, but no reason of src/util/fault.c"
verdict
