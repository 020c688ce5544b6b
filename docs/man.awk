# Makes a man page of a page of the manual, which is written in a small part of Markdown:
# headings, paragraphs, lists, tables, code, emphasis and links. General converters draw our
# tables of "Syntax, Default, Context" as boxes without a heading and keep links within the page;
# and a build that needs none of them is the same everywhere.
#
#   awk -v name=mod_tinyauth -v what="..." -v version=1.2.3 -f man.awk page.md >mod_tinyauth.8

# What roff would take for its own.
function plain(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text
}

# `code`, **strong**, *emphasis* and [links](where) of one paragraph.
function inline(text,    out, token, link) {
    out = ""
    gsub(/\\\|/, "|", text)
    while (match(text, /`[^`]*`|\*\*[^*]+\*\*|\*[^* ][^*]*\*|\[[^]]*\]\([^)]*\)/)) {
        out = out plain(substr(text, 1, RSTART - 1))
        token = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (token ~ /^`/) out = out "\\fB" plain(substr(token, 2, length(token) - 2)) "\\fR"
        else if (token ~ /^\*\*/) out = out "\\fB" inline(substr(token, 3, length(token) - 4)) "\\fR"
        else if (token ~ /^\*/) out = out "\\fI" plain(substr(token, 2, length(token) - 2)) "\\fR"
        else {
            link = token; sub(/^[^(]*\(/, "", link); sub(/\)$/, "", link)
            sub(/^\[/, "", token); sub(/\]\(.*$/, "", token)
            out = out inline(token)
            if (link ~ /^https?:/ && link != token) out = out " (" plain(link) ")"
        }
    }
    return out plain(text)
}

# A line of text must not begin with a request of roff.
function say(text) {
    if (text ~ /^[.\047]/) text = "\\&" text
    print text
}

function end_paragraph() {
    if (paragraph != "") {
        if (!in_list) print ".PP"
        say(inline(paragraph))
    }
    paragraph = ""
}

function end_block() {
    end_paragraph()
    in_list = in_table = 0
}

# The cells of "| a | b |" in cell[1..count].
function split_row(line,    count, i) {
    sub(/^\| */, "", line); sub(/ *\|$/, "", line)
    gsub(/\\\|/, "\001", line)
    count = split(line, cell, / *\| */)
    for (i = 1; i <= count; i++) gsub(/\001/, "|", cell[i])
    return count
}

function table_row(line,    count, i) {
    count = split_row(line)
    if (line ~ /^[-| :]+$/ && line ~ /-/) return
    if (!in_table) {
        in_table = 1
        for (i = 1; i <= 9; i++) heading[i] = i <= count ? cell[i] : ""
        return
    }
    print ".TP"
    say(cell[1] == "" ? "\\&" : "\\fB" inline(cell[1]) "\\fR")
    for (i = 2; i <= count; i++) {
        if (i > 2 && cell[i] != "") print ".br"
        if (cell[i] != "") say((heading[i] == "" ? "" : inline(heading[i]) ": ") inline(cell[i]))
    }
    if (count < 2 || (count == 2 && cell[2] == "")) print "\\&"
}

BEGIN {
    printf ".TH %s 8 \"\" \"mod_tinyauth %s\" \"System administration\"\n", toupper(name), version
    print ".SH NAME"
    print plain(name) " \\- " plain(what)
    print ".SH DESCRIPTION"
}

/^```/ {
    if (in_code) print ".EE\n.RE"
    else { end_block(); print ".PP\n.RS 4\n.EX" }
    in_code = !in_code
    next
}
in_code { say(plain($0)); next }
/^# / { next }
/^## / { end_block(); print ".SH " toupper(inline(substr($0, 4))); next }
/^###+ / { end_block(); sub(/^###+ /, ""); print ".SS " inline($0); next }
# the table of contents is of no use where nothing can be clicked
/^Contents: / { skipping = 1 }
/^$/ { skipping = 0; end_block(); next }
skipping { next }
/^\|/ { if (!in_table) end_paragraph(); table_row($0); next }
/^- / { end_paragraph(); in_list = 1; print ".IP \\(bu 2"; paragraph = substr($0, 3); next }
/^[0-9]+\. / {
    end_paragraph(); in_list = 1
    print ".IP " $1 " 4"; paragraph = substr($0, length($1) + 2); next
}
{ sub(/^ +/, ""); paragraph = paragraph (paragraph == "" ? "" : " ") $0 }

END {
    end_block()
    print ".SH SEE ALSO"
    if (name != "mod_tinyauth") print "\\fBmod_tinyauth\\fR(8),"
    if (name != "tinyauth-doctor") print "\\fBtinyauth\\-doctor\\fR(8),"
    print "\\fBapache2ctl\\fR(8)"
}
