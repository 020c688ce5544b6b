/*
 * Values that administrators write: directives of a provider and of a server, and environment
 * variables. Each is taken, or refused with words.
 *
 *     name
 *     value
 */
#include "httpd/environment.h"

#include <strings.h>
#include <unistd.h>

#include <apr_strings.h>

#include "fuzz.h"
#include "httpd/provider_settings.h"
#include "httpd/site_settings.h"
#include "httpd/values.h"

/* A file name would read whatever file there is. */
static int names_file(const char *name)
{
    return strcasestr(name, "file") != NULL;
}

static void try_directives(apr_pool_t *p, const char *name, const char *value)
{
    ta_server_config *config = ta_config_create_server(p, NULL);
    ta_section *section = apr_pcalloc(p, sizeof(*section));
    const char *error = ta_provider_settings_apply(p, p, section, name, value);

    section->provider.id = "fuzz";
    FUZZ_HOLDS(error || ta_provider_settings_is_made(section, name));
    FUZZ_HOLDS(!error || *error);
    if (!error) {
        FUZZ_HOLDS(ta_provider_finish(p, &section->provider) == APR_SUCCESS);
        error = ta_provider_check(p, &section->provider);
        FUZZ_HOLDS(!error || *error);
    }
    error = ta_site_settings_apply(p, p, config, name, value);
    FUZZ_HOLDS(!error || *error);
    FUZZ_HOLDS(config->session_expiry == TA_UNSET || config->session_expiry > 0);
    FUZZ_HOLDS(config->revalidate == TA_UNSET || config->revalidate > 0);
    FUZZ_HOLDS(!config->path || (config->path[0] == '/' && config->path[1] != '/'));
}

static void try_environment(apr_pool_t *p, const char *name, const char *value)
{
    ta_server_config *config = ta_config_create_server(p, NULL);
    char *variables[] = {
        apr_pstrcat(p, name, "=", value, NULL),
        apr_pstrcat(p, "TINYAUTH_", name, "=", value, NULL),
        apr_pstrcat(p, "TINYAUTH_OAUTH_PROVIDERS_", name, "=", value, NULL),
        NULL,
    };
    char **saved = environ;
    const char *error;

    environ = variables;
    error = ta_environment_apply(p, p, config, 1);
    environ = saved;
    FUZZ_HOLDS(!error || strncmp(error, "environment variable TINYAUTH_", 30) == 0);
    for (int i = 0; i < config->sections->nelts; i++) {
        FUZZ_HOLDS(
            ta_provider_id_is_valid(APR_ARRAY_IDX(config->sections, i, ta_section *)->provider.id));
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *name = fuzz_take_line(p, &input);
    const char *value = fuzz_take_rest(p, &input);
    const char *words = ta_values_join_words(p, value);

    FUZZ_HOLDS(strlen(words) <= strlen(value));
    if (!names_file(name)) {
        try_directives(p, name, value);
        try_environment(p, name, value);
    }
}
