/*
 * Reading the environment. TINYAUTH_OAUTH_PROVIDERS_<ID>_<KEY> describes a provider; its id is
 * the part in lower case, and has no underscore. A directive wins over a variable.
 */
#include "httpd/environment.h"

#include <http_log.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/module.h"
#include "httpd/provider_settings.h"
#include "httpd/site_settings.h"

APLOG_USE_MODULE(tinyauth);

#define PREFIX               "TINYAUTH_"
#define LOGIN_PREFIX         "TINYAUTH_OAUTH_"
#define PROVIDER_PREFIX      TA_ENVIRONMENT_PROVIDER
#define DIRECTIVE_PREFIX_LEN 8 /* "Tinyauth" */

/* How many letters must change to make one word of the other (Levenshtein), or more than
 * limit. */
static int distance(const char *a, const char *b, int limit)
{
    int row[64], len = (int)strlen(b);

    if (len >= (int)(sizeof(row) / sizeof(*row))) {
        return limit + 1;
    }
    for (int j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (int i = 1; *a; i++, a++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= len; j++) {
            int above = row[j];
            int best = diagonal + (*a != b[j - 1]);

            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[len];
}

static const char *nearer(const char *name, const char *candidate, const char *nearest, int *best)
{
    int steps = distance(name, candidate, *best);

    if (steps < *best) {
        *best = steps;
        return candidate;
    }
    return nearest;
}

/* "TINYAUTH_OAUTH_PROVIDERS_<ID>_", of the id in the name where there is one. */
static const char *prefix_of(apr_pool_t *p, const char *name)
{
    const apr_size_t len = strlen(PROVIDER_PREFIX);
    const char *end = strncmp(name, PROVIDER_PREFIX, len) == 0 ? strchr(name + len, '_') : NULL;

    return end ? apr_pstrmemdup(p, name, (apr_size_t)(end + 1 - name))
               : PROVIDER_PREFIX "POCKETID_";
}

/* The variable that was probably meant; NULL where none is near: Tinyauth has many that are
 * nothing here. */
static const char *nearest_variable(apr_pool_t *p, const char *name)
{
    const char *nearest = NULL, *variable, *directive, *prefix = prefix_of(p, name);
    int best = (int)(strlen(name) - strlen(PREFIX)) * 2 / 5 + 1;

    for (apr_size_t i = 0; (variable = ta_site_settings_variable_at(i)) != NULL; i++) {
        nearest = nearer(name, variable, nearest, &best);
    }
    for (apr_size_t i = 0; (directive = ta_provider_settings_at(i)) != NULL; i++) {
        char *key = apr_pstrdup(p, directive + DIRECTIVE_PREFIX_LEN);

        ap_str_toupper(key);
        nearest = nearer(name, apr_pstrcat(p, prefix, key, NULL), nearest, &best);
    }
    return nearest;
}

static void warn_unknown(apr_pool_t *p, const char *name)
{
    const char *nearest = nearest_variable(p, name);

    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, NULL,
                 "TA0101: environment variable %s is not known and has no effect%s%s%s", name,
                 nearest ? ": is " : "", nearest ? nearest : "", nearest ? " meant?" : "");
}

static int ends_with(const char *text, const char *end)
{
    apr_size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Tinyauth has lists in files, and one for each provider. Whoever has written one must not find the
 * door open to everybody. */
static const char *judge_unknown(apr_pool_t *p, const char *name, int warn)
{
    if (strncmp(name, LOGIN_PREFIX, strlen(LOGIN_PREFIX)) == 0 &&
        (ends_with(name, "_WHITELIST") || ends_with(name, "_WHITELISTFILE"))) {
        return "says who may log in, and nothing here reads it: write the e-mails into "
               "TinyauthWhitelist, and leave it out";
    }
    if (warn) {
        warn_unknown(p, name);
    }
    return NULL;
}

/* "TINYAUTH_OAUTH_PROVIDERS_POCKETID_CLIENTID" → "pocketid", "TinyauthClientID"; 0 when it has
 * not this form. */
static int split_provider_variable(apr_pool_t *p, const char *name, char **id,
                                   const char **directive)
{
    const char *rest = name + strlen(PROVIDER_PREFIX);
    const char *key = strrchr(rest, '_');

    if (!key || key == rest) {
        return 0;
    }
    *id = apr_pstrmemdup(p, rest, (apr_size_t)(key - rest));
    ap_str_tolower(*id);
    for (apr_size_t i = 0; (*directive = ta_provider_settings_at(i)) != NULL; i++) {
        if (ap_cstr_casecmp(*directive + DIRECTIVE_PREFIX_LEN, key + 1) == 0) {
            return ta_provider_id_is_valid(*id);
        }
    }
    return 0;
}

static ta_section *section_of(apr_pool_t *p, ta_server_config *config, const char *id)
{
    ta_section *section = ta_config_find_section(config, id);

    if (!section) {
        section = apr_pcalloc(p, sizeof(*section));
        section->provider.id = apr_pstrdup(p, id);
        section->where = TA_ENVIRONMENT;
        APR_ARRAY_PUSH(config->sections, ta_section *) = section;
    }
    return section;
}

/* A secret that a directive gave, in either form, is not the environment's any more. */
static int is_made(const ta_section *section, const char *directive)
{
    if (strncmp(directive, "TinyauthClientSecret", 20) == 0 && section->provider.client_secret) {
        return 1;
    }
    return ta_provider_settings_is_made(section, directive);
}

/* A secret in both forms: which of them came first in the environment must not decide. Asked of the
 * first, for then the secret is made. */
static const char *check_secret(apr_pool_t *p, const char *name, const char *directive)
{
    const char *other = NULL, *value;

    if (strcmp(directive, "TinyauthClientSecret") == 0) {
        other = apr_pstrcat(p, name, "FILE", NULL);
    } else if (strcmp(directive, "TinyauthClientSecretFile") == 0) {
        other = apr_pstrmemdup(p, name, strlen(name) - strlen("FILE"));
    }
    value = other ? getenv(other) : NULL;
    return value && *value
               ? apr_psprintf(p, "and %s both give the secret: leave one of them out", other)
               : NULL;
}

static const char *apply_to_provider(apr_pool_t *p, apr_pool_t *tmp, ta_section *section,
                                     const char *name, const char *directive, const char *value)
{
    const char *error;

    if (is_made(section, directive)) {
        return NULL;
    }
    error = check_secret(p, name, directive);
    return error ? error : ta_provider_settings_apply(p, tmp, section, directive, value);
}

static const char *apply(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config, const char *name,
                         const char *value, int warn)
{
    const char *directive;
    char *id;

    if (strncmp(name, PROVIDER_PREFIX, strlen(PROVIDER_PREFIX)) == 0) {
        if (!split_provider_variable(tmp, name, &id, &directive)) {
            return judge_unknown(tmp, name, warn);
        }
        return apply_to_provider(p, tmp, section_of(p, config, id), name, directive, value);
    }
    directive = ta_site_settings_find_variable(name);
    if (!directive) {
        return judge_unknown(tmp, name, warn);
    }
    return ta_site_settings_is_made(config, directive)
               ? NULL
               : ta_site_settings_apply(p, tmp, config, directive, value);
}

const char *ta_environment_apply(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config, int warn)
{
    for (char **each = environ; each && *each; each++) {
        const char *equals = strchr(*each, '=');
        const char *name, *error;

        /* an empty one is as good as none, as in Tinyauth, whose example lists them all */
        if (!equals || !equals[1] || strncmp(*each, PREFIX, strlen(PREFIX)) != 0) {
            continue;
        }
        name = apr_pstrmemdup(tmp, *each, (apr_size_t)(equals - *each));
        error = apply(p, tmp, config, name, equals + 1, warn);
        if (error) {
            return apr_psprintf(p, "environment variable %s %s", name, error);
        }
    }
    return NULL;
}
