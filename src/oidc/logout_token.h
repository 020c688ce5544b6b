/*
 * OpenID Connect Back-Channel Logout 1.0: a token by which the provider says that a session, or
 * all sessions of a user, are over.
 */
#ifndef TA_OIDC_LOGOUT_TOKEN_H
#define TA_OIDC_LOGOUT_TOKEN_H

#include <apr_pools.h>

#include "jose/jws.h"
#include "oidc/provider.h"
#include "util/fault.h"

#define TA_LOGOUT_TOKEN_SECONDS 3600 /* older ones are refused: so long a jti is remembered */

typedef struct ta_logout_token {
    const char *sub;     /* or NULL; one of the two is there */
    const char *sid;     /* or NULL */
    const char *jti;     /* never NULL */
    apr_int64_t expires; /* seconds since 1970: from then on it is refused by its age */
} ta_logout_token;

/**
 * Holds a verified token against the rules of Back-Channel Logout 2.6, all but the last: whether
 * jti was seen before is a question to the store.
 * @param p     pool of what the result points to
 * @param jws   the token, its signature already verified
 * @param now   seconds since 1970
 * @param token filled in
 * @param fault BACKCHANNEL_TOKEN, or one of the ID_TOKEN_ reasons, with expected and found
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_logout_token_check(apr_pool_t *p, const ta_jws *jws, const ta_provider *provider,
                                   apr_int64_t now, ta_logout_token *token, ta_fault *fault);

#endif
