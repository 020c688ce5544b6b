#!/bin/sh
# The version stands in configure.ac; whoever else has to name it names the same.
. "${srcdir:?}/tests/lint/guard.sh"

version=$(sed -n 's/^AC_INIT(\[mod_tinyauth\], \[\([0-9.]*\)\].*/\1/p' configure.ac)
echo "$version" | grep -qE '^[0-9]+\.[0-9]+\.[0-9]+$' ||
    echo "configure.ac: \"$version\" is no MAJOR.MINOR.PATCH" >>"$problems"

same() {
    [ "$2" = "$version" ] || echo "$1: the newest version is $2, in configure.ac $version" >>"$problems"
}
same CHANGELOG "$(grep -m1 -E '^[0-9]+\.[0-9]+\.[0-9]+$' CHANGELOG)"
same debian/changelog "$(sed -n '1s/^libapache2-mod-tinyauth (\([0-9.]*\)).*/\1/p' debian/changelog)"

# nobody else, but for names of files in examples
grep -rnF "$version" src mod_tinyauth.c tools debian/rules debian/control Makefile.am 2>/dev/null |
    sed 's|$|  <- the version stands in configure.ac alone|' >>"$problems"

# the manual names no version that there was not yet
sed -n 's/^| Since | \([0-9.]*\) |$/\1/p' docs/directives.md | sort -u | while read -r since; do
    printf '%s\n%s\n' "$since" "${version%.*}" | sort -V -C ||
        echo "docs/directives.md: since $since, but this is $version"
done >>"$problems"
verdict
