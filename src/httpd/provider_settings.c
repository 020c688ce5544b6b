/*
 * Setting the members of a provider: the table that names them, and how each kind is read.
 */
#include "httpd/provider_settings.h"

#include <stddef.h>

#include <apr_strings.h>

#include "httpd/look_files.h"
#include "httpd/values.h"

typedef const char *(*reader)(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member);

static const char *read_text(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    (void)tmp;
    if (!*value) {
        return "must not be empty";
    }
    *(const char **)member = apr_pstrdup(p, value);
    return NULL;
}

static const char *read_flag(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    (void)tmp;
    return ta_values_read_flag(p, value, member);
}

static const char *read_secret_file(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    return ta_values_read_secret(p, tmp, value, member);
}

static const char *read_existing_file(apr_pool_t *p, apr_pool_t *tmp, const char *value,
                                      void *member)
{
    return ta_values_read_file_name(p, tmp, value, member);
}

static const char *read_icon(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    return ta_look_files_read_picture(p, tmp, value, "icon", member);
}

static const char *read_token_auth(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    static const char *const names[] = {
        [TA_TOKEN_AUTH_AUTO] = "auto",
        [TA_TOKEN_AUTH_BASIC] = "basic",
        [TA_TOKEN_AUTH_POST] = "post",
        [TA_TOKEN_AUTH_NONE] = "none",
    };

    (void)tmp;
    for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++) {
        if (ap_cstr_casecmp(value, names[i]) == 0) {
            *(ta_token_auth *)member = (ta_token_auth)i;
            return NULL;
        }
    }
    return apr_psprintf(p, "must be auto, basic, post or none, not \"%s\"", value);
}

static const char *known_algorithms(apr_pool_t *p)
{
    const char *names = "";

    for (apr_size_t i = 0; ta_algorithm_at(i); i++) {
        names = apr_pstrcat(p, names, i ? ", " : "", ta_algorithm_at(i)->name, NULL);
    }
    return names;
}

static const char *read_algorithms(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    apr_array_header_t *words = ta_values_split(tmp, value);
    apr_array_header_t *algorithms = apr_array_make(p, words->nelts, sizeof(ta_algorithm *));

    for (int i = 0; i < words->nelts; i++) {
        const char *word = APR_ARRAY_IDX(words, i, const char *);
        const ta_algorithm *algorithm = ta_algorithm_find(word);

        if (!algorithm) {
            return apr_psprintf(p, "does not know \"%s\": write one or more of %s", word,
                                known_algorithms(p));
        }
        APR_ARRAY_PUSH(algorithms, const ta_algorithm *) = algorithm;
    }
    if (!words->nelts) {
        return apr_psprintf(p, "needs a name: write one or more of %s", known_algorithms(p));
    }
    *(apr_array_header_t **)member = algorithms;
    return NULL;
}

static const char *read_words(apr_pool_t *p, apr_pool_t *tmp, const char *value, void *member)
{
    apr_array_header_t *words = ta_values_split(p, value);

    (void)tmp;
    if (!words->nelts) {
        return "must not be empty";
    }
    *(apr_array_header_t **)member = words;
    return NULL;
}

/* One setting: the directive, where its value goes, and how it is read. */
static const struct {
    const char *directive;
    size_t member;
    reader read;
} settings[] = {
    {"TinyauthName", offsetof(ta_provider, name), read_text},
    {"TinyauthIcon", offsetof(ta_provider, icon), read_icon},
    {"TinyauthIssuer", offsetof(ta_provider, issuer), read_text},
    {"TinyauthClientID", offsetof(ta_provider, client_id), read_text},
    {"TinyauthClientSecret", offsetof(ta_provider, client_secret), read_text},
    {"TinyauthClientSecretFile", offsetof(ta_provider, client_secret), read_secret_file},
    {"TinyauthAuthURL", offsetof(ta_provider, auth_url), read_text},
    {"TinyauthTokenURL", offsetof(ta_provider, token_url), read_text},
    {"TinyauthUserInfoURL", offsetof(ta_provider, userinfo_url), read_text},
    {"TinyauthJwksURL", offsetof(ta_provider, jwks_url), read_text},
    {"TinyauthEndSessionURL", offsetof(ta_provider, end_session_url), read_text},
    {"TinyauthRedirectURL", offsetof(ta_provider, redirect_url), read_text},
    {"TinyauthScopes", offsetof(ta_provider, scopes), read_text},
    {"TinyauthTokenAuth", offsetof(ta_provider, token_auth), read_token_auth},
    {"TinyauthIdTokenAlg", offsetof(ta_provider, algorithms), read_algorithms},
    {"TinyauthGroupsClaim", offsetof(ta_provider, groups_claim), read_text},
    {"TinyauthUserClaim", offsetof(ta_provider, user_claims), read_words},
    {"TinyauthTrustEmail", offsetof(ta_provider, trust_email), read_flag},
    {"TinyauthInsecure", offsetof(ta_provider, insecure), read_flag},
    {"TinyauthCACertificateFile", offsetof(ta_provider, ca_file), read_existing_file},
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))

_Static_assert(SETTINGS <= 8 * sizeof(((ta_section *)NULL)->set), "one bit for each setting");

static apr_size_t find(const char *directive)
{
    apr_size_t i = 0;

    while (i < SETTINGS && ap_cstr_casecmp(settings[i].directive, directive) != 0) {
        i++;
    }
    return i;
}

/* Another directive of the section that gives the same: TinyauthClientSecret and its File. */
static const char *find_rival(const ta_section *section, apr_size_t index)
{
    for (apr_size_t i = 0; i < SETTINGS; i++) {
        if (i != index && settings[i].member == settings[index].member &&
            (section->set & (1u << i))) {
            return settings[i].directive;
        }
    }
    return NULL;
}

const char *ta_provider_settings_apply(apr_pool_t *p, apr_pool_t *tmp, ta_section *section,
                                       const char *directive, const char *value)
{
    apr_size_t i = find(directive);
    const char *error, *rival;

    if (i == SETTINGS) {
        return "is not a setting of a provider";
    }
    rival = find_rival(section, i);
    if (rival) {
        return apr_psprintf(p, "and %s both give the secret: leave one of them out", rival);
    }
    error = settings[i].read(p, tmp, value, (char *)&section->provider + settings[i].member);
    if (!error) {
        section->set |= 1u << i;
        if (settings[i].read == read_secret_file) {
            section->secret_file = ap_server_root_relative(p, value);
        }
    }
    return error;
}

int ta_provider_settings_has(const char *directive)
{
    return find(directive) < SETTINGS;
}

int ta_provider_settings_is_made(const ta_section *section, const char *directive)
{
    apr_size_t i = find(directive);

    return i < SETTINGS && (section->set & (1u << i)) != 0;
}

const char *ta_provider_settings_at(apr_size_t index)
{
    return index < SETTINGS ? settings[index].directive : NULL;
}
