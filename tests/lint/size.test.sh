#!/bin/sh
# A file has at most 500 lines; a function at most 60, and a complexity of at most 15.
. "${srcdir:?}/tests/lint/guard.sh"

# What may be larger, one on a line: file, or file(function), and the reason.
exceptions='
src/util/fault.c one table with the words of every reason
'

files="mod_tinyauth.c $(c_files src tests/unit tests/fuzz | tr '\n' ' ')"

# Reads "what: how much", and drops what is excepted.
without_exceptions() {
    exceptions=$exceptions awk '
        BEGIN {
            rows = split(ENVIRON["exceptions"], row, "\n")
            for (i = 1; i <= rows; i++) {
                words = split(row[i], word, " ")
                if (words == 1) print "an exception without a reason: " word[1]
                if (words > 1) excepted[word[1]] = 1
            }
        }
        { what = $1; sub(/:$/, "", what); if (!(what in excepted)) print }'
}

awk '
    { lines[FILENAME]++ }
    END {
        for (file in lines)
            if (lines[file] > 500) print file ": " lines[file] " lines, 500 are allowed"
    }' $files | sort | without_exceptions >>"$problems"

if ! command -v pmccabe >/dev/null; then
    verdict
    echo "pmccabe is missing: functions were not measured"
    exit 77
fi

# pmccabe writes: complexity, the same with each case of a switch, statements, first line,
# lines, "file(line): function"
pmccabe $files | awk -F '\t' '
    { file = name = $6; sub(/\([0-9]*\):.*/, "", file); sub(/.*: /, "", name) }
    $1 > 15 { print file "(" name "): complexity " $1 ", 15 is allowed" }
    $5 > 60 { print file "(" name "): " $5 " lines, 60 are allowed" }
    END { if (!NR) print "pmccabe found no functions" }' | without_exceptions >>"$problems"
verdict
