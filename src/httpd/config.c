/*
 * Making and merging the settings. In a virtual host a section replaces the server's of the
 * same id as a whole; everything else is merged directive by directive.
 */
#include "httpd/config.h"

#include <apr_strings.h>

#include "httpd/module.h"

void *ta_config_create_server(apr_pool_t *p, server_rec *s)
{
    ta_server_config *config = apr_pcalloc(p, sizeof(*config));

    (void)s;
    config->engine = TA_UNSET;
    config->session_expiry = TA_UNSET;
    config->session_max_lifetime = TA_UNSET;
    config->revalidate = TA_UNSET;
    config->sections = apr_array_make(p, 1, sizeof(ta_section *));
    return config;
}

static int pick(int add, int base)
{
    return add != TA_UNSET ? add : base;
}

static const char *pick_text(const char *add, const char *base)
{
    return add ? add : base;
}

ta_section *ta_config_find_section(const ta_server_config *config, const char *id)
{
    for (int i = 0; i < config->sections->nelts; i++) {
        ta_section *section = APR_ARRAY_IDX(config->sections, i, ta_section *);

        if (strcmp(section->provider.id, id) == 0) {
            return section;
        }
    }
    return NULL;
}

static apr_array_header_t *merge_sections(apr_pool_t *p, const ta_server_config *base,
                                          const ta_server_config *add)
{
    apr_array_header_t *merged = apr_array_copy(p, add->sections);

    for (int i = 0; i < base->sections->nelts; i++) {
        ta_section *section = APR_ARRAY_IDX(base->sections, i, ta_section *);

        if (!ta_config_find_section(add, section->provider.id)) {
            APR_ARRAY_PUSH(merged, ta_section *) = section;
        }
    }
    return merged;
}

void *ta_config_merge_server(apr_pool_t *p, void *base_config, void *add_config)
{
    const ta_server_config *base = base_config, *add = add_config;
    ta_server_config *config = apr_pcalloc(p, sizeof(*config));

    config->engine = pick(add->engine, base->engine);
    config->app_url = pick_text(add->app_url, base->app_url);
    config->path = pick_text(add->path, base->path);
    config->auto_redirect = pick_text(add->auto_redirect, base->auto_redirect);
    config->whitelist = add->whitelist ? add->whitelist : base->whitelist;
    config->title = pick_text(add->title, base->title);
    config->contact = pick_text(add->contact, base->contact);
    config->language = pick_text(add->language, base->language);
    config->logo = add->logo ? add->logo : base->logo;
    config->background = add->background ? add->background : base->background;
    config->stylesheet = add->stylesheet ? add->stylesheet : base->stylesheet;
    config->pages = add->pages ? add->pages : base->pages;
    config->cookie_domain = pick_text(add->cookie_domain, base->cookie_domain);
    config->session_expiry = pick(add->session_expiry, base->session_expiry);
    config->session_max_lifetime = pick(add->session_max_lifetime, base->session_max_lifetime);
    config->revalidate = pick(add->revalidate, base->revalidate);
    config->session_store = pick_text(add->session_store, base->session_store);
    config->audit_log = pick_text(add->audit_log, base->audit_log);
    config->secret = pick_text(add->secret, base->secret);
    config->secret_file = pick_text(add->secret_file, base->secret_file);
    config->secret_key = add->secret ? add->secret_key : base->secret_key;
    config->sections = merge_sections(p, base, add);
    return config;
}

void *ta_config_create_directory(apr_pool_t *p, char *directory)
{
    ta_directory_config *config = apr_pcalloc(p, sizeof(*config));

    (void)directory;
    config->unauthenticated = TA_UNSET;
    config->headers = TA_UNSET;
    return config;
}

void *ta_config_merge_directory(apr_pool_t *p, void *base_config, void *add_config)
{
    const ta_directory_config *base = base_config, *add = add_config;
    ta_directory_config *config = apr_pcalloc(p, sizeof(*config));

    config->unauthenticated = pick(add->unauthenticated, base->unauthenticated);
    config->headers = pick(add->headers, base->headers);
    config->explained = add->explained ? add->explained : base->explained;
    config->scope.providers = add->scope.providers ? add->scope.providers : base->scope.providers;
    config->scope.unauthenticated = config->unauthenticated == TA_UNSET
                                        ? TA_UNAUTHENTICATED_AUTO
                                        : (ta_unauthenticated)config->unauthenticated;
    return config;
}

ta_server_config *ta_config_of_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &tinyauth_module);
}

const ta_directory_config *ta_config_of_directory(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &tinyauth_module);
}
