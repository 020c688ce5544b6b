/*
 * Out of the claims of ID token and userinfo: who the user is.
 */
#ifndef TA_OIDC_CLAIMS_H
#define TA_OIDC_CLAIMS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "oidc/provider.h"
#include "util/fault.h"
#include "util/json.h"

#define TA_CLAIMS_VALUES  1024 /* the most values (of all claims together) that are kept */
#define TA_CLAIMS_GROUPS  4096 /* the most groups; more is a fault, never a cut */
#define TA_CLAIMS_SUBJECT 1024 /* bytes of the longest sub; OIDC allows 255 */

typedef enum ta_groups_state {
    TA_GROUPS_ABSENT,    /* no such claim: the scope is missing */
    TA_GROUPS_MALFORMED, /* neither a string nor an array of strings */
    TA_GROUPS_PRESENT    /* perhaps none */
} ta_groups_state;

/* One value of one claim. Arrays give a value per item, nested objects dotted names. */
typedef struct ta_claim {
    const char *name;
    const char *value;
} ta_claim;

typedef struct ta_identity {
    const char *user;       /* REMOTE_USER: first user claim that is there; never NULL */
    const char *sub;        /* never NULL */
    const char *sid;        /* session at the provider (ID token), or NULL */
    const char *name;       /* or NULL */
    const char *email;      /* or NULL */
    int email_verified;     /* email_verified is true, or the provider has TrustEmail */
    int email_by_userinfo;  /* userinfo has the member, be it null */
    int groups_by_userinfo; /* the same, or one in which the dotted path begins */
    ta_groups_state groups_state;
    apr_array_header_t *groups; /* of const char*, in the order they came */
    apr_array_header_t *claims; /* of ta_claim, without the groups claim and without those of
                                   the protocol (nonce, at_hash, c_hash, exp, iat, nbf, jti, rat) */
} ta_identity;

/** True when a text is there, not empty, and holds no control characters. */
int ta_claims_is_plain(const char *text);

/** True when a text can be a subject: plain, and no longer than TA_CLAIMS_SUBJECT. */
int ta_claims_is_subject(const char *text);

/**
 * Merges the claims (userinfo wins, member by member) and reads the identity.
 * A string as groups claim is one group. A user claim "email" counts only when verified,
 * and email_verified only beside the same e-mail. A member that is null in userinfo is absent,
 * whatever the ID token says. Values that are empty count as absent.
 * @param id_token claims of the ID token, or NULL
 * @param userinfo claims of userinfo, or NULL
 * @param sub      the checked subject
 * @param fault    IDENTITY_EMPTY when no user claim is there; TOKEN_MALFORMED beyond a limit
 */
apr_status_t ta_claims_identity(apr_pool_t *p, const ta_provider *provider, const ta_json *id_token,
                                const ta_json *userinfo, const char *sub, ta_identity **result,
                                ta_fault *fault);

#endif
