/*
 * Client id, client secret, and the URLs that have to be registered. Pocket ID says of a client
 * id whether it knows it; every provider says of a secret whether it is right, when it is asked
 * for tokens with a code that it never gave.
 */
#include "doctor/checkup_client.h"

#include <string.h>

#include <apr_strings.h>

#include "doctor/secret_file.h"
#include "oidc/token.h"
#include "util/url.h"

/* RFC 7636 4.1: 43 characters or more; nobody will ask for the challenge of this one */
#define VERIFIER "tinyauth-doctor-tinyauth-doctor-tinyauth-doctor"

static int ends_with(const char *text, const char *end)
{
    apr_size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Pocket ID by its token endpoint, which no setting of it changes. */
static int is_pocket_id(const ta_metadata *metadata)
{
    return ends_with(metadata->token_endpoint, "/api/oidc/token") &&
           ends_with(metadata->authorization_endpoint, "/authorize");
}

static void check_client_id(ta_checkup *checkup)
{
    const ta_provider *provider = &checkup->provider;
    const char *issuer = provider->issuer;
    ta_http_request request = {.accept = "application/json"};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_http_response *response;
    const ta_json *answer;

    request.url =
        apr_pstrcat(checkup->pool, issuer, ends_with(issuer, "/") ? "" : "/", "api/oidc/clients/",
                    ta_url_encode(checkup->pool, provider->client_id), "/meta", NULL);
    if (ta_checkup_send(checkup, &request, &response, &fault) != APR_SUCCESS) {
        return;
    }
    if (response->status == 200 &&
        ta_json_parse_object(checkup->pool, response->body, &answer) == APR_SUCCESS &&
        ta_json_string(answer, "name")) {
        checkup->is_known = 1;
        ta_report_line(checkup->report, TA_REPORT_GOOD, "client id", "Pocket ID knows it as %s",
                       ta_fault_quote(checkup->pool, ta_json_string(answer, "name")));
    } else if (response->status == 404 || response->status == 400) {
        checkup->is_known = 0;
        ta_report_line(checkup->report, TA_REPORT_WRONG, "client id",
                       "Pocket ID knows no client %s",
                       ta_fault_quote(checkup->pool, provider->client_id));
        ta_report_advice(checkup->report,
                         "Copy the client ID from Pocket ID (OIDC Clients), or create the client: "
                         "--api-key-file.");
    } else {
        ta_report_line(checkup->report, TA_REPORT_NOTE, "client id",
                       "nobody can tell: Pocket ID answers with status %d", response->status);
    }
}

static void report_secret(ta_checkup *checkup, const ta_fault *fault)
{
    switch (fault->reason) {
    case TA_REASON_TOKEN_REFUSED:
        checkup->is_secret_accepted = 1;
        ta_report_line(checkup->report, TA_REPORT_GOOD, "client",
                       "the provider accepts id and secret");
        return;
    case TA_REASON_CLIENT_REFUSED:
        checkup->is_secret_accepted = 0;
        ta_report_line(checkup->report, TA_REPORT_WRONG, "client",
                       "the provider does not accept client id and secret");
        ta_report_advice(checkup->report,
                         "Write the secret anew (%s), or have Pocket ID make one: --api-key-file.",
                         checkup->client->secret_file ? checkup->client->secret_file
                                                      : "TinyauthClientSecretFile");
        return;
    default:
        ta_report_line(checkup->report, TA_REPORT_NOTE, "client",
                       "nobody can tell whether the secret is right: %s",
                       fault->detail ? fault->detail : "an odd answer");
    }
}

/* Redeems a code that there never was. */
static void try_secret(ta_checkup *checkup)
{
    const char *callback = checkup->client->callbacks->nelts
                               ? APR_ARRAY_IDX(checkup->client->callbacks, 0, const char *)
                               : "https://localhost/";
    ta_http_request request = {.accept = "application/json"};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_http_response *response;
    ta_tokens *tokens;

    if (ta_token_request_code(checkup->pool, &checkup->provider, checkup->metadata,
                              "tinyauth-doctor", callback, VERIFIER, &request) != APR_SUCCESS) {
        return;
    }
    if (ta_checkup_send(checkup, &request, &response, &fault) == APR_SUCCESS) {
        ta_token_answer_parse(checkup->pool, response, &tokens, &fault);
    }
    report_secret(checkup, &fault);
}

static void check_secret(ta_checkup *checkup)
{
    const ta_layout_client *client = checkup->client;

    if (client->secret_file) {
        ta_secret_file_check(checkup->pool, checkup->report, "secret file", client->secret_file);
        if (!checkup->provider.client_secret) {
            return;
        }
    } else if (client->has_secret) {
        ta_report_line(checkup->report, TA_REPORT_WARNING, "secret",
                       "it is written in the configuration itself, and was not tried");
        ta_report_advice(checkup->report, "Write TinyauthClientSecretFile instead.");
        return;
    } else {
        ta_report_line(checkup->report, TA_REPORT_NOTE, "secret", "none: a public client");
    }
    if (checkup->is_known != 0) {
        try_secret(checkup);
    }
}

static void list_urls(const ta_checkup *checkup, const char *what, const apr_array_header_t *urls)
{
    for (int i = 0; i < urls->nelts; i++) {
        ta_report_line(checkup->report, TA_REPORT_NOTE, what, "%s",
                       APR_ARRAY_IDX(urls, i, const char *));
    }
}

void ta_checkup_client_run(ta_checkup *checkup)
{
    checkup->is_pocket_id = is_pocket_id(checkup->metadata);
    if (checkup->provider.client_id) {
        if (checkup->is_pocket_id && checkup->provider.issuer) {
            check_client_id(checkup);
        }
        check_secret(checkup);
    }
    list_urls(checkup, "register as callback URL", checkup->client->callbacks);
    list_urls(checkup, "register as logout callback URL", checkup->client->logout_callbacks);
}
