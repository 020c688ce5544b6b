/*
 * Whether a token that the provider signed is a logout token, and no other token of the same
 * provider: what it has in common with an ID token is checked there.
 */
#include "oidc/logout_token.h"

#include <string.h>

#include <apr_cstr.h>

#include "oidc/claims.h"
#include "oidc/id_token.h"

#define EVENT         "http://schemas.openid.net/event/backchannel-logout"
#define LONGEST_CLAIM 1024 /* bytes of a jti or sid */

/* Back-Channel Logout 2.4: typ may be left out; RFC 8725 3.11: one that ends in +jwt says which
 * kind of token it is. */
static apr_status_t check_type(apr_pool_t *p, const ta_jws *jws, ta_fault *fault)
{
    static const char *const good[] = {"JWT", "application/jwt", "logout+jwt",
                                       "application/logout+jwt"};

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (jws->typ == NULL || apr_cstr_casecmp(jws->typ, good[i]) == 0) {
            return APR_SUCCESS;
        }
    }
    return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN,
                        "typ of the token is %s, expected logout+jwt", ta_fault_quote(p, jws->typ));
}

/* 2.6 (6): events holds the member, and its value is an object. */
static apr_status_t check_events(apr_pool_t *p, const ta_json *claims, ta_fault *fault)
{
    const ta_json *event = ta_json_get(ta_json_get(claims, "events"), EVENT);

    if (ta_json_type_of(event) != TA_JSON_OBJECT) {
        return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN,
                            "events of the token has no object \"" EVENT "\"");
    }
    return APR_SUCCESS;
}

/* 2.6 (7): no nonce, so that an ID token can never pass for a logout token. */
static apr_status_t check_nonce(apr_pool_t *p, const ta_json *claims, ta_fault *fault)
{
    if (ta_json_get(claims, "nonce") != NULL) {
        return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN,
                            "the token has a nonce, as only an ID token may");
    }
    return APR_SUCCESS;
}

/* A claim that may be left out, but is a text when it is there. */
static apr_status_t read_text(apr_pool_t *p, const ta_json *claims, const char *name,
                              const char **value, ta_fault *fault)
{
    *value = ta_json_string(claims, name);
    if (ta_json_get(claims, name) != NULL &&
        (!ta_claims_is_plain(*value) || strlen(*value) > LONGEST_CLAIM)) {
        return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN,
                            "%s of the token is not usable: it is %s", name,
                            ta_fault_quote(p, *value));
    }
    return APR_SUCCESS;
}

/* 2.6 (5): sub, sid, or both. 2.4: jti is required. */
static apr_status_t read_names(apr_pool_t *p, const ta_json *claims, ta_logout_token *token,
                               ta_fault *fault)
{
    if (read_text(p, claims, "sub", &token->sub, fault) != APR_SUCCESS ||
        read_text(p, claims, "sid", &token->sid, fault) != APR_SUCCESS ||
        read_text(p, claims, "jti", &token->jti, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    if (token->sub == NULL && token->sid == NULL) {
        return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN,
                            "the token has neither sub nor sid");
    }
    if (token->jti == NULL) {
        return ta_fault_set(fault, p, TA_REASON_BACKCHANNEL_TOKEN, "the token has no jti");
    }
    return APR_SUCCESS;
}

/* What is refused by its age need not be remembered any longer. */
static apr_status_t check_age(apr_pool_t *p, const ta_json *claims, apr_int64_t now,
                              ta_logout_token *token, ta_fault *fault)
{
    apr_int64_t iat = 0;

    (void)ta_json_seconds(claims, "iat", &iat);
    token->expires = iat + TA_LOGOUT_TOKEN_SECONDS + TA_ID_TOKEN_SKEW;
    if (token->expires <= now) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_EXPIRED,
                            "the token was issued at %" APR_INT64_T_FMT ", it is %" APR_INT64_T_FMT
                            "; a logout token counts for %d seconds",
                            iat, now, TA_LOGOUT_TOKEN_SECONDS);
    }
    return APR_SUCCESS;
}

apr_status_t ta_logout_token_check(apr_pool_t *p, const ta_jws *jws, const ta_provider *provider,
                                   apr_int64_t now, ta_logout_token *token, ta_fault *fault)
{
    const ta_json *claims = NULL;
    apr_status_t rv = check_type(p, jws, fault);

    if (rv == APR_SUCCESS) {
        rv = ta_id_token_check_logout(p, jws, provider, now, &claims, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = check_events(p, claims, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = check_nonce(p, claims, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = read_names(p, claims, token, fault);
    }
    return rv == APR_SUCCESS ? check_age(p, claims, now, token, fault) : rv;
}
