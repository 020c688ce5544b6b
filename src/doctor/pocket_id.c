/*
 * One function for each call, and one that sends them all.
 */
#include "doctor/pocket_id.h"

#include <string.h>

#include <apr_strings.h>

#include "util/text.h"
#include "util/url.h"

#define TIMEOUT_SECONDS 15
#define BODY_BYTES      65536
#define PAGE_GROUPS     100 /* Pocket ID gives no more at once */
#define PAGES_MOST      100

/* The error in Pocket ID's words, or the status. */
static const char *refusal(const ta_pocket_id *pocket_id, const char *doing,
                           const ta_http_response *response)
{
    const ta_json *answer;
    const char *words = NULL;

    if (ta_json_parse_object(pocket_id->pool, response->body, &answer) == APR_SUCCESS) {
        words = ta_json_string(answer, "error");
    }
    if (response->status == 401 || response->status == 403) {
        return apr_psprintf(pocket_id->pool,
                            "Pocket ID does not accept the API key (%s): make one as an "
                            "administrator, and look at its expiry",
                            words ? ta_fault_quote(pocket_id->pool, words) : "no reason given");
    }
    return apr_psprintf(pocket_id->pool, "%s: Pocket ID answers with status %d, %s", doing,
                        response->status,
                        words ? ta_fault_quote(pocket_id->pool, words) : "without a reason");
}

/* Sends one call. A path is the part of the URL behind /api/. @return NULL with an error set */
static const ta_http_response *call(const ta_pocket_id *pocket_id, ta_http_request *request,
                                    const char *path, const char **error)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_http_response *response = NULL;
    ta_url *url;

    request->url = apr_pstrcat(pocket_id->pool, pocket_id->url, "/api/", path, NULL);
    request->accept = "application/json";
    request->api_key = pocket_id->api_key;
    request->timeout_seconds = TIMEOUT_SECONDS;
    request->ca_file = pocket_id->ca_file;
    if (ta_url_parse(pocket_id->pool, request->url, &url) != APR_SUCCESS ||
        (strcmp(url->scheme, "https") != 0 && !ta_url_host_is_loopback(url->host))) {
        *error = apr_psprintf(pocket_id->pool, "%s is not encrypted: an API key is not sent there",
                              pocket_id->url);
        return NULL;
    }
    if (pocket_id->insecure) {
        *error = apr_psprintf(pocket_id->pool,
                              "with TinyauthInsecure nobody knows who answers at %s: an API key is "
                              "not sent there. Write TinyauthCACertificateFile instead",
                              pocket_id->url);
        return NULL;
    }
    if (pocket_id->http->send(pocket_id->http->context, pocket_id->pool, request, &response,
                              &fault) != APR_SUCCESS) {
        *error = apr_pstrcat(pocket_id->pool, "Pocket ID does not answer: ", fault.detail, NULL);
        return NULL;
    }
    *error = NULL;
    return response;
}

/* Sends a body and expects a JSON object, or nothing much. */
static const char *change(const ta_pocket_id *pocket_id, const char *doing, const char *path,
                          const char *body, int put, const ta_json **answer)
{
    ta_http_request request = {.json = body, .put = put};
    const char *error;
    const ta_http_response *response = call(pocket_id, &request, path, &error);

    *answer = NULL;
    if (!response) {
        return error;
    }
    if (response->status < 200 || response->status > 299) {
        return refusal(pocket_id, doing, response);
    }
    ta_json_parse_object(pocket_id->pool, response->body, answer);
    return NULL;
}

static const char *client_path(const ta_pocket_id *pocket_id, const char *client_id,
                               const char *more)
{
    return apr_pstrcat(pocket_id->pool, "oidc/clients/", ta_url_encode(pocket_id->pool, client_id),
                       more, NULL);
}

const char *ta_pocket_id_get_client(const ta_pocket_id *pocket_id, const char *client_id,
                                    const ta_json **record)
{
    ta_http_request request = {.form = NULL};
    const char *error;
    const ta_http_response *response =
        call(pocket_id, &request, client_path(pocket_id, client_id, ""), &error);

    *record = NULL;
    if (!response || response->status == 404) {
        return error;
    }
    if (response->status != 200) {
        return refusal(pocket_id, "asking for the client", response);
    }
    return ta_json_parse_object(pocket_id->pool, response->body, record) == APR_SUCCESS
               ? NULL
               : "Pocket ID's record of the client cannot be read";
}

const char *ta_pocket_id_create_client(const ta_pocket_id *pocket_id, const char *record)
{
    const ta_json *answer;

    return change(pocket_id, "creating the client", "oidc/clients", record, 0, &answer);
}

const char *ta_pocket_id_replace_client(const ta_pocket_id *pocket_id, const char *client_id,
                                        const char *record)
{
    const ta_json *answer;

    return change(pocket_id, "changing the client", client_path(pocket_id, client_id, ""), record,
                  1, &answer);
}

const char *ta_pocket_id_make_secret(const ta_pocket_id *pocket_id, const char *client_id,
                                     const char **secret)
{
    /* /secrets came with 2.14; before it there was one secret, and /secret replaced it */
    static const char *const paths[] = {"/secrets", "/secret"};
    const ta_http_response *response = NULL;
    const ta_json *answer;

    *secret = NULL;
    for (apr_size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        ta_http_request request = {.json = "{}"};
        const char *error;

        response = call(pocket_id, &request, client_path(pocket_id, client_id, paths[i]), &error);
        if (!response) {
            return error;
        }
        if (response->status != 404 && response->status != 405) {
            break;
        }
    }
    if (response->status < 200 || response->status > 299) {
        return refusal(pocket_id, "making a secret", response);
    }
    if (ta_json_parse_object(pocket_id->pool, response->body, &answer) == APR_SUCCESS) {
        *secret = ta_json_string(answer, "secret");
    }
    return *secret ? NULL : "Pocket ID's answer holds no secret";
}

/* The id of the group in one page of the list; says how many groups the page has. */
static const char *find_in_page(const ta_json *answer, const char *name, apr_size_t *count)
{
    const ta_json *groups = ta_json_get(answer, "data");

    *count = ta_json_length(groups);
    for (apr_size_t i = 0; i < *count; i++) {
        const ta_json *group = ta_json_item(groups, i);
        const char *each = ta_json_string(group, "name");

        if (each && strcmp(each, name) == 0) {
            return ta_json_string(group, "id");
        }
    }
    return NULL;
}

const char *ta_pocket_id_find_group(const ta_pocket_id *pocket_id, const char *name,
                                    const char **id)
{
    apr_size_t count = PAGE_GROUPS;

    *id = NULL;
    for (int page = 1; !*id && count == PAGE_GROUPS && page <= PAGES_MOST; page++) {
        ta_http_request request = {.form = NULL};
        const ta_json *answer;
        const char *error;
        const ta_http_response *response =
            call(pocket_id, &request,
                 apr_psprintf(pocket_id->pool,
                              "user-groups?search=%s&pagination%%5Bpage%%5D=%d"
                              "&pagination%%5Blimit%%5D=%d",
                              ta_url_encode(pocket_id->pool, name), page, PAGE_GROUPS),
                 &error);

        if (!response) {
            return error;
        }
        if (response->status != 200 ||
            ta_json_parse_object(pocket_id->pool, response->body, &answer) != APR_SUCCESS) {
            return refusal(pocket_id, "asking for the user groups", response);
        }
        *id = find_in_page(answer, name, &count);
    }
    return NULL;
}

const char *ta_pocket_id_create_group(const ta_pocket_id *pocket_id, const char *name,
                                      const char **id)
{
    const ta_json *answer;
    const char *error;
    ta_text body;

    ta_text_init(&body, pocket_id->pool, BODY_BYTES);
    ta_text_append(&body, "{\"name\":");
    ta_json_append_string(&body, name);
    ta_text_append(&body, ",\"friendlyName\":");
    ta_json_append_string(&body, name);
    ta_text_append(&body, "}");
    error = change(pocket_id, "creating the user group", "user-groups", body.data, 0, &answer);
    if (error) {
        return error;
    }
    *id = ta_json_string(answer, "id");
    return *id ? NULL : "Pocket ID's answer holds no id of the new group";
}

const char *ta_pocket_id_allow_groups(const ta_pocket_id *pocket_id, const char *client_id,
                                      const apr_array_header_t *ids)
{
    const ta_json *answer;
    const char *path = client_path(pocket_id, client_id, "/allowed-user-groups");
    ta_text body;

    ta_text_init(&body, pocket_id->pool, BODY_BYTES);
    ta_text_append(&body, "{\"userGroupIds\":[");
    for (int i = 0; i < ids->nelts; i++) {
        ta_text_append(&body, i ? "," : NULL);
        ta_json_append_string(&body, APR_ARRAY_IDX(ids, i, const char *));
    }
    ta_text_append(&body, "]}");
    return change(pocket_id, "allowing the groups", path, body.data, 1, &answer);
}
