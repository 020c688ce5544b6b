/*
 * Discovery documents: the issuer is the configured one or nothing is believed, and every
 * endpoint that is is one that we may send secrets to.
 */
#include "fuzz.h"

#include <string.h>

#include "oidc/authorization.h"
#include "oidc/end_session.h"

static void check_url(apr_pool_t *p, const ta_provider *provider, const char *url)
{
    FUZZ_HOLDS(!url || ta_provider_judge_url(p, provider, url) == TA_PROVIDER_URL_SAFE);
    FUZZ_HOLDS(!url || fuzz_is_one_line(url));
}

static void send_there(apr_pool_t *p, const ta_provider *provider, const ta_metadata *metadata)
{
    const ta_authorization_request request = {
        .provider = provider,
        .metadata = metadata,
        .redirect_uri = WORLD_APP "/api/oauth/callback/" WORLD_ID,
        .state = "state",
        .nonce = "nonce",
        .code_verifier = "verifier",
    };
    const char *url = ta_authorization_url(p, &request);

    FUZZ_HOLDS(!url || strncmp(url, metadata->authorization_endpoint,
                               strlen(metadata->authorization_endpoint)) == 0);
    url = ta_end_session_url(p, provider, metadata, "token", WORLD_APP "/", "state");
    FUZZ_HOLDS(!url || (metadata->end_session_endpoint &&
                        strncmp(url, metadata->end_session_endpoint,
                                strlen(metadata->end_session_endpoint)) == 0));
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const ta_provider *provider = fuzz_provider(p);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_metadata *metadata;

    if (ta_discovery_parse(p, provider, input, &metadata, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_DISCOVERY_MALFORMED ||
                   fault.reason == TA_REASON_DISCOVERY_ISSUER);
        FUZZ_HOLDS(!fault.detail || fuzz_is_one_line(fault.detail));
        return;
    }
    metadata = ta_metadata_copy(p, metadata);
    FUZZ_HOLDS(strcmp(metadata->issuer, WORLD_ISSUER) == 0);
    FUZZ_HOLDS(metadata->authorization_endpoint && metadata->token_endpoint && metadata->jwks_uri);
    FUZZ_HOLDS(metadata->token_auth != TA_TOKEN_AUTH_AUTO);
    check_url(p, provider, metadata->authorization_endpoint);
    check_url(p, provider, metadata->token_endpoint);
    check_url(p, provider, metadata->userinfo_endpoint);
    check_url(p, provider, metadata->jwks_uri);
    check_url(p, provider, metadata->end_session_endpoint);
    send_there(p, provider, metadata);
}
