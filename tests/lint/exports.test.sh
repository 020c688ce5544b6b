#!/bin/sh
# The module exports its module record and nothing else.
. "${srcdir:?}/tests/lint/guard.sh"
nm -D --defined-only "${TINYAUTH_SO:?}" | awk '{ print $3 }' | sort |
    awk '$0 != "tinyauth_module" { print "exported, but internal: " $0 }
         $0 == "tinyauth_module" { found = 1 }
         END { if (!found) print "tinyauth_module is not exported" }' >>"$problems"
verdict
