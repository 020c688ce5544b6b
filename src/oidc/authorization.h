/*
 * The authorization request that takes the browser to the provider, and the response that
 * brings it back (OIDC Core 3.1.2, RFC 6749 section 4.1, RFC 7636, RFC 9207).
 */
#ifndef TA_OIDC_AUTHORIZATION_H
#define TA_OIDC_AUTHORIZATION_H

#include <apr_pools.h>

#include "oidc/discovery.h"
#include "oidc/provider.h"
#include "util/fault.h"
#include "util/form.h"

typedef struct ta_authorization_request {
    const ta_provider *provider;
    const ta_metadata *metadata;
    const char *redirect_uri;
    const char *state;
    const char *nonce;
    const char *code_verifier; /* its S256 challenge is sent */
    const char *prompt;        /* NULL, or prompt parameter ("login", "select_account") */
} ta_authorization_request;

typedef struct ta_authorization_response {
    const char *state; /* never NULL */
    const char *code;  /* NULL where error is set */
    const char *error;
    const char *error_description;
    const char *iss;
} ta_authorization_response;

/** code_challenge of a verifier by S256 (RFC 7636 section 4.2); NULL when OpenSSL fails. */
const char *ta_authorization_challenge(apr_pool_t *p, const char *code_verifier);

/** The URL to send the browser to; NULL when OpenSSL fails or it grows beyond 8 KB. nonce is
 *  sent only where the scopes hold openid. */
const char *ta_authorization_url(apr_pool_t *p, const ta_authorization_request *request);

/**
 * Reads the response's parameters; unknown ones are ignored.
 * @param fault RESPONSE_MALFORMED for code, state, iss or error twice, or code and error
 *              together; STATE_MISSING; CODE_MISSING where neither code nor error is there
 */
apr_status_t ta_authorization_response_parse(apr_pool_t *p, const ta_form *query,
                                             ta_authorization_response **result, ta_fault *fault);

/**
 * Whether a response whose state is ours may be acted on: iss equals the issuer when present,
 * and is present when the metadata promises it (RFC 9207 section 2.4; ignored without
 * issuer); then error → PROVIDER_ERROR with quoted "error: description".
 * An error response without iss is taken as the error it is.
 */
apr_status_t ta_authorization_response_check(apr_pool_t *p,
                                             const ta_authorization_response *response,
                                             const ta_metadata *metadata, ta_fault *fault);

#endif
