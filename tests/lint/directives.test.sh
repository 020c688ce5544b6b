#!/bin/sh
# Every directive is set, merged, in the sample, in the manual and in a test; none is made up.
. "${srcdir:?}/tests/lint/guard.sh"
work=$(mktemp -d)
trap 'rm -rf "$problems" "$work"' EXIT

sample=tinyauth.conf.sample
manual=docs/directives.md

# --- what there is: the command table; "<TinyauthProvider" counts as a directive
awk '/^const command_rec ta_directives/ { table = 1 } /^};/ { table = 0 }
     table && match($0, /"<?Tinyauth[A-Za-z]*"/) { print substr($0, RSTART + 1, RLENGTH - 2) }
    ' src/httpd/directives.c | sort >"$work/directives"
need_some "$(wc -l <"$work/directives")" directives

# --- each directive has a row in one of the two tables of settings, or a function of its own
for kind in provider site; do
    [ "$kind" = site ] && macro=SITE || macro=PROVIDER
    awk -v want="$macro" '/^const command_rec ta_directives/ { table = 1 } /^};/ { table = 0 }
         table && match($0, "(^| )" want "(_WORDS)?\\(\"Tinyauth[A-Za-z]*\"") {
             sub(/^[^"]*"/, ""); sub(/".*/, ""); print }
        ' src/httpd/directives.c | sort >"$work/$kind.table"
    sed -n 's/^    {"\(Tinyauth[A-Za-z]*\)".*/\1/p' "src/httpd/${kind}_settings.c" |
        sort >"$work/$kind.settings"
    need_some "$(wc -l <"$work/$kind.settings")" "settings in ${kind}_settings.c"
    missing "$work/$kind.table" "$work/$kind.settings" "no row in src/httpd/${kind}_settings.c"
    missing "$work/$kind.settings" "$work/directives" "set in ${kind}_settings.c, but no directive"
done

# --- a directive wins over its variable only where somebody asks whether it was made
sed -n 's/^    {"\(Tinyauth[A-Za-z]*\)", "TINYAUTH_.*/\1/p' src/httpd/site_settings.c |
    sort >"$work/variables"
sed -n 's/^        {"\(Tinyauth[A-Za-z]*\)", config->.*/\1/p' src/httpd/site_settings.c |
    sort >"$work/made"
need_some "$(wc -l <"$work/variables")" "environment variables"
missing "$work/variables" "$work/made" "not in ta_site_settings_is_made: its variable would win"

# --- members of the settings: an int has a default of its own, and everything has a merge rule
awk '
    # name of the member that a line declares, or ""
    function member(line) {
        sub(/\/\*.*/, "", line)
        if (line !~ /^    [a-z].*;/) return ""
        sub(/;.*/, "", line); sub(/\[.*/, "", line); sub(/.*[ *]/, "", line)
        return line
    }
    FNR == 1 { within = "" }
    /^typedef struct ta_(server_config|directory_config|scope) / { within = $3; next }
    /^}/ { within = "" }
    FILENAME ~ /\.h$/ && within && (name = member($0)) {
        # made after merging, or a struct whose members are looked at themselves
        if (name ~ /^(open|site|process|scope|hosts)$/) next
        members[within, name] = FILENAME ":" FNR
        if ($1 == "int") ints[within, name] = FILENAME ":" FNR
    }
    /^void \*ta_config_(create|merge)_(server|directory)\(/ {
        within = $2; sub(/^\*ta_config_/, "", within); sub(/\(.*/, "", within)
    }
    FILENAME ~ /\.c$/ && within { body[within] = body[within] " " $0 }
    function mentions(function_name, expression) {
        return body[function_name] ~ ("config->" expression " = ")
    }
    END {
        for (key in members) {
            split(key, part, SUBSEP); count++
            which = part[1] == "ta_server_config" ? "server" : "directory"
            path = part[1] == "ta_scope" ? "scope\\." part[2] : part[2]
            if (!mentions("merge_" which, path))
                print members[key] ": " part[2] " has no merge rule in config.c"
            if ((key in ints) && !mentions("create_" which, path))
                print members[key] ": " part[2] " has no default in config.c"
        }
        if (!count) print "this guard found no members to look at"
    }' src/httpd/config.h src/flow/site.h src/httpd/config.c >>"$problems"

# --- the sample: each once, commented out
sed -n 's/^# *\(<\{0,1\}Tinyauth[A-Z][A-Za-z]*\).*/\1/p' "$sample" | sort -u >"$work/sample"
missing "$work/directives" "$work/sample" "not in $sample"
missing "$work/sample" "$work/directives" "in $sample, but no directive"
grep -n '^ *[^# ]' "$sample" | sed "s|^|$sample:|; s|\$|  <- must be commented out|" >>"$problems"

# --- the manual: a section for each, with syntax, default, context, version and example
sed -n 's/^### `\(<\{0,1\}Tinyauth[A-Za-z]*\).*/\1/p' "$manual" | sort >"$work/manual"
missing "$work/directives" "$work/manual" "no section in $manual"
missing "$work/manual" "$work/directives" "a section in $manual, but no directive"
awk '
    function check() {
        if (name && (!syntax || !standard || !context || !since || !example))
            print FILENAME ": " name " lacks its syntax, default, context, since or example"
    }
    /^##/ { check(); name = syntax = standard = context = since = example = "" }
    /^### `<?Tinyauth/ { name = word = $2; gsub(/[`<>]/, "", word) }
    /^\| Syntax/ { syntax = 1 } /^\| Default/ { standard = 1 } /^\| Context/ { context = 1 }
    /^\| Since \| [0-9]+\.[0-9]+ \|$/ { since = 1 }
    # the example is of this directive
    /^\| Example \|/ && index($0, word) { example = 1 }
    END { check() }' "$manual" >>"$problems"

# --- no text speaks of a directive or variable that there is not; every variable is explained
sed 's/^<//' "$work/directives" >"$work/known"
sed -n 's/.*"\(TINYAUTH_[A-Z_]*[A-Z]\)".*/\1/p' src/httpd/*.c |
    sed 's/PROVIDERS_POCKETID_/PROVIDERS_<ID>_/' >"$work/known_variables"
sed 's/^Tinyauth/TINYAUTH_OAUTH_PROVIDERS_<ID>_/' "$work/provider.settings" |
    tr '[:lower:]' '[:upper:]' >>"$work/known_variables"
cat "$sample" README docs/*.md | awk '
    { while (match($0, /TINYAUTH_[A-Z_<>]*[A-Z]>?/)) {
          print substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) } }
    ' | sed '/<KEY>$/d; s/PROVIDERS_POCKETID_/PROVIDERS_<ID>_/' | sort -u >"$work/named"
sort -u "$work/known_variables" >"$work/variables"
missing "$work/variables" "$work/named" "not in docs/"
missing "$work/named" "$work/variables" "in docs/, but there is no such variable"
for text in "$sample" README docs/*.md; do
    awk -v text="$text" '
        FILENAME != text { known[$1] = 1; next }
        {
            line = $0
            while (match(line, /Tinyauth[A-Z][A-Za-z]*/)) {
                word = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
                if (!(word in known)) print FILENAME ":" FNR ": there is no " word
            }
        }' "$work/known" "$text" >>"$problems"
done

# --- a test sets it where a real httpd reads it
find tests/e2e -name node_modules -prune -o -name '*.mjs' -type f -print >"$work/tests"
xargs cat <"$work/tests" | awk '
    { while (match($0, /<?Tinyauth[A-Z][A-Za-z]*/)) {
          print substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) } }
    ' | sort -u >"$work/tested"
missing "$work/directives" "$work/tested" "no test under tests/e2e sets it"

# --- the same for what Require knows
sed -n 's/^    {"\(oauth-[a-z]*\)", .*/\1/p' src/httpd/require.c | sort >"$work/requires"
need_some "$(wc -l <"$work/requires")" "kinds of Require"
while read -r kind; do
    for text in "$sample" "$manual"; do
        grep -q "Require $kind " "$text" || echo "Require $kind: not in $text" >>"$problems"
    done
    xargs grep -q "$kind" <"$work/tests" ||
        echo "Require $kind: no test under tests/e2e has it" >>"$problems"
done <"$work/requires"
verdict
