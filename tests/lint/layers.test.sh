#!/bin/sh
# Each layer includes only the layers named for it: the table below is the architecture.
. "${srcdir:?}/tests/lint/guard.sh"

# layer: folders, or single headers of a folder, that it may include
rules='
util: util/
jose: util/ jose/
net: util/ net/
page: util/ page/
oidc: util/ jose/ oidc/ net/http.h
session: util/ jose/ session/ oidc/claims.h oidc/token.h
flow: util/ jose/ net/http.h page/ oidc/ session/ flow/
doctor: util/ jose/ net/ oidc/ flow/site.h doctor/ ta_version.h
httpd: util/ jose/ net/ page/ oidc/ session/ flow/ httpd/ ta_version.h'

# headers of libraries, and the only files that may include them
private='
json-c/ src/util/json.c
json.h src/util/json.c
curl/ src/net/curl.c
hiredis.h src/net/redis.c'

c_files src >"$problems.files"
trap 'rm -f "$problems" "$problems.files"' EXIT
need_some "$(wc -l <"$problems.files")" files

rules=$rules private=$private xargs awk <"$problems.files" '
    BEGIN {
        rows = split(ENVIRON["rules"], row, "\n")
        for (i = 1; i <= rows; i++) {
            layer = row[i]; sub(/:.*/, "", layer); sub(/^[^:]*:/, "", row[i])
            if (layer != "") allowed[layer] = row[i] " "
        }
        privates = split(ENVIRON["private"], secret, "\n")
    }
    function complain(what) { print FILENAME ":" FNR ": " what ": " $0 }

    FNR == 1 {
        split(FILENAME, part, "/"); layer = part[2]
        if (part[3] == "") complain("src/ has folders only, files lie in one")
        else if (!(layer in allowed)) complain("no layer is called " layer)
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        name = $0; sub(/^[^"]*"/, "", name); sub(/".*/, "", name)
        folder = name; sub(/[^\/]*$/, "", folder)
        if (folder == "" && name != "ta_version.h") complain("the folder is missing")
        else if (!index(allowed[layer], " " name " ") &&
                 !(folder != "" && index(allowed[layer], " " folder " ")))
            complain(layer " must not know this")
    }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        name = $0; sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*/, "", name)
        if (layer != "httpd" &&
            name ~ /^(httpd|http_[a-z]+|ap_[a-z_]+|mod_[a-z_]+|util_[a-z]+|mpm_[a-z]+|mpm|scoreboard|unixd)\.h$/)
            complain("httpd is known to src/httpd alone")
        for (i = 1; i <= privates; i++)
            if (split(secret[i], pair, " ") == 2 && index(name, pair[1]) == 1 &&
                FILENAME != pair[2])
                complain("only " pair[2] " knows this library")
    }
    ' >>"$problems"
verdict
