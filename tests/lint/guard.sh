# Shared by the guards, which source it: the folder they look at, its files, and the verdict.
set -eu
cd "${srcdir:?}"
export LC_ALL=C
problems=$(mktemp)
trap 'rm -f "$problems"' EXIT

# C files of ours; what the build generates is not written by anybody.
c_files() {
    for folder in "$@"; do
        [ ! -d "$folder" ] ||
            find "$folder" -name '*.[ch]' ! -name page_source.c ! -name catalogue.c ! -name ta_version.h
    done | sort
}

# A guard that looked at nothing holds nothing.
need_some() {
    [ "$1" -gt 0 ] || echo "this guard found no $2 to look at" >>"$problems"
}

# missing LIST OTHER WHAT: says WHAT of each line of LIST that OTHER lacks.
missing() {
    awk -v other="$2" -v what="$3" '
        FILENAME == other { has[$0] = 1; next }
        !($0 in has) { print $0 ": " what }' "$2" "$1" >>"$problems"
}

# Everything that was written to $problems is wrong.
verdict() {
    [ ! -s "$problems" ] || { cat "$problems"; exit 1; }
}
