/*
 * The token request and its answer (RFC 6749 sections 2.3, 4.1.3, 5; OIDC Core 3.1.3).
 */
#ifndef TA_OIDC_TOKEN_H
#define TA_OIDC_TOKEN_H

#include <apr_pools.h>

#include "net/http.h"
#include "oidc/discovery.h"
#include "oidc/provider.h"

typedef struct ta_tokens {
    const char *access_token; /* never NULL in an answer */
    const char *id_token;     /* NULL where there is none */
    const char *refresh_token;
    apr_int64_t expires_in; /* seconds; -1: the provider did not say */
} ta_tokens;

/**
 * The request for a code. Fills in URL, client authentication and form; the rest of request
 * (timeouts, TLS) is the caller's. client_secret_basic url-encodes id and secret first
 * (RFC 6749 section 2.3.1).
 * @return APR_SUCCESS; APR_ENOSPC when the form grows beyond 16 KB; APR_EINVAL when the client
 *         is to authenticate and has no secret
 */
apr_status_t ta_token_request_code(apr_pool_t *p, const ta_provider *provider,
                                   const ta_metadata *metadata, const char *code,
                                   const char *redirect_uri, const char *code_verifier,
                                   ta_http_request *request);

/** The request for new tokens by a refresh token (RFC 6749 section 6); as the one for a code. */
apr_status_t ta_token_request_refresh(apr_pool_t *p, const ta_provider *provider,
                                      const ta_metadata *metadata, const char *refresh_token,
                                      ta_http_request *request);

/**
 * Reads the answer.
 * @param fault TOKEN_REFUSED (a definite no: invalid_grant, access_denied and the like),
 *              CLIENT_REFUSED (invalid_client, unauthorized_client, or 401),
 *              PROVIDER_UNREACHABLE (429, 5xx, server_error and the like), TOKEN_MALFORMED
 *              (everything else: redirects, no JSON, no access_token, a token_type that is not
 *              bearer in some case of letters, invalid_request and the like). The detail
 *              quotes error and error_description, never a token.
 */
apr_status_t ta_token_answer_parse(apr_pool_t *p, const ta_http_response *response,
                                   ta_tokens **result, ta_fault *fault);

#endif
