/*
 * Which kinds of stores there are.
 */
#include "httpd/store_kind.h"

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/server_store.h"
#include "httpd/shm_store.h"
#include "httpd/socache_store.h"

#define DEFAULT_STORE "shm"

/* the last one takes every name */
static const ta_store_kind *const kinds[] = {
    &ta_shm_store_kind,
    &ta_server_store_redis,
    &ta_server_store_memcache,
    &ta_socache_store_kind,
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

apr_status_t ta_store_kind_prepare(apr_pool_t *pconf)
{
    apr_status_t rv = APR_SUCCESS;

    for (apr_size_t i = 0; i < KINDS && rv == APR_SUCCESS; i++) {
        rv = kinds[i]->prepare ? kinds[i]->prepare(pconf) : APR_SUCCESS;
    }
    return rv;
}

const ta_store_kind *ta_store_kind_find(apr_pool_t *p, const char *text, const ta_seal_key *key,
                                        ta_store_spec *spec)
{
    const char *colon;

    spec->text = text ? text : DEFAULT_STORE;
    colon = strchr(spec->text, ':');
    spec->name =
        colon ? apr_pstrmemdup(p, spec->text, (apr_size_t)(colon - spec->text)) : spec->text;
    spec->arguments = colon ? colon + 1 : NULL;
    spec->key = key;
    for (apr_size_t i = 0; i < KINDS; i++) {
        if (!kinds[i]->name || strcmp(kinds[i]->name, spec->name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

apr_int64_t ta_store_kind_longest_login(server_rec *s)
{
    apr_int64_t longest = 0;

    for (; s; s = s->next) {
        const ta_site *site = ta_config_of_server(s)->site;

        if (site && site->lifetime.absolute > longest) {
            longest = site->lifetime.absolute;
        }
    }
    return longest;
}
