/*
 * What is sent to the provider by way of the browser, and whether what comes back may be
 * acted on. That the state is this browser's has been decided before.
 */
#include "oidc/authorization.h"

#include <string.h>

#include <apr_strings.h>

#include "util/base64url.h"
#include "util/secret.h"
#include "util/text.h"
#include "util/url.h"

#define URL_BYTES    8192
#define QUOTED_BYTES 300

/* RFC 6749 3.1: a parameter that comes twice makes the response invalid. Those that decide
 * nothing (error_description, …) may be sloppy. */
static const char *const single_parameters[] = {"code", "state", "iss", "error"};

#define SINGLE_PARAMETERS (sizeof(single_parameters) / sizeof(single_parameters[0]))

/* RFC 6749 3.1: parameters sent without a value are treated as if they were omitted */
static const char *get(const ta_form *query, const char *name)
{
    const char *value = ta_form_get(query, name);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* At most QUOTED_BYTES of "error: description", never half a character. */
static const char *quote_error(apr_pool_t *p, const ta_authorization_response *response)
{
    const char *description = response->error_description;
    char *words =
        apr_pstrcat(p, response->error, description != NULL ? ": " : NULL, description, NULL);
    apr_size_t len = strlen(words);

    if (len > QUOTED_BYTES) {
        len = QUOTED_BYTES;
        while (len > 0 && ((unsigned char)words[len] & 0xc0) == 0x80) {
            len--;
        }
        words[len] = '\0';
    }
    return words;
}

/* RFC 9207 2.4: iss must be compared with the issuer, and must be there when it was promised.
 * Without an issuer there is nothing to compare it with. */
static apr_status_t check_iss(apr_pool_t *p, const ta_authorization_response *response,
                              const ta_metadata *metadata, ta_fault *fault)
{
    if (metadata->issuer == NULL) {
        return APR_SUCCESS;
    }
    if (response->iss == NULL) {
        /* an error response without it is worth no more and no less than the error it names:
         * many providers promise iss and forget it there */
        if (metadata->response_iss_promised && response->error == NULL) {
            return ta_fault_set(fault, p, TA_REASON_ISSUER_MISMATCH,
                                "the response has no iss, though the provider promises it; "
                                "expected %s",
                                ta_fault_quote(p, metadata->issuer));
        }
        return APR_SUCCESS;
    }
    if (strcmp(response->iss, metadata->issuer) != 0) {
        return ta_fault_set(fault, p, TA_REASON_ISSUER_MISMATCH,
                            "iss of the response is %s, expected %s",
                            ta_fault_quote(p, response->iss), ta_fault_quote(p, metadata->issuer));
    }
    return APR_SUCCESS;
}

const char *ta_authorization_challenge(apr_pool_t *p, const char *code_verifier)
{
    unsigned char digest[TA_SHA256_LEN];

    /* RFC 7636 4.2: code_challenge = BASE64URL-ENCODE(SHA256(ASCII(code_verifier))) */
    if (ta_secret_sha256(code_verifier, strlen(code_verifier), digest) != APR_SUCCESS) {
        return NULL;
    }
    return ta_base64url_encode(p, digest, sizeof(digest));
}

const char *ta_authorization_url(apr_pool_t *p, const ta_authorization_request *request)
{
    int openid = ta_provider_has_scope(request->provider, "openid");
    const char *challenge;
    const char *query;
    const char *url;
    ta_text text;

    if (request->state == NULL || request->code_verifier == NULL ||
        (openid && request->nonce == NULL)) {
        return NULL;
    }
    challenge = ta_authorization_challenge(p, request->code_verifier);
    if (challenge == NULL) {
        return NULL;
    }
    ta_text_init(&text, p, URL_BYTES);
    ta_form_append(&text, "response_type", "code");
    ta_form_append(&text, "client_id", request->provider->client_id);
    ta_form_append(&text, "redirect_uri", request->redirect_uri);
    ta_form_append(&text, "scope", request->provider->scopes);
    ta_form_append(&text, "state", request->state);
    ta_form_append(&text, "nonce", openid ? request->nonce : NULL);
    ta_form_append(&text, "code_challenge", challenge);
    ta_form_append(&text, "code_challenge_method", "S256");
    ta_form_append(&text, "prompt", request->prompt);
    if (ta_text_finish(&text, &query) != APR_SUCCESS) {
        return NULL;
    }
    /* RFC 6749 3.1: a query that the endpoint has must be retained */
    url = ta_url_add_query(p, request->metadata->authorization_endpoint, query);
    return strlen(url) <= URL_BYTES ? url : NULL;
}

apr_status_t ta_authorization_response_parse(apr_pool_t *p, const ta_form *query,
                                             ta_authorization_response **result, ta_fault *fault)
{
    ta_authorization_response *response = apr_pcalloc(p, sizeof(*response));

    *result = NULL;
    for (apr_size_t i = 0; i < SINGLE_PARAMETERS; i++) {
        if (ta_form_count(query, single_parameters[i]) > 1) {
            return ta_fault_set(fault, p, TA_REASON_RESPONSE_MALFORMED,
                                "%s came more than once in the response", single_parameters[i]);
        }
    }
    response->state = get(query, "state");
    response->code = get(query, "code");
    response->error = get(query, "error");
    response->error_description = get(query, "error_description");
    response->iss = get(query, "iss");
    if (response->state == NULL) {
        return ta_fault_set(fault, p, TA_REASON_STATE_MISSING, "the response has no state");
    }
    if (response->code != NULL && response->error != NULL) {
        return ta_fault_set(fault, p, TA_REASON_RESPONSE_MALFORMED,
                            "the response has both a code and the error %s",
                            ta_fault_quote(p, response->error));
    }
    if (response->code == NULL && response->error == NULL) {
        return ta_fault_set(fault, p, TA_REASON_CODE_MISSING,
                            "the response has neither code nor error");
    }
    *result = response;
    return APR_SUCCESS;
}

apr_status_t ta_authorization_response_check(apr_pool_t *p,
                                             const ta_authorization_response *response,
                                             const ta_metadata *metadata, ta_fault *fault)
{
    if (check_iss(p, response, metadata, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    if (response->error == NULL) {
        return APR_SUCCESS;
    }
    ta_fault_set(fault, p, TA_REASON_PROVIDER_ERROR, "the provider's response is error %s, %s",
                 ta_fault_quote(p, response->error),
                 ta_fault_quote(p, response->error_description));
    if (fault != NULL && fault->reason == TA_REASON_PROVIDER_ERROR) {
        fault->quoted = quote_error(p, response);
    }
    return APR_EGENERAL;
}
