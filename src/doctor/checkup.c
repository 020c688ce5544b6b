/*
 * The way to a provider, and what it publishes.
 */
#include "doctor/checkup.h"

#include <stdlib.h>
#include <string.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "doctor/checkup_client.h"
#include "doctor/secret_file.h"
#include "jose/key_set.h"
#include "util/url.h"

#define TIMEOUT_SECONDS 10
#define CLOCK_WRONG     300 /* ID tokens are refused beyond that */
#define CLOCK_ODD       30

apr_status_t ta_checkup_send(const ta_checkup *checkup, ta_http_request *request,
                             ta_http_response **response, ta_fault *fault)
{
    request->timeout_seconds = TIMEOUT_SECONDS;
    request->insecure = checkup->provider.insecure;
    request->ca_file = checkup->provider.ca_file;
    return checkup->http->send(checkup->http->context, checkup->pool, request, response, fault);
}

/* What libcurl says, and what to do about it. */
static const struct cause {
    const char *words;
    const char *what;
    const char *advice;
} causes[] = {
    {"resolve", "reachable",
     "This server does not find the host. Check the name, /etc/resolv.conf and /etc/hosts."},
    {"certificate subject name", "TLS",
     "The certificate is another host's: use the name that is in it, or a certificate for this "
     "name."},
    {"expired", "TLS", "The certificate has expired, or this server's clock is wrong."},
    {"certificate", "TLS",
     "Nobody whom this server trusts has signed the certificate. For a private authority write "
     "TinyauthCACertificateFile; otherwise check that the provider sends its whole chain, and "
     "that the package ca-certificates is installed."},
    {"SSL", "TLS",
     "There is no TLS behind that port, or none that both sides speak (TLS 1.2 or later). Check "
     "the port."},
    {"refused", "reachable", "Nobody listens there. Check host and port, and that it runs."},
    {"connect", "reachable",
     "There is no way from this server to there. Check host and port, that it runs, and "
     "firewalls."},
    {"timeout", "reachable", "It does not answer in time. Check firewalls, also outgoing."},
    {"", "reachable", "Try it from this server: curl -v with that URL."},
};

static void report_unreachable(const ta_checkup *checkup, const char *url, const ta_fault *fault)
{
    const char *detail = fault->detail ? fault->detail : "no answer";
    const struct cause *cause = causes;

    while (*cause->words && !strstr(detail, cause->words)) {
        cause++;
    }
    if (strcmp(cause->what, "TLS") == 0) {
        ta_report_line(checkup->report, TA_REPORT_GOOD, "reachable", "something answers at %s",
                       url);
    }
    ta_report_line(checkup->report, TA_REPORT_WRONG, cause->what, "%s", detail);
    ta_report_advice(checkup->report, "%s", cause->advice);
}

static void check_tls(const ta_checkup *checkup, const char *address)
{
    ta_url *url;

    if (ta_url_parse(checkup->pool, address, &url) != APR_SUCCESS) {
        return;
    }
    if (strcmp(url->scheme, "https") != 0) {
        int is_local = ta_url_host_is_loopback(url->host);

        ta_report_line(checkup->report, is_local ? TA_REPORT_NOTE : TA_REPORT_WRONG, "TLS",
                       "none: %s is plain http%s", url->origin,
                       is_local ? " on this machine" : ", and anybody on the way can log in");
    } else if (checkup->provider.insecure) {
        ta_report_line(checkup->report, TA_REPORT_WARNING, "TLS",
                       "TinyauthInsecure On: the certificate is not looked at");
        ta_report_advice(checkup->report,
                         "Take it out; for a private authority write TinyauthCACertificateFile.");
    } else {
        ta_report_line(checkup->report, TA_REPORT_GOOD, "TLS", "the certificate is good for %s",
                       url->host);
    }
}

static void check_clock(const ta_checkup *checkup, const ta_http_response *response)
{
    apr_int64_t ahead = checkup->now - response->date;
    ta_report_mark mark = llabs((long long)ahead) > CLOCK_WRONG ? TA_REPORT_WRONG
                          : llabs((long long)ahead) > CLOCK_ODD ? TA_REPORT_WARNING
                                                                : TA_REPORT_GOOD;

    if (!response->date) {
        ta_report_line(checkup->report, TA_REPORT_NOTE, "clock",
                       "the provider does not say its time");
        return;
    }
    if (mark == TA_REPORT_GOOD) {
        ta_report_line(checkup->report, mark, "clock", "both clocks agree");
        return;
    }
    ta_report_line(checkup->report, mark, "clock",
                   "this server's clock is %" APR_INT64_T_FMT " seconds %s the provider's",
                   (apr_int64_t)llabs((long long)ahead), ahead > 0 ? "ahead of" : "behind");
    ta_report_advice(checkup->report, "Set both by NTP: timedatectl set-ntp true");
}

/* httpd's parent reads it as root, and its children, who have to, as somebody else. */
static void check_ca_file(const ta_checkup *checkup)
{
    const char *file = checkup->provider.ca_file;
    apr_finfo_t info;

    if (file && apr_stat(&info, file, APR_FINFO_PROT, checkup->pool) == APR_SUCCESS &&
        !(info.protection & APR_FPROT_WREAD)) {
        ta_report_line(checkup->report, TA_REPORT_WARNING, "CA file",
                       "%s is closed to others: httpd's children may not be able to read it", file);
        ta_report_advice(checkup->report, "chmod 0644 %s: there is no secret in it", file);
    }
}

/* The first request: whether there is a way, and what comes along with any answer. */
static ta_http_response *reach(const ta_checkup *checkup, const char *url)
{
    ta_http_request request = {.url = url, .accept = "application/json"};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_http_response *response;

    if (ta_checkup_send(checkup, &request, &response, &fault) != APR_SUCCESS) {
        report_unreachable(checkup, url, &fault);
        return NULL;
    }
    ta_report_line(checkup->report, TA_REPORT_GOOD, "reachable", "%s answers", url);
    check_tls(checkup, url);
    check_clock(checkup, response);
    return response;
}

static int read_discovery(ta_checkup *checkup, const ta_http_response *response)
{
    const ta_provider *provider = &checkup->provider;
    ta_fault fault = {.reason = TA_REASON_NONE};

    if (response->status != 200) {
        ta_report_line(checkup->report, TA_REPORT_WRONG, "discovery",
                       "the answer is status %d, not a discovery document", response->status);
        ta_report_advice(
            checkup->report,
            "TinyauthIssuer must be the provider's own URL: for Pocket ID its APP_URL, "
            "without a path.");
        return 0;
    }
    if (ta_discovery_parse(checkup->pool, provider, response->body, &checkup->metadata, &fault) !=
        APR_SUCCESS) {
        int is_issuer = fault.reason == TA_REASON_DISCOVERY_ISSUER;

        ta_report_line(checkup->report, TA_REPORT_WRONG, is_issuer ? "issuer" : "discovery", "%s",
                       fault.detail);
        ta_report_advice(checkup->report, "%s",
                         is_issuer ? "Write TinyauthIssuer as the provider says it; or correct the "
                                     "provider's own public URL (Pocket ID: APP_URL)."
                                   : "Check the address; a missing endpoint can be written as a "
                                     "directive.");
        return 0;
    }
    ta_json_parse_object(checkup->pool, response->body, &checkup->document);
    ta_report_line(checkup->report, TA_REPORT_GOOD, "issuer", "the provider calls itself %s, too",
                   provider->issuer);
    return 1;
}

/* The algorithms that may sign here and that a key of the provider can make. */
static const char *usable_algorithms(const ta_checkup *checkup, const ta_key_set *keys)
{
    const char *names = "";

    for (apr_size_t i = 0; ta_algorithm_at(i); i++) {
        const ta_algorithm *algorithm = ta_algorithm_at(i);
        const apr_array_header_t *fitting =
            ta_key_set_candidates(checkup->pool, keys, algorithm, NULL);

        if (fitting->nelts && ta_provider_allows_algorithm(&checkup->provider, algorithm)) {
            names = apr_pstrcat(checkup->pool, names, *names ? ", " : "", algorithm->name, NULL);
        }
    }
    return names;
}

static void check_keys(const ta_checkup *checkup)
{
    ta_http_request request = {.url = checkup->metadata->jwks_uri, .accept = "application/json"};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_http_response *response;
    const char *names;
    ta_key_set *keys;

    if (ta_checkup_send(checkup, &request, &response, &fault) != APR_SUCCESS) {
        report_unreachable(checkup, request.url, &fault);
        return;
    }
    if (response->status != 200 ||
        ta_key_set_parse(checkup->pool, response->body, &keys) != APR_SUCCESS) {
        ta_report_line(checkup->report, TA_REPORT_WRONG, "keys",
                       "there is no key set at %s (status %d)", request.url, response->status);
        ta_report_advice(checkup->report, "Check TinyauthJwksURL if you wrote it.");
        return;
    }
    names = usable_algorithms(checkup, keys);
    if (*names) {
        ta_report_line(checkup->report, TA_REPORT_GOOD, "keys", "ID tokens can be verified: %s",
                       names);
        return;
    }
    ta_report_line(checkup->report, TA_REPORT_WRONG, "keys",
                   "none of the %d keys at %s fits an algorithm that is accepted",
                   keys->keys->nelts + keys->skipped, request.url);
    ta_report_advice(checkup->report, "Take TinyauthIdTokenAlg out, or have the provider sign with "
                                      "RS256, ES256 or EdDSA.");
}

static int lists(const ta_json *array, const char *name)
{
    for (apr_size_t i = 0; i < ta_json_length(array); i++) {
        const char *item = ta_json_text(ta_json_item(array, i));

        if (item && strcmp(item, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void check_groups(const ta_checkup *checkup)
{
    const ta_json *offered = ta_json_get(checkup->document, "scopes_supported");
    int are_needed = checkup->layout->groups->nelts > 0;
    int asks = ta_provider_has_scope(&checkup->provider, "groups");

    if (!asks && are_needed) {
        ta_report_line(checkup->report, TA_REPORT_WARNING, "groups",
                       "Require oauth-group is used, but the scope groups is not asked for");
        ta_report_advice(
            checkup->report,
            "Add groups to TinyauthScopes, unless the provider sends the claim %s anyway.",
            checkup->provider.groups_claim);
    } else if (asks && offered && !lists(offered, "groups")) {
        ta_report_line(checkup->report, are_needed ? TA_REPORT_WARNING : TA_REPORT_NOTE, "groups",
                       "the provider does not list the scope groups");
        ta_report_advice(checkup->report,
                         "Find out which claim holds the groups there, and write it as "
                         "TinyauthGroupsClaim, and its scope into TinyauthScopes.");
    } else if (asks) {
        ta_report_line(checkup->report, TA_REPORT_GOOD, "groups", "the scope groups is asked for");
    } else {
        ta_report_line(checkup->report, TA_REPORT_NOTE, "groups",
                       "neither asked for nor used by a Require");
    }
}

static void check_pkce(const ta_checkup *checkup)
{
    const ta_json *methods = ta_json_get(checkup->document, "code_challenge_methods_supported");

    if (methods && !lists(methods, "S256")) {
        ta_report_line(checkup->report, TA_REPORT_WARNING, "PKCE",
                       "the provider does not list S256, which every login of ours sends");
    } else {
        ta_report_line(checkup->report, TA_REPORT_GOOD, "PKCE", "S256 %s",
                       methods ? "is supported" : "is sent; the provider says nothing about it");
    }
}

/* Without an issuer there is no document to read: the login page has to be there. */
static int check_explicit(ta_checkup *checkup)
{
    if (!reach(checkup, checkup->provider.auth_url)) {
        return 0;
    }
    checkup->metadata = ta_discovery_explicit(checkup->pool, &checkup->provider);
    ta_report_line(checkup->report, TA_REPORT_WARNING, "issuer",
                   "TinyauthIssuer is not written: no ID token is verified");
    ta_report_advice(checkup->report, "Write it if the provider has discovery; Pocket ID has.");
    return 1;
}

void ta_checkup_run(ta_checkup *checkup)
{
    const ta_provider *provider = &checkup->provider;
    const ta_http_response *response;
    const char *secret;

    checkup->provider = checkup->client->provider;
    if (checkup->client->secret_file &&
        ta_secret_file_read(checkup->pool, checkup->client->secret_file, &secret) == APR_SUCCESS) {
        checkup->provider.client_secret = secret;
    }
    checkup->is_known = checkup->is_secret_accepted = -1;
    check_ca_file(checkup);
    if (!provider->issuer) {
        if (!check_explicit(checkup)) {
            return;
        }
    } else {
        response = reach(checkup, ta_discovery_url(checkup->pool, provider->issuer));
        if (!response || !read_discovery(checkup, response)) {
            return;
        }
        check_keys(checkup);
        check_pkce(checkup);
    }
    check_groups(checkup);
    ta_checkup_client_run(checkup);
}
