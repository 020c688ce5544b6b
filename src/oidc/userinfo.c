/*
 * How userinfo is asked for, and whether its answer is about the user who logged in.
 */
#include "oidc/userinfo.h"

#include <string.h>

#include <apr_strings.h>

#include "oidc/claims.h"

#define JSON_SUFFIX "+json"

static int is_json(const char *type)
{
    apr_size_t len = strlen(type);
    apr_size_t suffix = strlen(JSON_SUFFIX);

    if (strcmp(type, "application/json") == 0) {
        return 1;
    }
    return strncmp(type, "application/", 12) == 0 && len > 12 + suffix &&
           strcmp(type + len - suffix, JSON_SUFFIX) == 0;
}

static apr_status_t check_status(apr_pool_t *p, const ta_http_response *response, ta_fault *fault)
{
    int status = response->status;
    ta_reason reason = TA_REASON_USERINFO_MALFORMED;
    const ta_json *json = NULL;

    if (status == 200) {
        return APR_SUCCESS;
    }
    if (status == 401 || status == 403) {
        reason = TA_REASON_USERINFO_REFUSED;
    } else if (status == 429 || status >= 500) {
        reason = TA_REASON_PROVIDER_UNREACHABLE;
    }
    if (ta_json_parse_object(p, response->body, &json) != APR_SUCCESS) {
        return ta_fault_set(fault, p, reason, "the userinfo endpoint answered %d", status);
    }
    return ta_fault_set(fault, p, reason, "the userinfo endpoint answered %d, error %s, %s", status,
                        ta_fault_quote(p, ta_json_string(json, "error")),
                        ta_fault_quote(p, ta_json_string(json, "error_description")));
}

/* The subject where nothing but userinfo names one. */
static const char *plain_subject(apr_pool_t *p, const ta_json *claims)
{
    static const char *const names[] = {"sub", "id"};

    for (apr_size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const ta_json *value = ta_json_get(claims, names[i]);
        ta_json_type type = ta_json_type_of(value);

        if (type == TA_JSON_STRING || type == TA_JSON_NUMBER) {
            return ta_json_scalar(p, value);
        }
    }
    return NULL;
}

void ta_userinfo_request(const ta_metadata *metadata, const char *access_token,
                         ta_http_request *request)
{
    request->purpose = TA_HTTP_USERINFO;
    request->url = metadata->userinfo_endpoint;
    request->accept = "application/json, application/jwt";
    request->bearer = access_token;
    request->basic = NULL;
    request->form = NULL;
}

apr_status_t ta_userinfo_answer_parse(apr_pool_t *p, const ta_http_response *response,
                                      const ta_json **claims, const char **jwt, ta_fault *fault)
{
    const ta_bytes *body = &response->body;

    *claims = NULL;
    *jwt = NULL;
    if (check_status(p, response, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    /* OIDC Core 5.3.2: application/json for text, application/jwt for what is signed */
    if (strcmp(response->content_type, "application/jwt") == 0) {
        if (body->len == 0 || memchr(body->data, '\0', body->len) != NULL) {
            return ta_fault_set(fault, p, TA_REASON_USERINFO_MALFORMED,
                                "the userinfo answer is empty or holds a NUL");
        }
        *jwt = apr_pstrmemdup(p, (const char *)body->data, body->len);
        return APR_SUCCESS;
    }
    if (!is_json(response->content_type)) {
        return ta_fault_set(fault, p, TA_REASON_USERINFO_MALFORMED,
                            "the userinfo answer is %s, expected application/json or "
                            "application/jwt",
                            ta_fault_quote(p, response->content_type));
    }
    if (ta_json_parse_object(p, *body, claims) != APR_SUCCESS) {
        *claims = NULL;
        return ta_fault_set(fault, p, TA_REASON_USERINFO_MALFORMED,
                            "the userinfo answer is no JSON object");
    }
    return APR_SUCCESS;
}

apr_status_t ta_userinfo_check_subject(apr_pool_t *p, const ta_json *claims,
                                       const char *id_token_sub, const char **sub, ta_fault *fault)
{
    const char *found =
        id_token_sub != NULL ? ta_json_string(claims, "sub") : plain_subject(p, claims);

    *sub = NULL;
    if (!ta_claims_is_subject(found)) {
        return ta_fault_set(fault, p, TA_REASON_USERINFO_SUBJECT,
                            "userinfo has no usable sub: it is %s", ta_fault_quote(p, found));
    }
    /* OIDC Core 5.3.2: the sub of userinfo must be verified to exactly match the sub of the
     * ID token; if they do not match, the values must not be used */
    if (id_token_sub != NULL && strcmp(found, id_token_sub) != 0) {
        return ta_fault_set(fault, p, TA_REASON_USERINFO_SUBJECT,
                            "sub of userinfo is %s, of the ID token %s", ta_fault_quote(p, found),
                            ta_fault_quote(p, id_token_sub));
    }
    *sub = apr_pstrdup(p, found);
    return APR_SUCCESS;
}
