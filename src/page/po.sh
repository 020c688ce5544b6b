#!/bin/sh
# Writes a C file with the translations of gettext PO files, and ta_catalogue_at (see
# catalogue.h):
#
#     po.sh OUTPUT FILE...
#
# A file is named after its language: zh_Hant.po is "zh-Hant". Entries that are fuzzy, obsolete
# or not translated are left out: English stands for them. The output depends on nothing but the
# files and their order. awk does it, as it does for the pages, so that building needs no
# gettext; the guards hold what it reads against what msgfmt reads.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -lt 1 ]; then
    echo "usage: po.sh OUTPUT FILE..." >&2
    exit 2
fi
output=$1
shift
trap 'rm -f "$output.tmp"' EXIT

awk '
function fail(message)
{
    print "po.sh: " FILENAME ":" FNR ": " message > "/dev/stderr"
    failed = 1
    exit 1
}

# What a PO file writes between quotes is a C string already; what is not ASCII, in octal.
function quoted(line,    text, result, i, c)
{
    if (line !~ /^"([^"\\]|\\[\\"nt])*"[ \t\r]*$/) {
        fail("no string: " line)
    }
    sub(/[ \t\r]*$/, "", line)
    text = substr(line, 2, length(line) - 2)
    gsub(/\?/, "\\?", text) # trigraphs
    result = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        result = result (c in escapes ? escapes[c] : c)
    }
    return result
}

function finish_entry()
{
    if (part != "" && part != "msgstr") {
        fail("an entry without msgstr ends here")
    }
    if (part == "msgstr" && !fuzzy && value["msgid"] != "" && value["msgstr"] != "") {
        key = value["msgid"]
        # in octal, for the key may begin with a digit
        print "    {\"" ("msgctxt" in value ? value["msgctxt"] "\\004\" \"" : "") key "\","
        print "     \"" value["msgstr"] "\"},"
        entries++
    }
    part = ""
    fuzzy = 0
    split("", value)
}

function finish_file()
{
    if (files) {
        finish_entry()
        if (!entries) {
            fail("there is no translation in the file before this one")
        }
        print "};"
        print ""
    }
}

function begin(keyword)
{
    if (keyword == "msgid" && part != "" && part != "msgctxt" ||
        keyword == "msgctxt" && part != "" || keyword == "msgstr" && part != "msgid") {
        fail("there is no place for " keyword " here")
    }
    part = keyword
    sub(/^[a-z]+[ \t]*/, "")
    value[part] = quoted($0)
}

BEGIN {
    for (i = 127; i < 256; i++) {
        escapes[sprintf("%c", i)] = sprintf("\\%03o", i)
    }
    print "/* Made by po.sh; changes here get lost. */"
    print "#include \"page/catalogue.h\""
    print ""
    print "#include <stddef.h>"
    print ""
}

FNR == 1 {
    finish_file()
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.po$/, "", name)
    gsub(/_/, "-", name)
    tags[++files] = name
    entries = 0
    print "static const ta_message messages_" files "[] = {"
}

/^[ \t\r]*$/ { finish_entry(); next }
/^#,/ { if (part != "") finish_entry(); if (/fuzzy/) fuzzy = 1; next }
/^#/ { if (part == "msgstr") finish_entry(); next }
/^msgctxt[ \t]/ { if (part == "msgstr") finish_entry(); begin("msgctxt"); next }
/^msgid[ \t]/ { if (part == "msgstr") finish_entry(); begin("msgid"); next }
/^msgstr[ \t]/ { begin("msgstr"); next }
/^"/ {
    if (part == "") {
        fail("a string without a keyword")
    }
    value[part] = value[part] quoted($0)
    next
}
{ fail("this line cannot be read: " $0) }

END {
    if (failed) {
        exit 1
    }
    finish_file()
    if (files) {
        print "static const ta_catalogue catalogues[] = {"
        for (i = 1; i <= files; i++) {
            print "    {.tag = \"" tags[i] "\","
            print "     .messages = messages_" i ","
            print "     .count = sizeof(messages_" i ") / sizeof(*messages_" i ")},"
        }
        print "};"
        print ""
    }
    print "const ta_catalogue *ta_catalogue_at(apr_size_t index)"
    print "{"
    if (files) {
        print "    return index < sizeof(catalogues) / sizeof(*catalogues) ? &catalogues[index] : NULL;"
    } else {
        print "    (void)index;"
        print "    return NULL;"
    }
    print "}"
}
' "$@" </dev/null > "$output.tmp"
mv "$output.tmp" "$output"
