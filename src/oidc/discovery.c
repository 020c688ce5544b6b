/*
 * What we know of a provider's endpoints: its discovery document where it is what the
 * configured issuer says of itself, and above it what the administrator wrote.
 */
#include "oidc/discovery.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>

#include "util/json.h"
#include "util/text.h"

#define WELL_KNOWN    ".well-known/openid-configuration"
#define METHODS_BYTES 2048

/* Where each endpoint comes from. Discovery section 3: authorization_endpoint, jwks_uri and,
 * for the code flow, token_endpoint are required. */
static const struct endpoint {
    const char *member;  /* of the document */
    const char *setting; /* the directive that wins over it */
    apr_size_t metadata; /* offset of its field in ta_metadata */
    apr_size_t provider; /* offset of the setting in ta_provider */
    int required;
} endpoints[] = {
    {.member = "authorization_endpoint",
     .setting = "TinyauthAuthURL",
     .metadata = offsetof(ta_metadata, authorization_endpoint),
     .provider = offsetof(ta_provider, auth_url),
     .required = 1},
    {.member = "token_endpoint",
     .setting = "TinyauthTokenURL",
     .metadata = offsetof(ta_metadata, token_endpoint),
     .provider = offsetof(ta_provider, token_url),
     .required = 1},
    {.member = "userinfo_endpoint",
     .setting = "TinyauthUserInfoURL",
     .metadata = offsetof(ta_metadata, userinfo_endpoint),
     .provider = offsetof(ta_provider, userinfo_url)},
    {.member = "jwks_uri",
     .setting = "TinyauthJwksURL",
     .metadata = offsetof(ta_metadata, jwks_uri),
     .provider = offsetof(ta_provider, jwks_url),
     .required = 1},
    {.member = "end_session_endpoint",
     .setting = "TinyauthEndSessionURL",
     .metadata = offsetof(ta_metadata, end_session_endpoint),
     .provider = offsetof(ta_provider, end_session_url)},
};

#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

/* The ways to authenticate that we know, the preferred first. */
static const struct auth_method {
    const char *name;
    ta_token_auth auth;
} auth_methods[] = {
    {.name = "client_secret_basic", .auth = TA_TOKEN_AUTH_BASIC},
    {.name = "client_secret_post", .auth = TA_TOKEN_AUTH_POST},
    {.name = "none", .auth = TA_TOKEN_AUTH_NONE},
};

#define AUTH_METHODS (sizeof(auth_methods) / sizeof(auth_methods[0]))

static const char **metadata_field(ta_metadata *metadata, const struct endpoint *endpoint)
{
    return (const char **)((char *)metadata + endpoint->metadata);
}

static const char *explicit_url(const ta_provider *provider, const struct endpoint *endpoint)
{
    return *(const char *const *)((const char *)provider + endpoint->provider);
}

static apr_status_t check_issuer(apr_pool_t *p, const ta_provider *provider,
                                 const ta_json *document, ta_fault *fault)
{
    const char *issuer = ta_json_string(document, "issuer");

    if (issuer == NULL) {
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "the discovery document of %s has no issuer",
                            ta_fault_quote(p, provider->issuer));
    }
    /* Discovery 4.3: the issuer must be identical to the one whose document was asked for */
    if (provider->issuer == NULL || strcmp(issuer, provider->issuer) != 0) {
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_ISSUER,
                            "the discovery document says issuer %s, TinyauthIssuer is %s; the "
                            "two must be the same to the last character",
                            ta_fault_quote(p, issuer), ta_fault_quote(p, provider->issuer));
    }
    return APR_SUCCESS;
}

static apr_status_t read_endpoint(apr_pool_t *p, const ta_provider *provider,
                                  const ta_json *document, const struct endpoint *endpoint,
                                  const char **url, ta_fault *fault)
{
    const ta_json *member = ta_json_get(document, endpoint->member);

    *url = NULL;
    if (member == NULL) {
        if (endpoint->required) {
            return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                                "the discovery document has no %s, and %s is not set",
                                endpoint->member, endpoint->setting);
        }
        return APR_SUCCESS;
    }
    *url = ta_json_text(member);
    if (*url == NULL) {
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "%s in the discovery document is no string", endpoint->member);
    }
    switch (ta_provider_judge_url(p, provider, *url)) {
    case TA_PROVIDER_URL_SAFE:
        return APR_SUCCESS;
    case TA_PROVIDER_URL_PLAIN:
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "%s in the discovery document is %s, which is not encrypted",
                            endpoint->member, ta_fault_quote(p, *url));
    case TA_PROVIDER_URL_MALFORMED:
    default:
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "%s in the discovery document is %s, which is no URL", endpoint->member,
                            ta_fault_quote(p, *url));
    }
}

static apr_status_t read_endpoints(apr_pool_t *p, const ta_provider *provider,
                                   const ta_json *document, ta_metadata *metadata, ta_fault *fault)
{
    for (apr_size_t i = 0; i < ENDPOINTS; i++) {
        const char **field = metadata_field(metadata, &endpoints[i]);

        *field = explicit_url(provider, &endpoints[i]);
        if (*field == NULL &&
            read_endpoint(p, provider, document, &endpoints[i], field, fault) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}

static int lists(const ta_json *array, const char *name)
{
    for (apr_size_t i = 0; i < ta_json_length(array); i++) {
        const char *item = ta_json_text(ta_json_item(array, i));

        if (item != NULL && strcmp(item, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The names of a list for the log, as far as they have room. */
static const char *names_of(apr_pool_t *p, const ta_json *array)
{
    const char *names = "";

    for (apr_size_t i = 0; i < ta_json_length(array) && strlen(names) < METHODS_BYTES; i++) {
        names = apr_pstrcat(p, names, i > 0 ? ", " : "",
                            ta_fault_quote(p, ta_json_text(ta_json_item(array, i))), NULL);
    }
    return names;
}

/* What the administrator wrote; else nothing to authenticate with without a secret. True when
 * that decides. */
static int token_auth_is_settled(const ta_provider *provider, ta_token_auth *auth)
{
    *auth = provider->token_auth;
    if (provider->token_auth != TA_TOKEN_AUTH_AUTO) {
        return 1;
    }
    if (provider->client_secret == NULL) {
        *auth = TA_TOKEN_AUTH_NONE;
        return 1;
    }
    /* Discovery section 3: where nothing is listed, the default is client_secret_basic */
    *auth = TA_TOKEN_AUTH_BASIC;
    return 0;
}

static apr_status_t choose_token_auth(apr_pool_t *p, const ta_provider *provider,
                                      const ta_json *document, ta_token_auth *auth, ta_fault *fault)
{
    const ta_json *methods = ta_json_get(document, "token_endpoint_auth_methods_supported");

    if (token_auth_is_settled(provider, auth) || methods == NULL) {
        return APR_SUCCESS;
    }
    if (ta_json_type_of(methods) != TA_JSON_ARRAY) {
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "token_endpoint_auth_methods_supported in the discovery document is "
                            "no array");
    }
    for (apr_size_t i = 0; i < AUTH_METHODS; i++) {
        if (ta_json_length(methods) == 0 || lists(methods, auth_methods[i].name)) {
            *auth = auth_methods[i].auth;
            return APR_SUCCESS;
        }
    }
    return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                        "the provider wants clients to authenticate by %s; we know "
                        "client_secret_basic, client_secret_post and none",
                        names_of(p, methods));
}

const char *ta_discovery_url(apr_pool_t *p, const char *issuer)
{
    apr_size_t len = strlen(issuer);
    const char *slash = len > 0 && issuer[len - 1] == '/' ? "" : "/";

    return apr_pstrcat(p, issuer, slash, WELL_KNOWN, NULL);
}

apr_status_t ta_discovery_parse(apr_pool_t *p, const ta_provider *provider, ta_bytes document,
                                ta_metadata **result, ta_fault *fault)
{
    ta_metadata *metadata = apr_pcalloc(p, sizeof(*metadata));
    const ta_json *json;

    *result = NULL;
    if (ta_json_parse_object(p, document, &json) != APR_SUCCESS) {
        return ta_fault_set(fault, p, TA_REASON_DISCOVERY_MALFORMED,
                            "the discovery document of %s is no JSON object",
                            ta_fault_quote(p, provider->issuer));
    }
    if (check_issuer(p, provider, json, fault) != APR_SUCCESS ||
        read_endpoints(p, provider, json, metadata, fault) != APR_SUCCESS ||
        choose_token_auth(p, provider, json, &metadata->token_auth, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    metadata->issuer = provider->issuer;
    metadata->response_iss_promised =
        ta_json_is_true(json, "authorization_response_iss_parameter_supported");
    *result = metadata;
    return APR_SUCCESS;
}

ta_metadata *ta_discovery_explicit(apr_pool_t *p, const ta_provider *provider)
{
    ta_metadata *metadata = apr_pcalloc(p, sizeof(*metadata));

    for (apr_size_t i = 0; i < ENDPOINTS; i++) {
        *metadata_field(metadata, &endpoints[i]) = explicit_url(provider, &endpoints[i]);
    }
    token_auth_is_settled(provider, &metadata->token_auth);
    return metadata;
}

ta_metadata *ta_metadata_copy(apr_pool_t *p, const ta_metadata *metadata)
{
    ta_metadata *copy = apr_pmemdup(p, metadata, sizeof(*metadata));

    copy->issuer = apr_pstrdup(p, metadata->issuer);
    for (apr_size_t i = 0; i < ENDPOINTS; i++) {
        const char **field = metadata_field(copy, &endpoints[i]);

        *field = apr_pstrdup(p, *field);
    }
    return copy;
}
