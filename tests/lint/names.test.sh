#!/bin/sh
# File names are unique and say something; a public function carries the name of its file.
. "${srcdir:?}/tests/lint/guard.sh"

# Functions that are named after their type instead: file, and what their names begin with.
exceptions='
discovery.c ta_metadata_
fault.c ta_reason_
handover.c ta_ticket_
site.c ta_scope_
template_values.c ta_values_
tinyauth_doctor.c main'

c_files src | awk -F/ '
    seen[$NF] { print $0 ": has the same name as " seen[$NF] }
    { seen[$NF] = $0 }
    $NF ~ /^(util|utils|common|misc|helpers?)\./ { print $0 ": says nothing about what is in it" }
    ' >>"$problems"

# A definition begins in the first column; its brace is the next line that does.
exceptions=$exceptions awk '
    BEGIN {
        rows = split(ENVIRON["exceptions"], row, "\n")
        for (i = 1; i <= rows; i++) if (split(row[i], pair, " ") == 2) prefix[pair[1]] = pair[2]
    }
    FNR == 1 { base = FILENAME; sub(/.*\//, "", base); own = "ta_" base; sub(/\.c$/, "", own) }
    /^[a-z].*\(/ && !/^(static|extern|typedef) / && !/;/ {
        name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
        functions++
        if (name != own && index(name, own "_") != 1 &&
            !(base in prefix && index(name, prefix[base]) == 1))
            print FILENAME ":" FNR ": " name " is public: its name begins with " own "_"
    }
    END { if (!functions) print "this guard found no functions to look at" }
    ' $(c_files src | sed -n '/\.c$/p') >>"$problems"
verdict
