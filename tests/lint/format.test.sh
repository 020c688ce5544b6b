#!/bin/sh
# C files look as clang-format writes them. Each version writes a little differently: ours is 14.
. "${srcdir:?}/tests/lint/guard.sh"

formatter=
for name in clang-format-14 clang-format; do
    if "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
        formatter=$name
        break
    fi
done
[ -n "$formatter" ] || { echo "clang-format 14 is missing"; exit 77; }

# one line for each file; whatever else it says is shown as it is
"$formatter" --dry-run -Werror mod_tinyauth.c $(c_files src tests/unit tests/fuzz) 2>&1 | awk '
    sub(/: error: code should be clang-formatted.*/, "") {
        file = $0; sub(/:.*/, "", file)
        if (!(file in seen)) print $0 ": run clang-format -i on this file"
        seen[file] = 1; next
    }
    !/^ / && !/^#/ && /(error|warning|rror reading)/' >>"$problems"
verdict
