/*
 * Redeeming a code, and asking again later. The happy path of a login is ta_exchange_code, read
 * from top to bottom.
 */
#include "flow/exchange.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/trust.h"
#include "jose/jws.h"
#include "oidc/id_token.h"
#include "oidc/userinfo.h"

#define TELLING_BYTES 8 /* so much of a secret is recognised, also where it was cut off */

/* Some providers repeat in their error what they were sent. No log may hold it. */
static void hush(const ta_env *env, ta_fault *fault, const char *secret)
{
    const char *at = NULL;

    if (secret && strlen(secret) >= TELLING_BYTES && fault->detail) {
        at = strstr(fault->detail, apr_pstrmemdup(env->pool, secret, TELLING_BYTES));
    }
    if (at) {
        fault->detail = apr_pstrcat(
            env->pool, apr_pstrmemdup(env->pool, fault->detail, (apr_size_t)(at - fault->detail)),
            "(here it repeats a secret)", NULL);
    }
}

static apr_status_t request_tokens(const ta_env *env, const ta_exchange *exchange,
                                   ta_tokens **tokens, ta_fault *fault)
{
    ta_http_request request = {.accept = "application/json"};
    ta_http_response *response;
    apr_status_t rv;

    rv = ta_token_request_code(env->pool, exchange->provider, exchange->metadata, exchange->code,
                               exchange->redirect_uri, exchange->code_verifier, &request);
    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_RESPONSE_MALFORMED, "the code is too long");
    }
    rv = ta_trust_send(env, exchange->provider, &request, &response, fault);
    if (rv == APR_SUCCESS) {
        rv = ta_token_answer_parse(env->pool, response, tokens, fault);
    }
    hush(env, fault, exchange->code);
    hush(env, fault, exchange->code_verifier);
    hush(env, fault, exchange->provider->client_secret);
    return rv;
}

/* Everything about the ID token, signature first. Without an issuer there is nothing to hold
 * it against: it is discarded unread, and claims stays NULL. */
static apr_status_t check_id_token(const ta_env *env, const ta_exchange *exchange,
                                   const ta_tokens *tokens, const ta_json **claims, ta_fault *fault)
{
    ta_id_token_expected expected = {
        .provider = exchange->provider,
        .nonce = exchange->nonce,
        .access_token = tokens->access_token,
        .now = env->now,
    };
    ta_jws *jws;
    apr_status_t rv;

    *claims = NULL;
    if (!exchange->provider->issuer) {
        return APR_SUCCESS;
    }
    if (!tokens->id_token) {
        return ta_fault_set(fault, env->pool, TA_REASON_ID_TOKEN_MISSING,
                            "the token answer has no id_token: the scopes must hold openid");
    }
    rv = ta_jws_parse(env->pool, tokens->id_token, strlen(tokens->id_token), &jws, fault);
    if (rv == APR_SUCCESS) {
        rv = ta_trust_verify(env, exchange->provider, exchange->metadata, jws, fault);
    }
    return rv == APR_SUCCESS ? ta_id_token_check(env->pool, jws, &expected, claims, fault) : rv;
}

/* A userinfo answer that is a JWT is verified as an ID token is. */
static apr_status_t verify_userinfo(const ta_env *env, const ta_exchange *exchange, const char *jwt,
                                    const ta_json **claims, ta_fault *fault)
{
    ta_jws *jws;
    apr_status_t rv;

    if (!exchange->provider->issuer) {
        return ta_fault_set(fault, env->pool, TA_REASON_USERINFO_MALFORMED,
                            "the answer is signed, and without TinyauthIssuer nothing can "
                            "verify it");
    }
    rv = ta_jws_parse(env->pool, jwt, strlen(jwt), &jws, fault);
    if (rv == APR_SUCCESS) {
        rv = ta_trust_verify(env, exchange->provider, exchange->metadata, jws, fault);
    }
    return rv == APR_SUCCESS
               ? ta_id_token_check_userinfo(env->pool, jws, exchange->provider, claims, fault)
               : rv;
}

static apr_status_t request_userinfo(const ta_env *env, const ta_exchange *exchange,
                                     const ta_tokens *tokens, const ta_json **claims,
                                     ta_fault *fault)
{
    ta_http_request request = {.url = NULL};
    ta_http_response *response;
    const char *jwt = NULL;
    apr_status_t rv;

    *claims = NULL;
    if (!exchange->metadata->userinfo_endpoint) {
        return APR_SUCCESS;
    }
    ta_userinfo_request(exchange->metadata, tokens->access_token, &request);
    rv = ta_trust_send(env, exchange->provider, &request, &response, fault);
    if (rv == APR_SUCCESS) {
        rv = ta_userinfo_answer_parse(env->pool, response, claims, &jwt, fault);
    }
    hush(env, fault, tokens->access_token);
    if (rv == APR_SUCCESS && jwt) {
        rv = verify_userinfo(env, exchange, jwt, claims, fault);
    }
    return rv;
}

/* What ID token and userinfo say together. sub is the ID token's, or NULL. */
static apr_status_t identify(const ta_env *env, const ta_exchange *exchange,
                             const ta_tokens *tokens, const ta_json *id_token,
                             ta_identity **identity, ta_fault *fault)
{
    const char *sub = ta_json_string(id_token, "sub");
    const ta_json *userinfo;
    apr_status_t rv;

    /* OIDC Core 12.2: whoever comes out of a refresh is who went in */
    if (exchange->sub && sub && strcmp(sub, exchange->sub) != 0) {
        return ta_fault_set(fault, env->pool, TA_REASON_ID_TOKEN_SUBJECT,
                            "the new ID token is of another subject than the session");
    }
    rv = request_userinfo(env, exchange, tokens, &userinfo, fault);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (exchange->provider->issuer && exchange->sub) {
        sub = exchange->sub;
    }
    if (userinfo || !sub) {
        /* OIDC Core 5.3.2: userinfo is of use only when it speaks of the same subject */
        rv = ta_userinfo_check_subject(env->pool, userinfo, sub, &sub, fault);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    /* without an issuer nothing but userinfo says who it is, and it has to say so again */
    if (exchange->sub && strcmp(sub, exchange->sub) != 0) {
        return ta_fault_set(fault, env->pool, TA_REASON_USERINFO_SUBJECT,
                            "userinfo is of another subject than the session");
    }
    return ta_claims_identity(env->pool, exchange->provider, id_token, userinfo, sub, identity,
                              fault);
}

apr_status_t ta_exchange_code(const ta_env *env, const ta_exchange *exchange, ta_tokens **tokens,
                              ta_identity **identity, ta_fault *fault)
{
    const ta_json *id_token = NULL;
    apr_status_t rv = request_tokens(env, exchange, tokens, fault);

    if (rv == APR_SUCCESS) {
        rv = check_id_token(env, exchange, *tokens, &id_token, fault);
    }
    return rv == APR_SUCCESS ? identify(env, exchange, *tokens, id_token, identity, fault) : rv;
}

apr_status_t ta_exchange_refresh(const ta_env *env, const ta_exchange *exchange, ta_tokens *tokens,
                                 ta_fault *fault)
{
    ta_http_request request = {.accept = "application/json"};
    ta_http_response *response;
    ta_tokens *fresh;
    apr_status_t rv;

    rv = ta_token_request_refresh(env->pool, exchange->provider, exchange->metadata,
                                  tokens->refresh_token, &request);
    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_TOKEN_MALFORMED,
                            "the refresh token is too long, or the client has no secret");
    }
    rv = ta_trust_send(env, exchange->provider, &request, &response, fault);
    if (rv != APR_SUCCESS) {
        return rv == APR_ECONNREFUSED ? APR_EGENERAL : APR_INCOMPLETE;
    }
    if (ta_token_answer_parse(env->pool, response, &fresh, fault) != APR_SUCCESS) {
        hush(env, fault, tokens->refresh_token);
        hush(env, fault, exchange->provider->client_secret);
        return response->status == 200 || response->status >= 500 ? APR_INCOMPLETE : APR_EGENERAL;
    }
    fresh->id_token = fresh->id_token ? fresh->id_token : tokens->id_token;
    fresh->refresh_token = fresh->refresh_token ? fresh->refresh_token : tokens->refresh_token;
    *tokens = *fresh;
    return APR_SUCCESS;
}

/* The claims of an ID token that was verified when it came, and lay sealed since. */
static const ta_json *read_stored(const ta_env *env, const char *id_token)
{
    const ta_json *claims = NULL;
    ta_fault ignored = {.reason = TA_REASON_NONE};
    ta_jws *jws;

    if (id_token &&
        ta_jws_parse(env->pool, id_token, strlen(id_token), &jws, &ignored) == APR_SUCCESS) {
        (void)ta_json_parse_object(env->pool, jws->payload, &claims);
    }
    return claims;
}

apr_status_t ta_exchange_identify(const ta_env *env, const ta_exchange *exchange,
                                  const ta_tokens *tokens, int is_new, ta_identity **identity,
                                  ta_fault *fault)
{
    const ta_json *id_token = NULL;
    apr_status_t rv = APR_SUCCESS;

    if (is_new && tokens->id_token) {
        rv = check_id_token(env, exchange, tokens, &id_token, fault);
    } else if (exchange->provider->issuer) {
        id_token = read_stored(env, tokens->id_token);
    }
    return rv == APR_SUCCESS ? identify(env, exchange, tokens, id_token, identity, fault) : rv;
}
