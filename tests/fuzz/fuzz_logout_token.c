/*
 * Logout tokens behind a good signature, and what passes for one: it names somebody and itself,
 * is of the provider and young, and never an ID token.
 *
 *     header, as JSON
 *     payload, as JSON
 */
#include "fuzz.h"

#include <string.h>

#include "oidc/id_token.h"
#include "oidc/logout_token.h"

static void check_good(apr_pool_t *p, const ta_jws *jws, const ta_logout_token *token)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    const ta_id_token_expected expected = {
        .provider = fuzz_provider(p),
        .nonce = "nonce",
        .now = WORLD_NOW,
    };
    const ta_json *claims;

    FUZZ_HOLDS(token->jti && (token->sub || token->sid));
    FUZZ_HOLDS(fuzz_is_one_line(token->jti));
    FUZZ_HOLDS(!token->sub || (*token->sub && fuzz_is_one_line(token->sub)));
    FUZZ_HOLDS(!token->sid || (*token->sid && fuzz_is_one_line(token->sid)));
    FUZZ_HOLDS(token->expires > WORLD_NOW);
    FUZZ_HOLDS(token->expires <= WORLD_NOW + TA_LOGOUT_TOKEN_SECONDS + 2 * TA_ID_TOKEN_SKEW);
    FUZZ_HOLDS(ta_id_token_check(p, jws, &expected, &claims, &fault) != APR_SUCCESS);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    const char *token = fuzz_take_token(p, &input);
    ta_logout_token parsed;
    ta_jws *jws;

    if (ta_jws_parse(p, token, strlen(token), &jws, &fault) != APR_SUCCESS) {
        return;
    }
    if (ta_logout_token_check(p, jws, fuzz_provider(p), WORLD_NOW, &parsed, &fault) ==
        APR_SUCCESS) {
        check_good(p, jws, &parsed);
    } else {
        FUZZ_HOLDS(fault.reason != TA_REASON_NONE);
        FUZZ_HOLDS(!fault.detail || fuzz_is_one_line(fault.detail));
    }
}
