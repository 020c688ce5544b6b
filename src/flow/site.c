/*
 * Look-ups in a site's and a scope's settings.
 */
#include "flow/site.h"

#include <string.h>

const ta_provider *ta_site_find_provider(const ta_site *site, const char *id)
{
    for (int i = 0; id && i < site->providers->nelts; i++) {
        const ta_provider *provider = APR_ARRAY_IDX(site->providers, i, const ta_provider *);

        if (strcmp(provider->id, id) == 0) {
            return provider;
        }
    }
    return NULL;
}

int ta_site_domain_covers(const char *domain, const char *host)
{
    apr_size_t host_len = strlen(host);
    apr_size_t domain_len = domain ? strlen(domain) : 0;

    return domain && host_len >= domain_len && strcmp(host + host_len - domain_len, domain) == 0 &&
           (host_len == domain_len || host[host_len - domain_len - 1] == '.');
}

int ta_scope_allows(const ta_scope *scope, const char *provider_id)
{
    if (!scope->providers) {
        return 1;
    }
    for (int i = 0; i < scope->providers->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(scope->providers, i, const char *), provider_id) == 0) {
            return 1;
        }
    }
    return 0;
}
