/*
 * Answers of the token endpoint.
 *
 *     status
 *     content type
 *     body
 */
#include "fuzz.h"

#include "oidc/token.h"

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_http_response response = {.status = (int)strtol(fuzz_take_line(p, &input), NULL, 10)};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_tokens *tokens;

    response.content_type = fuzz_take_line(p, &input);
    response.body = world_foreign_bytes(p, input);
    if (ta_token_answer_parse(p, &response, &tokens, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_TOKEN_REFUSED ||
                   fault.reason == TA_REASON_CLIENT_REFUSED ||
                   fault.reason == TA_REASON_PROVIDER_UNREACHABLE ||
                   fault.reason == TA_REASON_TOKEN_MALFORMED);
        FUZZ_HOLDS(!fault.detail || fuzz_is_one_line(fault.detail));
        return;
    }
    FUZZ_HOLDS(response.status == 200);
    FUZZ_HOLDS(tokens->access_token && *tokens->access_token &&
               fuzz_is_one_line(tokens->access_token));
    FUZZ_HOLDS(tokens->expires_in >= -1);
}
