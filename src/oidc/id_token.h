/*
 * The ID token's rules (OIDC Core 3.1.3.7), each in a line of its own. The signature is
 * verified by the caller (flow/trust.h) before this file is asked.
 */
#ifndef TA_OIDC_ID_TOKEN_H
#define TA_OIDC_ID_TOKEN_H

#include <apr_pools.h>

#include "jose/jws.h"
#include "oidc/provider.h"
#include "util/fault.h"
#include "util/json.h"

#define TA_ID_TOKEN_SKEW 300 /* seconds by which the clocks may differ */

typedef struct ta_id_token_expected {
    const ta_provider *provider; /* issuer and client_id */
    const char *nonce;           /* NULL: not asked for (refresh) */
    const char *access_token;    /* for at_hash; NULL: not checked */
    apr_int64_t now;             /* seconds since 1970 */
} ta_id_token_expected;

/**
 * Holds a verified token against what is expected of it: iss, sub, aud, azp, exp, iat, nonce,
 * at_hash, and that it is no access token (typ "at+jwt", or a type that says so).
 * @param jws    the token, its signature already verified
 * @param claims set to its payload
 * @param fault  one of the ID_TOKEN_ reasons, with expected and found
 */
apr_status_t ta_id_token_check(apr_pool_t *p, const ta_jws *jws,
                               const ta_id_token_expected *expected, const ta_json **claims,
                               ta_fault *fault);

/** iss, sub and aud of a signed userinfo answer (OIDC Core 5.3.2): no times needed. */
apr_status_t ta_id_token_check_userinfo(apr_pool_t *p, const ta_jws *jws,
                                        const ta_provider *provider, const ta_json **claims,
                                        ta_fault *fault);

/** What a logout token has in common with an ID token (Back-Channel Logout 2.6): iss, aud, iat,
 *  and azp, exp, nbf where they are there. The rest: oidc/logout_token.h. */
apr_status_t ta_id_token_check_logout(apr_pool_t *p, const ta_jws *jws, const ta_provider *provider,
                                      apr_int64_t now, const ta_json **claims, ta_fault *fault);

#endif
