/*
 * How we show the provider who we are when we spend a code, and how its answer is to be
 * understood: tokens, a definite no, or nothing that tells us anything.
 */
#include "oidc/token.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "util/form.h"
#include "util/json.h"
#include "util/text.h"
#include "util/url.h"

#define EXPIRES_MAX 315360000 /* ten years; who says more has said nothing */

/*
 * What the error codes of RFC 6749 5.2 (and of the extensions that providers send here) mean
 * to us. Only a refusal is about this login or this user; the others must not end anybody's
 * session. Whatever is not listed is a refusal, too: Pocket ID before 2.10 has sentences.
 */
static const struct error_code {
    const char *code;
    ta_reason reason;
} error_codes[] = {
    {.code = "invalid_client", .reason = TA_REASON_CLIENT_REFUSED},
    {.code = "unauthorized_client", .reason = TA_REASON_CLIENT_REFUSED},
    {.code = "temporarily_unavailable", .reason = TA_REASON_PROVIDER_UNREACHABLE},
    {.code = "server_error", .reason = TA_REASON_PROVIDER_UNREACHABLE},
    {.code = "slow_down", .reason = TA_REASON_PROVIDER_UNREACHABLE},
    {.code = "invalid_request", .reason = TA_REASON_TOKEN_MALFORMED},
    {.code = "invalid_scope", .reason = TA_REASON_TOKEN_MALFORMED},
    {.code = "invalid_target", .reason = TA_REASON_TOKEN_MALFORMED},
    {.code = "unsupported_grant_type", .reason = TA_REASON_TOKEN_MALFORMED},
};

#define ERROR_CODES (sizeof(error_codes) / sizeof(error_codes[0]))

static ta_reason reason_of_error(const char *error)
{
    for (apr_size_t i = 0; i < ERROR_CODES; i++) {
        if (strcmp(error_codes[i].code, error) == 0) {
            return error_codes[i].reason;
        }
    }
    return TA_REASON_TOKEN_REFUSED;
}

/* What an answer without tokens means. error is NULL where the answer names none. */
static ta_reason reason_of_answer(int status, const char *error)
{
    if (status == 429 || status >= 500) {
        return TA_REASON_PROVIDER_UNREACHABLE;
    }
    /* RFC 6749 5.2 has 400 for it, some servers 401: it is a word about the grant in any case */
    if (error != NULL && strcmp(error, "invalid_grant") == 0) {
        return TA_REASON_TOKEN_REFUSED;
    }
    /* whatever else error says: some providers call a wrong secret access_denied */
    if (status == 401) {
        return TA_REASON_CLIENT_REFUSED;
    }
    /* a wrong URL (404) has an error in JSON, too, and is no word about the user */
    if (error != NULL && (status == 200 || status == 400 || status == 403)) {
        return reason_of_error(error);
    }
    return TA_REASON_TOKEN_MALFORMED;
}

static apr_status_t refuse(apr_pool_t *p, const ta_http_response *response, const char *error,
                           const ta_json *json, ta_fault *fault)
{
    ta_reason reason = reason_of_answer(response->status, error);

    if (error != NULL) {
        return ta_fault_set(fault, p, reason, "the token endpoint answered %d, error %s, %s",
                            response->status, ta_fault_quote(p, error),
                            ta_fault_quote(p, ta_json_string(json, "error_description")));
    }
    if (response->status >= 300 && response->status < 400) {
        return ta_fault_set(fault, p, reason,
                            "the token endpoint answered %d, a redirect, which is not followed",
                            response->status);
    }
    return ta_fault_set(fault, p, reason, "the token endpoint answered %d with %s and no error",
                        response->status,
                        *response->content_type != '\0' ? ta_fault_quote(p, response->content_type)
                                                        : "no content type");
}

static apr_status_t malformed(apr_pool_t *p, const char *what, ta_fault *fault)
{
    return ta_fault_set(fault, p, TA_REASON_TOKEN_MALFORMED, "the token endpoint's answer %s",
                        what);
}

/* A member that is a string, or absent; null and the empty string count as absent. */
static apr_status_t read_text(apr_pool_t *p, const ta_json *json, const char *name,
                              const char **result, ta_fault *fault)
{
    const ta_json *member = ta_json_get(json, name);
    const char *text = ta_json_text(member);

    *result = NULL;
    if (member != NULL && text == NULL) {
        return malformed(p, apr_psprintf(p, "has a %s that is no string", name), fault);
    }
    if (text != NULL && *text != '\0') {
        *result = apr_pstrdup(p, text);
    }
    return APR_SUCCESS;
}

/* RFC 6749 A.12: access-token = 1*VSCHAR. It becomes part of a header. */
static int is_printable_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return 0;
        }
    }
    return 1;
}

/* A number, or digits in a string; everything else says nothing. */
static apr_int64_t read_expires_in(const ta_json *json)
{
    const char *text = ta_json_string(json, "expires_in");
    apr_int64_t seconds = -1;

    if (text != NULL) {
        apr_size_t len = strspn(text, "0123456789");

        if (len > 0 && text[len] == '\0') {
            seconds = apr_strtoi64(text, NULL, 10);
        }
    } else if (ta_json_seconds(json, "expires_in", &seconds) != APR_SUCCESS) {
        seconds = -1;
    }
    return seconds >= 0 && seconds <= EXPIRES_MAX ? seconds : -1;
}

static apr_status_t read_tokens(apr_pool_t *p, const ta_json *json, ta_tokens *tokens,
                                ta_fault *fault)
{
    const char *type;

    if (read_text(p, json, "access_token", &tokens->access_token, fault) != APR_SUCCESS ||
        read_text(p, json, "id_token", &tokens->id_token, fault) != APR_SUCCESS ||
        read_text(p, json, "refresh_token", &tokens->refresh_token, fault) != APR_SUCCESS ||
        read_text(p, json, "token_type", &type, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    if (tokens->access_token == NULL) {
        return malformed(p, "has no access_token", fault);
    }
    if (!is_printable_ascii(tokens->access_token)) {
        return malformed(p, "has an access_token with unprintable characters", fault);
    }
    /* RFC 6749 5.1 and 7.1: token_type is required, in any case of letters; a client must not
     * use a token of a type that it does not know */
    if (type == NULL || apr_cstr_casecmp(type, "bearer") != 0) {
        return malformed(
            p, apr_psprintf(p, "has token_type %s, expected bearer", ta_fault_quote(p, type)),
            fault);
    }
    tokens->expires_in = read_expires_in(json);
    return APR_SUCCESS;
}

/* RFC 6749 2.3.1: id and secret are form-encoded before they become user and password */
static const char *basic_credentials(apr_pool_t *p, const ta_provider *provider)
{
    return apr_pstrcat(p, ta_url_encode(p, provider->client_id), ":",
                       ta_url_encode(p, provider->client_secret), NULL);
}

/* Who we are: in the header, or beside what is asked for; form holds the grant already. */
static apr_status_t finish_request(apr_pool_t *p, const ta_provider *provider,
                                   const ta_metadata *metadata, ta_text *form,
                                   ta_http_request *request)
{
    int basic = metadata->token_auth == TA_TOKEN_AUTH_BASIC;
    int post = metadata->token_auth == TA_TOKEN_AUTH_POST;

    if ((basic || post) && provider->client_secret == NULL) {
        return APR_EINVAL;
    }
    request->purpose = TA_HTTP_TOKEN;
    request->url = metadata->token_endpoint;
    request->accept = "application/json";
    request->bearer = NULL;
    request->basic = basic ? basic_credentials(p, provider) : NULL;
    /* RFC 6749 2.3: never more than one way of authentication in one request */
    ta_form_append(form, "client_id", basic ? NULL : provider->client_id);
    ta_form_append(form, "client_secret", post ? provider->client_secret : NULL);
    return ta_text_finish(form, &request->form);
}

apr_status_t ta_token_request_code(apr_pool_t *p, const ta_provider *provider,
                                   const ta_metadata *metadata, const char *code,
                                   const char *redirect_uri, const char *code_verifier,
                                   ta_http_request *request)
{
    ta_text form;

    ta_text_init(&form, p, TA_FORM_BYTES);
    ta_form_append(&form, "grant_type", "authorization_code");
    ta_form_append(&form, "code", code);
    ta_form_append(&form, "redirect_uri", redirect_uri);
    ta_form_append(&form, "code_verifier", code_verifier);
    return finish_request(p, provider, metadata, &form, request);
}

apr_status_t ta_token_request_refresh(apr_pool_t *p, const ta_provider *provider,
                                      const ta_metadata *metadata, const char *refresh_token,
                                      ta_http_request *request)
{
    ta_text form;

    ta_text_init(&form, p, TA_FORM_BYTES);
    ta_form_append(&form, "grant_type", "refresh_token");
    ta_form_append(&form, "refresh_token", refresh_token);
    return finish_request(p, provider, metadata, &form, request);
}

apr_status_t ta_token_answer_parse(apr_pool_t *p, const ta_http_response *response,
                                   ta_tokens **result, ta_fault *fault)
{
    ta_tokens *tokens = apr_pcalloc(p, sizeof(*tokens));
    const ta_json *json = NULL;
    const char *error = NULL;

    *result = NULL;
    if (ta_json_parse_object(p, response->body, &json) == APR_SUCCESS) {
        error = ta_json_string(json, "error");
        error = error != NULL && *error != '\0' ? error : NULL;
    }
    if (response->status != 200 || error != NULL) {
        return refuse(p, response, error, json, fault);
    }
    if (json == NULL) {
        return malformed(p,
                         apr_psprintf(p, "is no JSON object (its content type is %s)",
                                      *response->content_type != '\0'
                                          ? ta_fault_quote(p, response->content_type)
                                          : "not given"),
                         fault);
    }
    if (read_tokens(p, json, tokens, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    *result = tokens;
    return APR_SUCCESS;
}
