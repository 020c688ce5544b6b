#!/bin/sh
# A hook that says OK has set the user: in one function, let_in, and nowhere else.
. "${srcdir:?}/tests/lint/guard.sh"
file=src/httpd/authenticate.c

# --- who returns OK: let_in, and two hooks that let nobody in: force_authn, which says whether
# somebody is there to be asked, and note_auth_failure, which adds the challenge to a 401
awk '
    /^[a-z].*\(/ && !/;/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
    name && /(return|[?:]) *OK *[;:]/ {
        found[name]++
        if (name !~ /^(let_in|ta_authenticate_wants_user|ta_authenticate_note_failure)$/)
            print FILENAME ":" FNR ": " name " says OK; only let_in may"
    }
    END { if (found["let_in"] != 1) print FILENAME ": let_in says OK in one place only" }
    ' "$file" >>"$problems"

# --- let_in: a user who is there, set before OK
awk '
    /^static int let_in\(/ { within = 1 }
    within && /if \(!\*user\)/ { checked = 1 }
    within && /r->user = \(char \*\)user;/ { set = checked }
    within && /return OK;/ { said = set }
    within && /^}/ { within = 0 }
    END { if (!said) print FILENAME ": let_in must check the user, set r->user, and then say OK" }
    ' "$file" >>"$problems"

# --- nobody else sets a user, and no other hook authenticates
for source in $(c_files src | sed -n '/\.c$/p') mod_tinyauth.c; do
    awk -v own="$file" '
        FILENAME != own && /r->user *= / { print FILENAME ":" FNR ": the user is set in " own }
        /ap_hook_(check_user_id|auth_checker|access_checker)\(/ {
            print FILENAME ":" FNR ": a hook that authenticates belongs to " own }
        /ap_hook_check_authn\(/ && !/ta_authenticate_user/ {
            print FILENAME ":" FNR ": check_authn is ta_authenticate_user alone" }
        ' "$source" >>"$problems"
done
verdict
