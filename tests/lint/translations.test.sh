#!/bin/sh
# Catalogues are whole: every message in every language, with its placeholders, and no markup.
. "${srcdir:?}/tests/lint/guard.sh"
work=$(mktemp -d)
trap 'rm -rf "$problems" "$work"' EXIT
po=src/page/po

# --- the template has what the pages and reasons say
bash tools/translations list >"$work/list"
diff "$work/list" $po/tinyauth.pot >"$work/diff" ||
    echo "$po/tinyauth.pot is old: run tools/translations update" >>"$problems"
need_some "$(grep -c '^msgid "[^"]' $po/tinyauth.pot)" messages

# --- each message of the template, in each catalogue; what po.sh leaves out is missing here
# key, then translation, a line each: out of the C file that the build makes
entries() {
    sh src/page/po.sh "$work/one.c" "$1" 2>>"$problems" || return 0
    awk '/^    [{]"/ { key = substr($0, 6); next }
         /^     "/ { print key; print substr($0, 6, length($0) - 7) }' "$work/one.c"
}
sed 's/^msgstr ""$/msgstr "x"/' $po/tinyauth.pot >"$work/template.po"
entries "$work/template.po" | awk 'NR % 2' >"$work/wanted"

languages=0
for catalogue in "$po"/*.po; do
    languages=$((languages + 1))
    entries "$catalogue" >"$work/entries"
    awk 'NR % 2' "$work/entries" >"$work/has"
    missing "$work/wanted" "$work/has" "not translated in $catalogue"
    missing "$work/has" "$work/wanted" "in $catalogue, but nobody asks for it"
    sort "$work/has" | uniq -d | sed "s|\$|: twice in $catalogue|" >>"$problems"

    # the same placeholders, no markup, and nothing that the pages would not show
    awk -v where="$catalogue" '
        # how many placeholders, in any order; one that other lacks makes it infinitely many
        function placeholders(text, other,    count, name) {
            while (match(text, /[{][^}]*[}]/)) {
                name = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
                count += index(other, name) ? 1 : 1000
            }
            return count + 0
        }
        function complain(what) { print where ": " what ": " $0 }
        NR % 2 { key = $0; next }
        placeholders(key, $0) != placeholders($0, key) || placeholders(key, $0) >= 1000 {
            complain("has other placeholders than " key)
        }
        /[<>&]/ { complain("markup") }
        /\\n|\\t|^" | "$|  / { complain("line breaks, or blanks at the ends or in a row") }
        # U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069
        /\\330\\234|\\342\\200\\21[67]|\\342\\200\\25[2-6]|\\342\\201\\24[6-9]|\\342\\201\\251/ {
            complain("a mark of direction: pages do not show it, and have no need of it")
        }' "$work/entries" >>"$problems"

    name=${catalogue##*/}
    grep -q "^\"Language: ${name%.po}\\\\n\"\$" "$catalogue" ||
        echo "$catalogue: its header does not say Language: ${name%.po}" >>"$problems"
    grep -q '^"Content-Type: text/plain; charset=UTF-8\\n"$' "$catalogue" ||
        echo "$catalogue: its header does not say UTF-8" >>"$problems"
    grep -n '^#,.*fuzzy\|^#~' "$catalogue" |
        sed "s|^|$catalogue:|; s|\$|  <- neither fuzzy nor obsolete entries|" >>"$problems"
done
need_some "$languages" catalogues

# --- gettext reads them the same way
if command -v msgfmt >/dev/null; then
    for catalogue in "$po"/*.po; do
        msgfmt --check-format --check-domain -o /dev/null "$catalogue" 2>>"$problems" || :
        LC_ALL=C.UTF-8 msgcat --no-wrap "$catalogue" 2>>"$problems" |
            grep -c '^msgstr "[^"]' >"$work/count" || :
        [ "$(cat "$work/count")" -eq "$(wc -l <"$work/wanted")" ] ||
            echo "$catalogue: msgcat finds $(cat "$work/count") translations" >>"$problems"
    done
fi
verdict
