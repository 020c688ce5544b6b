/*
 * What a provider's description means: its defaults, its fingerprint, and whether it is whole
 * and safe enough to send people there. What is wrong is said in the words of the
 * configuration, together with what to write instead.
 */
#include "oidc/provider.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>

#include "util/fault.h"
#include "util/text.h"
#include "util/url.h"

#define DEFAULT_SCOPES       "openid email profile groups"
#define DEFAULT_GROUPS_CLAIM "groups"
#define SCOPE_SEPARATORS     " ,\t\r\n"
#define CALLBACK_PATH        "/api/oauth/callback/"
#define DISCOVERY_PATH       "/.well-known/openid-configuration"
#define SCOPES_BYTES         4096 /* they are a part of the URL that leads to the provider */
#define FINGERPRINT_BYTES    65536

static const char *const default_user_claims[] = {"preferred_username", "email", "sub"};

#define DEFAULT_USER_CLAIMS (sizeof(default_user_claims) / sizeof(default_user_claims[0]))

/* The URLs through which the provider is reached, and the directives that give them. The
 * redirect URL is not among them: it is this server's own, and whether this server speaks
 * TLS is decided where its virtual hosts are. */
static const struct url_setting {
    const char *directive;
    apr_size_t offset;
    int needed; /* where there is no issuer */
} url_settings[] = {
    {.directive = "TinyauthIssuer", .offset = offsetof(ta_provider, issuer)},
    {.directive = "TinyauthAuthURL", .offset = offsetof(ta_provider, auth_url), .needed = 1},
    {.directive = "TinyauthTokenURL", .offset = offsetof(ta_provider, token_url), .needed = 1},
    {.directive = "TinyauthUserInfoURL",
     .offset = offsetof(ta_provider, userinfo_url),
     .needed = 1},
    {.directive = "TinyauthJwksURL", .offset = offsetof(ta_provider, jwks_url)},
    {.directive = "TinyauthEndSessionURL", .offset = offsetof(ta_provider, end_session_url)},
};

#define URL_SETTINGS (sizeof(url_settings) / sizeof(url_settings[0]))

static const char *setting_of(const ta_provider *provider, const struct url_setting *setting)
{
    return *(const char *const *)((const char *)provider + setting->offset);
}

/* RFC 6749 appendix A: client ids are made of VSCHAR */
static int is_printable_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return 0;
        }
    }
    return 1;
}

/* RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), blanks between */
static int scopes_are_valid(const char *scopes)
{
    return is_printable_ascii(scopes) && strpbrk(scopes, "\"\\") == NULL;
}

static apr_status_t normalise_scopes(apr_pool_t *p, const char *scopes, const char **result)
{
    ta_text text;

    ta_text_init(&text, p, strlen(scopes));
    while (*(scopes += strspn(scopes, SCOPE_SEPARATORS)) != '\0') {
        apr_size_t len = strcspn(scopes, SCOPE_SEPARATORS);

        if (text.len > 0) {
            ta_text_append(&text, " ");
        }
        ta_text_append_bytes(&text, scopes, len);
        scopes += len;
    }
    if (text.len == 0) {
        *result = DEFAULT_SCOPES;
        return APR_SUCCESS;
    }
    return ta_text_finish(&text, result);
}

/* id NUL (issuer or token URL) NUL client id: the NULs keep neighbours apart. */
static apr_status_t compute_fingerprint(apr_pool_t *p, ta_provider *provider)
{
    const char *vouches = provider->issuer != NULL ? provider->issuer : provider->token_url;
    const char *bytes;
    ta_text text;
    apr_status_t status;

    ta_text_init(&text, p, FINGERPRINT_BYTES);
    ta_text_append(&text, provider->id);
    ta_text_append_bytes(&text, "", 1);
    ta_text_append(&text, vouches);
    ta_text_append_bytes(&text, "", 1);
    ta_text_append(&text, provider->client_id);
    status = ta_text_finish(&text, &bytes);
    if (status != APR_SUCCESS) {
        return status;
    }
    return ta_secret_sha256(bytes, text.len, provider->fingerprint);
}

static const char *check_id(apr_pool_t *p, const ta_provider *provider)
{
    if (provider->id == NULL || !ta_provider_id_is_valid(provider->id)) {
        return apr_psprintf(p,
                            "the provider id %s of <TinyauthProvider> is not usable in a URL: "
                            "write 1 to %d of a-z, 0-9 and -",
                            ta_fault_quote(p, provider->id), TA_PROVIDER_ID_LEN);
    }
    return NULL;
}

static const char *check_client(apr_pool_t *p, const ta_provider *provider)
{
    const char *id = provider->client_id;
    int needs_secret =
        provider->token_auth == TA_TOKEN_AUTH_BASIC || provider->token_auth == TA_TOKEN_AUTH_POST;

    if (id == NULL || *id == '\0') {
        return "TinyauthClientID is missing: write the client ID that the provider shows for "
               "this client";
    }
    if (!is_printable_ascii(id)) {
        return apr_psprintf(p,
                            "TinyauthClientID is %s, which holds characters that no client ID "
                            "has: write it exactly as the provider shows it",
                            ta_fault_quote(p, id));
    }
    if (provider->client_secret != NULL && *provider->client_secret == '\0') {
        return "TinyauthClientSecret is empty: write the secret that the provider shows, or "
               "leave the directive out if the client is public";
    }
    if (needs_secret && provider->client_secret == NULL) {
        return apr_psprintf(p,
                            "TinyauthTokenAuth is %s, which needs a secret: write "
                            "TinyauthClientSecretFile, or TinyauthTokenAuth none if the client "
                            "is public",
                            provider->token_auth == TA_TOKEN_AUTH_BASIC ? "basic" : "post");
    }
    return NULL;
}

/* Every URL that is there must be one, and safe; without an issuer three must be there. */
static const char *check_urls(apr_pool_t *p, const ta_provider *provider)
{
    for (apr_size_t i = 0; i < URL_SETTINGS; i++) {
        const char *directive = url_settings[i].directive;
        const char *url = setting_of(provider, &url_settings[i]);

        if (url == NULL) {
            if (provider->issuer == NULL && url_settings[i].needed) {
                return apr_psprintf(p,
                                    "%s is missing: write TinyauthIssuer, or all three of "
                                    "TinyauthAuthURL, TinyauthTokenURL and TinyauthUserInfoURL",
                                    directive);
            }
            continue;
        }
        switch (ta_provider_judge_url(p, provider, url)) {
        case TA_PROVIDER_URL_SAFE:
            break;
        case TA_PROVIDER_URL_PLAIN:
            return apr_psprintf(p,
                                "%s is %s, which is not encrypted: write https%s, or "
                                "TinyauthInsecure On if this is a test",
                                directive, ta_fault_quote(p, url), url + strlen("http"));
        case TA_PROVIDER_URL_MALFORMED:
        default:
            return apr_psprintf(p,
                                "%s is %s, which is no URL that we can use: write an absolute "
                                "one such as https://id.example.com/path, without user name, "
                                "fragment or blanks",
                                directive, ta_fault_quote(p, url));
        }
    }
    return NULL;
}

static const char *check_issuer(apr_pool_t *p, const ta_provider *provider)
{
    const char *issuer = provider->issuer;
    const char *extra;

    if (issuer == NULL) {
        return NULL;
    }
    /* Discovery section 3: the issuer is a URL with no query or fragment */
    extra = strpbrk(issuer, "?#");
    if (extra == NULL) {
        extra = strstr(issuer, DISCOVERY_PATH);
    }
    if (extra != NULL) {
        return apr_psprintf(
            p, "TinyauthIssuer is %s, but %s is no part of an issuer: write %s",
            ta_fault_quote(p, issuer), ta_fault_quote(p, extra),
            ta_fault_quote(p, apr_pstrmemdup(p, issuer, (apr_size_t)(extra - issuer))));
    }
    return NULL;
}

static const char *check_scopes(apr_pool_t *p, const ta_provider *provider)
{
    if (provider->scopes == NULL) {
        return NULL;
    }
    if (strlen(provider->scopes) > SCOPES_BYTES) {
        return apr_psprintf(p,
                            "TinyauthScopes has %" APR_SIZE_T_FMT
                            " bytes: write at most %d, the names that this client needs",
                            strlen(provider->scopes), SCOPES_BYTES);
    }
    if (!scopes_are_valid(provider->scopes)) {
        return apr_psprintf(p,
                            "TinyauthScopes is %s, which holds characters that no scope has: "
                            "write names with blanks between, such as " DEFAULT_SCOPES,
                            ta_fault_quote(p, provider->scopes));
    }
    /* OIDC Core 3.1.2.1: without the scope openid no ID token comes, and the issuer could
     * vouch for nobody */
    if (provider->issuer != NULL && !ta_provider_has_scope(provider, "openid")) {
        return apr_psprintf(p,
                            "TinyauthScopes is %s, but a provider with TinyauthIssuer is asked "
                            "for openid: write openid %s",
                            ta_fault_quote(p, provider->scopes), provider->scopes);
    }
    return NULL;
}

static const char *check_redirect_url(apr_pool_t *p, const ta_provider *provider)
{
    const char *path = apr_pstrcat(p, CALLBACK_PATH, provider->id, NULL);
    const char *url = provider->redirect_url;
    ta_url *parsed;

    if (url == NULL) {
        return NULL;
    }
    if (ta_url_parse(p, url, &parsed) != APR_SUCCESS) {
        return apr_psprintf(p,
                            "TinyauthRedirectURL is %s, which is no absolute URL: write https://, "
                            "this server's name, and %s",
                            ta_fault_quote(p, url), path);
    }
    if (strcmp(parsed->path, path) != 0 || parsed->query != NULL) {
        return apr_psprintf(p,
                            "TinyauthRedirectURL is %s, which is not where the answer is awaited: "
                            "write %s%s, here and at the provider",
                            ta_fault_quote(p, url), parsed->origin, path);
    }
    return NULL;
}

static const char *check_claims(apr_pool_t *p, const ta_provider *provider)
{
    (void)p;
    if (provider->groups_claim != NULL && *provider->groups_claim == '\0') {
        return "TinyauthGroupsClaim is empty: write the claim's name, or leave the directive out "
               "for " DEFAULT_GROUPS_CLAIM;
    }
    return NULL;
}

int ta_provider_id_is_valid(const char *id)
{
    apr_size_t len = strlen(id);

    return len >= 1 && len <= TA_PROVIDER_ID_LEN &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

apr_status_t ta_provider_finish(apr_pool_t *p, ta_provider *provider)
{
    apr_status_t status;

    if (provider->name == NULL || *provider->name == '\0') {
        provider->name = provider->id;
    }
    if (provider->groups_claim == NULL) {
        provider->groups_claim = DEFAULT_GROUPS_CLAIM;
    }
    if (provider->user_claims == NULL || provider->user_claims->nelts == 0) {
        provider->user_claims = apr_array_make(p, DEFAULT_USER_CLAIMS, sizeof(const char *));
        for (apr_size_t i = 0; i < DEFAULT_USER_CLAIMS; i++) {
            APR_ARRAY_PUSH(provider->user_claims, const char *) = default_user_claims[i];
        }
    }
    status =
        normalise_scopes(p, provider->scopes != NULL ? provider->scopes : "", &provider->scopes);
    if (status != APR_SUCCESS) {
        return status;
    }
    return compute_fingerprint(p, provider);
}

ta_provider_url_verdict ta_provider_judge_url(apr_pool_t *tmp, const ta_provider *provider,
                                              const char *url)
{
    ta_url *parsed;

    if (ta_url_parse(tmp, url, &parsed) != APR_SUCCESS) {
        return TA_PROVIDER_URL_MALFORMED;
    }
    if (strcmp(parsed->scheme, "https") == 0 || ta_url_host_is_loopback(parsed->host) ||
        provider->insecure) {
        return TA_PROVIDER_URL_SAFE;
    }
    return TA_PROVIDER_URL_PLAIN;
}

const char *ta_provider_check(apr_pool_t *p, const ta_provider *provider)
{
    static const char *(*const checks[])(apr_pool_t *, const ta_provider *) = {
        check_id,     check_client, check_issuer,       check_urls,
        check_scopes, check_claims, check_redirect_url,
    };

    for (apr_size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const char *problem = checks[i](p, provider);

        if (problem != NULL) {
            return problem;
        }
    }
    return NULL;
}

int ta_provider_has_scope(const ta_provider *provider, const char *scope)
{
    apr_size_t len = strlen(scope);
    const char *at = provider->scopes != NULL ? provider->scopes : DEFAULT_SCOPES;

    while (*(at += strspn(at, SCOPE_SEPARATORS)) != '\0') {
        apr_size_t found = strcspn(at, SCOPE_SEPARATORS);

        if (found == len && memcmp(at, scope, len) == 0) {
            return 1;
        }
        at += found;
    }
    return 0;
}

int ta_provider_allows_algorithm(const ta_provider *provider, const ta_algorithm *algorithm)
{
    if (algorithm == NULL) {
        return 0;
    }
    if (provider->algorithms == NULL) {
        return 1;
    }
    for (int i = 0; i < provider->algorithms->nelts; i++) {
        const ta_algorithm *allowed = APR_ARRAY_IDX(provider->algorithms, i, const ta_algorithm *);

        /* RFC 9864 section 2.2: Ed25519 is EdDSA with that curve, under another name */
        if (allowed == algorithm || (allowed->kind == TA_KEY_OKP && algorithm->kind == TA_KEY_OKP &&
                                     strcmp(allowed->curve, algorithm->curve) == 0)) {
            return 1;
        }
    }
    return 0;
}
