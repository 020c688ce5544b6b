/*
 * Why something was refused. Each refusal has one reason with a stable code, the same in the
 * page, the JSON, the log and the documentation. The detail is for the administrator's log
 * (expected and found, never a secret); the words for the person in front of the page come
 * from the reason.
 */
#ifndef TA_UTIL_FAULT_H
#define TA_UTIL_FAULT_H

#include <apr_errno.h>
#include <apr_pools.h>

typedef enum ta_reason {
    TA_REASON_NONE = 0,
    /* who may pass */
    TA_REASON_LOGIN_REQUIRED,
    TA_REASON_NOT_ALLOWED,      /* a Require said no */
    TA_REASON_NOT_IN_GROUP,     /* Require oauth-group said no */
    TA_REASON_GROUPS_ABSENT,    /* the provider sent no groups claim at all */
    TA_REASON_GROUPS_EMPTY,     /* the provider says that the user is in no group */
    TA_REASON_GROUPS_MALFORMED, /* the groups claim has a shape that we cannot read */
    TA_REASON_EMAIL_UNVERIFIED, /* the e-mail would be allowed but is not verified */
    TA_REASON_NOT_WHITELISTED,  /* TinyauthWhitelist */
    /* the way to the provider and back */
    TA_REASON_PROVIDER_UNKNOWN,
    TA_REASON_SCHEME_MISMATCH, /* request and app URL differ in http/https */
    TA_REASON_LOGIN_LOOP,
    TA_REASON_ATTEMPT_MISSING, /* no cookie of this login: blocked, expired, other browser */
    TA_REASON_ATTEMPT_EXPIRED,
    TA_REASON_ATTEMPT_USED, /* the same callback a second time */
    TA_REASON_RESPONSE_MALFORMED,
    TA_REASON_STATE_MISSING,
    TA_REASON_CODE_MISSING,
    TA_REASON_ISSUER_MISMATCH, /* RFC 9207 */
    TA_REASON_PROVIDER_ERROR,  /* error=… in the response */
    TA_REASON_TICKET_INVALID,  /* the way back from the login host */
    TA_REASON_METHOD,
    TA_REASON_REQUEST_MALFORMED, /* a form that cannot be read, or is too long */
    /* what the provider says */
    TA_REASON_PROVIDER_UNREACHABLE,
    TA_REASON_DISCOVERY_MALFORMED,
    TA_REASON_DISCOVERY_ISSUER,
    TA_REASON_KEYS_MALFORMED,
    TA_REASON_TOKEN_REFUSED,  /* invalid_grant and its like */
    TA_REASON_CLIENT_REFUSED, /* invalid_client: our configuration */
    TA_REASON_TOKEN_MALFORMED,
    TA_REASON_ID_TOKEN_MISSING,
    TA_REASON_ID_TOKEN_MALFORMED,
    TA_REASON_ID_TOKEN_ALGORITHM,
    TA_REASON_ID_TOKEN_KEY,
    TA_REASON_ID_TOKEN_SIGNATURE,
    TA_REASON_ID_TOKEN_TYPE,
    TA_REASON_ID_TOKEN_ISSUER,
    TA_REASON_ID_TOKEN_SUBJECT,
    TA_REASON_ID_TOKEN_AUDIENCE,
    TA_REASON_ID_TOKEN_EXPIRED,
    TA_REASON_ID_TOKEN_TIME, /* exp or iat missing, no number, or in the future */
    TA_REASON_ID_TOKEN_NONCE,
    TA_REASON_ID_TOKEN_HASH,
    TA_REASON_USERINFO_REFUSED,
    TA_REASON_USERINFO_MALFORMED,
    TA_REASON_USERINFO_SUBJECT,
    TA_REASON_IDENTITY_EMPTY, /* no claim that could name the user */
    /* this server */
    TA_REASON_STORE_UNAVAILABLE,
    TA_REASON_SESSION_TOO_LARGE,
    TA_REASON_LOGOUT_TOKEN,
    TA_REASON_BACKCHANNEL_TOKEN, /* what the provider sent is no logout token */
    TA_REASON_BACKCHANNEL_USED,  /* the same logout token a second time */
    TA_REASON_ADMIN_OPEN,        /* the administrator's page where everybody may pass */
    TA_REASON_NOT_FOUND,
    /* no refusals, but pages that programs may ask for, too */
    TA_REASON_LOGOUT_CONFIRM,
    TA_REASON_SIGNED_OUT,
    TA_REASON_INTERNAL,
    TA_REASON_COUNT
} ta_reason;

/* What a reason means to people. One table in fault.c holds them all. */
typedef struct ta_reason_info {
    const char *code;   /* stable: "id-token-expired" */
    int status;         /* HTTP status of the page */
    const char *title;  /* what happened, in words, no full stop */
    const char *advice; /* what the person can do now, one or two sentences */
} ta_reason_info;

typedef struct ta_fault {
    ta_reason reason;
    const char *detail; /* for the log; NULL where the reason says it all */
    const char *quoted; /* foreign words to show, escaped, on the page (error_description) */
} ta_fault;

/** The words of a reason; never NULL. */
const ta_reason_info *ta_reason_info_get(ta_reason reason);

/**
 * Notes why something was refused; the first reason stays when there is one already.
 * @param fault  the record; may be NULL
 * @param p      pool of the detail
 * @param reason why
 * @param format printf format of the detail, or NULL
 * @return APR_EGENERAL always, so that a caller can "return ta_fault_set(…)"
 */
apr_status_t ta_fault_set(ta_fault *fault, apr_pool_t *p, ta_reason reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** A foreign text made fit for one log line: at most 200 bytes, everything but printable
 *  ASCII as \xNN, quotes escaped; NULL becomes "(none)". Result in p. */
const char *ta_fault_quote(apr_pool_t *p, const char *text);

#endif
