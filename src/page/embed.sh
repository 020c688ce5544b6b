#!/bin/sh
# Writes a C file with the text of some files, and ta_page_source_find (see page_source.h):
#
#     embed.sh OUTPUT FILE...
#
# A file is known by the last part of its name. The output depends on nothing but the files
# and their order. Every line of a file becomes one string literal, or several where it is
# long.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -lt 2 ]; then
    echo "usage: embed.sh OUTPUT FILE..." >&2
    exit 2
fi
output=$1
shift
trap 'rm -f "$output.tmp"' EXIT

awk '
function fail(message)
{
    print "embed.sh: " message > "/dev/stderr"
    failed = 1
    exit 1
}

function base_name(path)
{
    sub(/.*\//, "", path)
    return path
}

# As a C string literal.
function literal(text,    result, i, c)
{
    result = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        result = result (c in escapes ? escapes[c] : c)
    }
    return "\"" result "\""
}

function finish_file()
{
    if (name != "") {
        print "    },"
    }
}

BEGIN {
    # the control characters, and what is not ASCII, in octal
    for (i = 1; i < 256; i++) {
        if (i < 32 || i > 126) {
            escapes[sprintf("%c", i)] = sprintf("\\%03o", i)
        }
    }
    escapes["\\"] = "\\\\"
    escapes["\""] = "\\\""
    escapes["?"] = "\\?" # trigraphs
    print "/* Made by embed.sh; changes here get lost. */"
    print "#include \"page/page_source.h\""
    print ""
    print "#include <stddef.h>"
    print "#include <string.h>"
    print ""
    print "static const struct {"
    print "    const char *name;"
    print "    const char *text;"
    print "} sources[] = {"
}

FNR == 1 {
    finish_file()
    name = base_name(FILENAME)
    if (name in seen) {
        fail("there are two files called " name)
    }
    seen[name] = 1
    print "    {.name = " literal(name) ","
    print "     .text = \"\""
}

{
    rest = $0
    while (length(rest) > 80) {
        print "             " literal(substr(rest, 1, 80))
        rest = substr(rest, 81)
    }
    text = literal(rest)
    print "             " substr(text, 1, length(text) - 1) "\\n\""
}

END {
    if (failed) {
        exit 1
    }
    finish_file()
    print "};"
    print ""
    print "const char *ta_page_source_find(const char *name)"
    print "{"
    print "    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {"
    print "        if (strcmp(sources[i].name, name) == 0) {"
    print "            return sources[i].text;"
    print "        }"
    print "    }"
    print "    return NULL;"
    print "}"
}
' "$@" > "$output.tmp"
mv "$output.tmp" "$output"
