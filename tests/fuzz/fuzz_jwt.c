/*
 * Tokens. None of them verifies, for none is signed with the key; and what the rules for
 * claims say of a payload holds whatever its bytes are.
 *
 *     token
 * or
 *     header, as JSON
 *     payload, as JSON: both are encoded here, so that mutations reach what is behind it
 */
#include "fuzz.h"

#include <string.h>

#include "jose/jws.h"
#include "oidc/id_token.h"

static void check_claims(apr_pool_t *p, const ta_jws *jws)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    const ta_provider *provider = fuzz_provider(p);
    const ta_id_token_expected expected = {
        .provider = provider,
        .nonce = "nonce",
        .access_token = "access",
        .now = WORLD_NOW,
    };
    const ta_json *claims;

    if (ta_id_token_check(p, jws, &expected, &claims, &fault) == APR_SUCCESS) {
        FUZZ_HOLDS(strcmp(ta_json_string(claims, "iss"), WORLD_ISSUER) == 0);
        FUZZ_HOLDS(strcmp(ta_json_string(claims, "nonce"), "nonce") == 0);
        FUZZ_HOLDS(ta_json_string(claims, "sub"));
    } else {
        FUZZ_HOLDS(fault.reason != TA_REASON_NONE);
        FUZZ_HOLDS(!fault.detail || fuzz_is_one_line(fault.detail));
    }
    fault = (ta_fault){.reason = TA_REASON_NONE};
    if (ta_id_token_check_userinfo(p, jws, provider, &claims, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason != TA_REASON_NONE);
    }
}

static ta_key_set *key_set(apr_pool_t *p)
{
    static const char document[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
                                   "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                                   "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                   "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
    ta_bytes bytes = {.data = (const unsigned char *)document, .len = sizeof(document) - 1};
    ta_key_set *set;

    FUZZ_HOLDS(ta_key_set_parse(p, bytes, &set) == APR_SUCCESS && set->keys->nelts == 2);
    return set;
}

static void try_token(apr_pool_t *p, const char *token, apr_size_t len)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_jws *jws;

    if (ta_jws_parse(p, token, len, &jws, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_ID_TOKEN_MALFORMED ||
                   fault.reason == TA_REASON_ID_TOKEN_ALGORITHM);
        FUZZ_HOLDS(!fault.detail || fuzz_is_one_line(fault.detail));
        return;
    }
    FUZZ_HOLDS(jws->algorithm && jws->signing_input.len < len);
    FUZZ_HOLDS(ta_jws_verify(p, jws, key_set(p)) != TA_JWS_VALID);
    check_claims(p, jws);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *token;

    try_token(p, (const char *)input.data, input.len);
    token = fuzz_take_token(p, &input);
    try_token(p, token, strlen(token));
}
