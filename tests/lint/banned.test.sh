#!/bin/sh
# Functions that invite accidents, old OpenSSL calls, unfinished business and odd layout: none.
. "${srcdir:?}/tests/lint/guard.sh"

# Comments and the insides of strings are taken out before functions are looked for.
awk '
    function complain(what) { print FILENAME ":" FNR ": " what }

    function code(line,    out, token) {
        out = ""
        while (line != "") {
            if (in_comment) {
                if (!match(line, /\*\//)) return out
                line = substr(line, RSTART + 2); in_comment = 0
            } else if (match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047|\/\*|\/\//)) {
                token = substr(line, RSTART, RLENGTH)
                out = out substr(line, 1, RSTART - 1) " "
                line = substr(line, RSTART + RLENGTH)
                if (token == "/*") in_comment = 1
                else if (token == "//") { complain("a comment is /* … */"); return out }
            } else {
                return out line
            }
        }
        return out
    }

    FNR == 1 { in_comment = 0; lines++ }
    {
        plain = " " code($0)
        if (match(plain, /[^A-Za-z0-9_](strcpy|strcat|stpcpy|sprintf|vsprintf|strncpy|strncat|atoi|atol|atoll|atof|s?scanf|strtok|gets|alloca|system|popen|tmpnam|s?rand|random|setjmp|longjmp)[ \t]*\(/))
            complain("banned: " substr(plain, RSTART + 1, RLENGTH - 2))
        if (match(plain, /[^A-Za-z0-9_](MD[245]|SHA[0-9]*|AES|DES|RC4|HMAC|CMAC|RSA|EC_KEY|DSA|DH|ENGINE)_[a-z][A-Za-z0-9_]*[ \t]*\(/) ||
            match(plain, /[^A-Za-z0-9_](MD[245]|SHA[0-9]*|HMAC)(_(Init|Update|Final)[a-z_]*)?[ \t]*\(/) ||
            match(plain, /[^A-Za-z0-9_]EVP_PKEY_(get[01]|set1|assign)_(RSA|EC_KEY|DSA|DH)[ \t]*\(/))
            complain("OpenSSL 3 calls this deprecated: " substr(plain, RSTART + 1, RLENGTH - 2))
        # what lives as long as the process is made in one place, not left lying in a file
        # (but for the algorithms that OpenSSL is asked for once, under a pthread_once)
        if (FILENAME !~ /^tests\// && FILENAME != "src/util/secret.c" &&
            plain ~ /^ +static [^(]*[;=]/ && plain !~ / const /)
            complain("a static that changes: threads share it")
    }
    /(^|[^A-Za-z])(TODO|FIXME)([^A-Za-z]|$)|(^|[^A-Za-z])XXX([^A-Za-z]|$)/ {
        complain("unfinished: write an issue, or finish it")
    }
    /\t/ { complain("a tab") }
    /[ \r]$/ { complain("blanks at the end") }
    {
        gsub(/[\200-\277]/, "") # what follows the first byte of a UTF-8 character
        if (length($0) > 100) complain("longer than 100 columns")
    }
    END { if (!lines) print "this guard found no files to look at" }
    ' mod_tinyauth.c $(c_files src tests/unit tests/fuzz) >>"$problems"
verdict
