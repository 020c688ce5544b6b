#!/bin/sh
# Every function that a header declares has a comment above it, or above its group.
. "${srcdir:?}/tests/lint/guard.sh"
awk '
    FNR == 1 { in_comment = in_struct = in_declaration = 0; documented = 0 }
    in_comment { if (/\*\//) { in_comment = 0; documented = 1 }; next }
    in_declaration { if (/[;{]/) in_declaration = 0; next }
    in_struct { if (/^}/) in_struct = 0; next }
    /^[ \t]*\/\*/ { if (/\*\//) documented = 1; else in_comment = 1; next }
    /^[ \t]*$/ { documented = 0; next }
    /^(typedef )?(struct|enum|union)[^(;]*[{]/ { in_struct = 1; next }
    /^[a-z].*\(/ && !/^typedef / {
        functions++
        name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
        if (!documented) print FILENAME ":" FNR ": nothing says what " name " does"
        if (!/[;{]/) in_declaration = 1
    }
    END { if (!functions) print "this guard found no functions to look at" }
    ' $(c_files src | sed -n '/\.h$/p') >>"$problems"
verdict
