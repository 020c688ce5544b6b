/*
 * What each refusal is called, which HTTP status it has, and what we say about it to the
 * person who is refused; and which foreign bytes may stand in a detail.
 */
#include "util/fault.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

#include "util/text.h"

#define QUOTE_BYTES 200

/* Titles have no full stop; advice says what the person can do, and is true. */
static const ta_reason_info infos[TA_REASON_COUNT] = {
    /* who may pass */
    [TA_REASON_LOGIN_REQUIRED] =
        {
            .code = "login-required",
            .status = 401,
            .title = "Please log in",
            .advice = "This page is only for people who are logged in. Log in and you will get "
                      "there.",
        },
    [TA_REASON_NOT_ALLOWED] =
        {
            .code = "not-allowed",
            .status = 403,
            .title = "You have no access to this page",
            .advice = "You are logged in, but this account may not open the page. Log in with "
                      "another account, or ask the administrator of this site for access.",
        },
    [TA_REASON_NOT_IN_GROUP] =
        {
            .code = "not-in-group",
            .status = 403,
            .title = "You are not in a group that has access",
            .advice = "Only members of certain groups may open this page. Ask the administrator "
                      "of this site to add you to one. It counts here within a few minutes.",
        },
    [TA_REASON_GROUPS_ABSENT] =
        {
            .code = "groups-absent",
            .status = 403,
            .title = "Your groups are not known here",
            .advice = "This page is for certain groups, but your login did not say which groups "
                      "you are in. The administrator of this site has to change that.",
        },
    [TA_REASON_GROUPS_EMPTY] =
        {
            .code = "groups-empty",
            .status = 403,
            .title = "You are in no group",
            .advice = "Only members of certain groups may open this page, and your account is in "
                      "none. Ask the administrator of this site to add you to one.",
        },
    [TA_REASON_GROUPS_MALFORMED] =
        {
            .code = "groups-malformed",
            .status = 403,
            .title = "Your groups could not be read",
            .advice = "This page is for certain groups, but your login named yours in a way that "
                      "is not understood here. The administrator of this site has to change that.",
        },
    [TA_REASON_EMAIL_UNVERIFIED] =
        {
            .code = "email-unverified",
            .status = 403,
            .title = "Your e-mail address is not confirmed",
            .advice = "Confirm your e-mail address in your account at the login provider, or ask "
                      "the administrator of this site. Then log in again.",
        },
    [TA_REASON_NOT_WHITELISTED] =
        {
            .code = "not-whitelisted",
            .status = 403,
            .title = "This account may not log in here",
            .advice = "Your account is not on this site's list. Log in with another account, or "
                      "ask the administrator of this site to add yours.",
        },
    /* the way to the provider and back */
    [TA_REASON_PROVIDER_UNKNOWN] =
        {
            .code = "provider-unknown",
            .status = 404,
            .title = "This login provider is not known here",
            .advice = "The address names a way to log in that this site does not offer. Go to the "
                      "page you wanted and log in from there.",
        },
    [TA_REASON_SCHEME_MISMATCH] =
        {
            .code = "scheme-mismatch",
            .status = 500,
            .title = "This site mixes http and https",
            .advice = "You came by one of them, but logins only work by the other. Try the same "
                      "address with https://, or tell the administrator of this site.",
        },
    [TA_REASON_LOGIN_LOOP] =
        {
            .code = "login-loop",
            .status = 500,
            .title = "Logging in goes round in circles",
            .advice = "You were sent to the login again and again, so we stopped. Check that your "
                      "browser accepts cookies from this site, and try again in a minute.",
        },
    [TA_REASON_ATTEMPT_MISSING] =
        {
            .code = "attempt-missing",
            .status = 400,
            .title = "This login did not begin in this browser",
            .advice = "It may be too old, or begun in another browser, or your browser keeps no "
                      "cookies from this site. Allow cookies and try again.",
        },
    [TA_REASON_ATTEMPT_EXPIRED] =
        {
            .code = "attempt-expired",
            .status = 400,
            .title = "This login took too long",
            .advice = "For your safety a login must be finished within an hour. Please try "
                      "again.",
        },
    [TA_REASON_ATTEMPT_USED] =
        {
            .code = "attempt-used",
            .status = 400,
            .title = "This login was already finished",
            .advice = "The same answer came a second time, perhaps by the back button or a reload. "
                      "Go to the page you wanted, or try again.",
        },
    [TA_REASON_RESPONSE_MALFORMED] =
        {
            .code = "response-malformed",
            .status = 400,
            .title = "The login provider's answer could not be read",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_STATE_MISSING] =
        {
            .code = "state-missing",
            .status = 400,
            .title = "This answer belongs to no login",
            .advice = "The address you opened lacks what connects it with your login. Do not use "
                      "bookmarks or links for it: try again from the page you wanted.",
        },
    [TA_REASON_CODE_MISSING] =
        {
            .code = "code-missing",
            .status = 400,
            .title = "The login provider's answer was incomplete",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_ISSUER_MISMATCH] =
        {
            .code = "issuer-mismatch",
            .status = 400,
            .title = "The answer came from another login provider",
            .advice = "For your safety it was not used, and you are not logged in. Try again. If "
                      "it happens every time, tell the administrator of this site.",
        },
    [TA_REASON_PROVIDER_ERROR] =
        {
            .code = "provider-error",
            .status = 403,
            .title = "The login provider did not log you in",
            .advice = "Perhaps you cancelled, or your account there may not use this site. Try "
                      "again, or ask the administrator of this site.",
        },
    [TA_REASON_TICKET_INVALID] =
        {
            .code = "ticket-invalid",
            .status = 400,
            .title = "The way back from the login has expired",
            .advice = "It works only once and only for a short time. Go to the page you wanted and "
                      "try again.",
        },
    [TA_REASON_METHOD] =
        {
            .code = "method",
            .status = 405,
            .title = "This address cannot be used in this way",
            .advice = "Your browser or program sent a kind of request that is not answered here. "
                      "Go to the page you wanted and start from there.",
        },
    /* what the provider says */
    [TA_REASON_REQUEST_MALFORMED] =
        {
            .code = "request-malformed",
            .status = 400,
            .title = "This request cannot be read",
            .advice = "What your browser sent is broken or too long. Go back to the page where "
                      "you came from, and try again from there.",
        },
    [TA_REASON_PROVIDER_UNREACHABLE] =
        {
            .code = "provider-unreachable",
            .status = 502,
            .title = "The login provider does not answer",
            .advice = "It is down, or cannot be reached from here. Try again in a few minutes. If "
                      "that does not help, tell the administrator of this site.",
        },
    [TA_REASON_DISCOVERY_MALFORMED] =
        {
            .code = "discovery-malformed",
            .status = 502,
            .title = "The login provider's settings could not be read",
            .advice = "Try again in a few minutes. If that does not help, tell the administrator "
                      "of this site.",
        },
    [TA_REASON_DISCOVERY_ISSUER] =
        {
            .code = "discovery-issuer",
            .status = 502,
            .title = "The login provider calls itself by another name",
            .advice = "For your safety it is not used. Tell the administrator of this site, who "
                      "has to correct the name.",
        },
    [TA_REASON_KEYS_MALFORMED] =
        {
            .code = "keys-malformed",
            .status = 502,
            .title = "The login provider's keys could not be read",
            .advice = "Try again in a few minutes. If that does not help, tell the administrator "
                      "of this site.",
        },
    [TA_REASON_TOKEN_REFUSED] =
        {
            .code = "token-refused",
            .status = 502,
            .title = "The login provider did not confirm this login",
            .advice = "It may have taken too long, or been used before. Try again. If it happens "
                      "every time, tell the administrator of this site.",
        },
    [TA_REASON_CLIENT_REFUSED] =
        {
            .code = "client-refused",
            .status = 500,
            .title = "The login provider does not know this site",
            .advice = "Trying again will not help. The administrator of this site has to correct "
                      "what it says about itself to the login provider.",
        },
    [TA_REASON_TOKEN_MALFORMED] =
        {
            .code = "token-malformed",
            .status = 502,
            .title = "The login provider's confirmation could not be read",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_MISSING] =
        {
            .code = "id-token-missing",
            .status = 502,
            .title = "The login provider did not say who you are",
            .advice = "You are not logged in. Tell the administrator of this site, who has to "
                      "change that.",
        },
    [TA_REASON_ID_TOKEN_MALFORMED] =
        {
            .code = "id-token-malformed",
            .status = 502,
            .title = "The proof of who you are could not be read",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_ALGORITHM] =
        {
            .code = "id-token-algorithm",
            .status = 502,
            .title = "The proof of who you are is signed in a way that is not accepted here",
            .advice = "You are not logged in. Tell the administrator of this site, who has to "
                      "change that.",
        },
    [TA_REASON_ID_TOKEN_KEY] =
        {
            .code = "id-token-key",
            .status = 502,
            .title = "The proof of who you are is signed with an unknown key",
            .advice = "For your safety it was not used. Try again in a minute. If it happens every "
                      "time, tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_SIGNATURE] =
        {
            .code = "id-token-signature",
            .status = 502,
            .title = "The proof of who you are has a wrong signature",
            .advice = "For your safety it was not used. Try again. If it happens every time, tell "
                      "the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_TYPE] =
        {
            .code = "id-token-type",
            .status = 502,
            .title = "The login provider sent something else than a proof of who you are",
            .advice = "For your safety it was not used. Tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_ISSUER] =
        {
            .code = "id-token-issuer",
            .status = 502,
            .title = "The proof of who you are comes from another login provider",
            .advice = "For your safety it was not used. Tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_SUBJECT] =
        {
            .code = "id-token-subject",
            .status = 502,
            .title = "The proof of who you are is about nobody, or about somebody else",
            .advice = "For your safety it was not used. Try again. If it happens every time, tell "
                      "the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_AUDIENCE] =
        {
            .code = "id-token-audience",
            .status = 502,
            .title = "The proof of who you are is meant for another site",
            .advice = "For your safety it was not used. Tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_EXPIRED] =
        {
            .code = "id-token-expired",
            .status = 502,
            .title = "The proof of who you are had already expired",
            .advice = "Try again. If it happens every time, a clock is wrong, here or at the login "
                      "provider: tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_TIME] =
        {
            .code = "id-token-time",
            .status = 502,
            .title = "The proof of who you are has no valid time",
            .advice = "Try again. If it happens every time, a clock may be wrong, here or at the "
                      "login provider: tell the administrator of this site.",
        },
    [TA_REASON_ID_TOKEN_NONCE] =
        {
            .code = "id-token-nonce",
            .status = 502,
            .title = "The proof of who you are belongs to another login",
            .advice = "For your safety it was not used. Try again, from the page you wanted.",
        },
    [TA_REASON_ID_TOKEN_HASH] =
        {
            .code = "id-token-hash",
            .status = 502,
            .title = "The parts of the login provider's answer do not belong together",
            .advice = "For your safety it was not used. Try again. If it happens every time, tell "
                      "the administrator of this site.",
        },
    [TA_REASON_USERINFO_REFUSED] =
        {
            .code = "userinfo-refused",
            .status = 502,
            .title = "The login provider gave no information about you",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_USERINFO_MALFORMED] =
        {
            .code = "userinfo-malformed",
            .status = 502,
            .title = "The login provider's information about you could not be read",
            .advice = "You are not logged in. Try again. If it happens every time, tell the "
                      "administrator of this site.",
        },
    [TA_REASON_USERINFO_SUBJECT] =
        {
            .code = "userinfo-subject",
            .status = 502,
            .title = "The login provider's information is about somebody else",
            .advice = "For your safety it was not used. Try again. If it happens every time, tell "
                      "the administrator of this site.",
        },
    [TA_REASON_IDENTITY_EMPTY] =
        {
            .code = "identity-empty",
            .status = 403,
            .title = "Your account has no name that can be used here",
            .advice = "The login provider sent neither a user name nor an e-mail address that this "
                      "site can use. Ask the administrator of this site.",
        },
    /* this server */
    [TA_REASON_STORE_UNAVAILABLE] =
        {
            .code = "store-unavailable",
            .status = 503,
            .title = "Logins cannot be checked at the moment",
            .advice = "This is a fault on our side, and your login may still be good. Try again in "
                      "a few minutes.",
        },
    [TA_REASON_SESSION_TOO_LARGE] =
        {
            .code = "session-too-large",
            .status = 500,
            .title = "Your account is too large for this site",
            .advice = "The login provider sends more about you than can be kept here, many groups "
                      "perhaps. The administrator of this site has to change that.",
        },
    [TA_REASON_LOGOUT_TOKEN] =
        {
            .code = "logout-token",
            .status = 400,
            .title = "This order to log somebody out is not valid",
            .advice = "Nobody was logged out. To log out yourself, use the log-out page of this "
                      "site.",
        },
    [TA_REASON_BACKCHANNEL_TOKEN] =
        {
            .code = "backchannel-token",
            .status = 400,
            .title = "This is not a login provider's order to log out",
            .advice = "Nobody was logged out. Only a login provider sends something here, and "
                      "what came is not what it would send.",
        },
    [TA_REASON_BACKCHANNEL_USED] =
        {
            .code = "backchannel-used",
            .status = 400,
            .title = "This order to log out was used before",
            .advice = "Each order of a login provider counts once. Nobody was logged out this "
                      "time.",
        },
    [TA_REASON_ADMIN_OPEN] =
        {
            .code = "admin-open",
            .status = 500,
            .title = "This page is open to everybody",
            .advice = "It is for administrators, and is not shown before it is protected. The "
                      "administrator of this site has to write Require lines for it.",
        },
    [TA_REASON_NOT_FOUND] =
        {
            .code = "not-found",
            .status = 404,
            .title = "There is no such page",
            .advice = "Check the address, or go to the start page of this site.",
        },
    [TA_REASON_LOGOUT_CONFIRM] =
        {
            .code = "logout-confirm",
            .status = 200,
            .title = "Log out?",
            .advice = "Logging out ends your login on all sites that share it.",
        },
    [TA_REASON_SIGNED_OUT] =
        {
            .code = "signed-out",
            .status = 200,
            .title = "You are signed out",
            .advice = "You may still be logged in at your login provider. On a computer that "
                      "others use, log out there too.",
        },
    [TA_REASON_INTERNAL] =
        {
            .code = "internal",
            .status = 500,
            .title = "Something went wrong on our side",
            .advice = "Try again. If it happens every time, tell the administrator of this site, "
                      "who finds the cause in the server's error log.",
        },
};

/* A refusal that forgot its reason is still a refusal, and a fault of ours. */
const ta_reason_info *ta_reason_info_get(ta_reason reason)
{
    return (unsigned)reason < TA_REASON_COUNT && infos[reason].code ? &infos[reason]
                                                                    : &infos[TA_REASON_INTERNAL];
}

apr_status_t ta_fault_set(ta_fault *fault, apr_pool_t *p, ta_reason reason, const char *format, ...)
{
    va_list arguments;

    if (fault && fault->reason == TA_REASON_NONE) {
        fault->reason = reason;
        if (format) {
            va_start(arguments, format);
            fault->detail = apr_pvsprintf(p, format, arguments);
            va_end(arguments);
        }
    }
    return APR_EGENERAL;
}

const char *ta_fault_quote(apr_pool_t *p, const char *text)
{
    static const char cut[] = "...";
    const char *result = cut;
    const char *c = text;
    ta_text out;

    if (!text) {
        return "(none)";
    }
    ta_text_init(&out, p, QUOTE_BYTES);
    for (; *c && out.len + strlen("\\x00") + strlen(cut) <= QUOTE_BYTES; c++) {
        if (*c == '"' || *c == '\\') {
            ta_text_append_format(&out, "\\%c", *c);
        } else if (*c >= 0x20 && *c < 0x7f) {
            ta_text_append_bytes(&out, c, 1);
        } else {
            ta_text_append_format(&out, "\\x%02x", (unsigned char)*c);
        }
    }
    ta_text_append(&out, *c ? cut : NULL);
    return ta_text_finish(&out, &result) == APR_SUCCESS ? result : cut;
}
