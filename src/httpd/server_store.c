/*
 * Opening a store in a server: files are read by the parent, as root; connections are made by
 * the children, when the first request needs one. So httpd starts also while the server is away.
 *
 * memcached is spoken to by a client of our own, not by httpd's provider of that name: that one
 * waits for an answer without end, takes a server that died for one that has nothing, and knows
 * no write under a condition.
 */
#include "httpd/server_store.h"

#include <http_log.h>

#include "httpd/log_sink.h"
#include "httpd/memcache_cache.h"
#include "httpd/module.h"
#include "httpd/redis_cache.h"
#include "httpd/store_address.h"

APLOG_USE_MODULE(tinyauth);

#define REDIS_PORT    6379
#define MEMCACHE_PORT 11211

/* What start_child needs; the port stands first, for by it the rest is found again. */
typedef struct server_store {
    ta_store port;
    ta_store_address address;
    ta_redis_cache *redis; /* one of the two */
    ta_memcache_cache *memcache;
    server_rec *server;
} server_store;

static const char *check_redis(apr_pool_t *p, const ta_store_spec *spec)
{
    ta_store_address address;

    return ta_store_address_parse(p, spec, REDIS_PORT, &address);
}

static const char *check_memcache(apr_pool_t *p, const ta_store_spec *spec)
{
    ta_store_address address;

    return ta_store_address_parse(p, spec, MEMCACHE_PORT, &address);
}

/* What both kinds begin with. NULL: the log says why. */
static server_store *begin(apr_pool_t *pconf, server_rec *s, const ta_store_spec *spec, int port)
{
    server_store *state = apr_pcalloc(pconf, sizeof(*state));
    ta_store_address *address = &state->address;
    const char *error = ta_store_address_parse(pconf, spec, port, address);

    if (error) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "TA0408: TinyauthSessionStore %s", error);
        return NULL;
    }
    if (address->tls &&
        ta_stream_tls_make(pconf, address->ca_file, &address->server.peer.tls) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     "TA0409: TinyauthSessionStore %s: there is no certificate of an authority in "
                     "%s",
                     spec->text, address->ca_file ? address->ca_file : "the system's folder");
        return NULL;
    }
    state->server = s;
    return state;
}

static apr_status_t finish(apr_pool_t *pconf, const ta_store_spec *spec, const ta_cache *cache,
                           server_store *state, ta_store **result)
{
    ta_store *store;
    apr_status_t rv = ta_outside_store_make(pconf, cache, spec->key,
                                            ta_store_kind_longest_login(state->server), &store);

    state->port = *store;
    *result = &state->port;
    return rv;
}

static apr_status_t open_redis(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                               const ta_store_spec *spec, ta_store **store)
{
    server_store *state = begin(pconf, s, spec, REDIS_PORT);
    const ta_cache *cache;
    apr_status_t rv;

    (void)ptemp;
    if (!state) {
        return APR_EGENERAL;
    }
    rv = ta_redis_cache_make(pconf, state->address.prefix, &state->redis, &cache);
    return rv == APR_SUCCESS ? finish(pconf, spec, cache, state, store) : rv;
}

static apr_status_t open_memcache(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                                  const ta_store_spec *spec, ta_store **store)
{
    server_store *state = begin(pconf, s, spec, MEMCACHE_PORT);
    const ta_cache *cache;

    (void)ptemp;
    if (!state) {
        return APR_EGENERAL;
    }
    state->memcache = ta_memcache_cache_make(pconf, state->address.prefix, &cache);
    return finish(pconf, spec, cache, state, store);
}

static apr_status_t start_redis(apr_pool_t *pchild, ta_store *store)
{
    server_store *state = (server_store *)store;
    ta_redis *redis;
    apr_status_t rv = ta_redis_make(pchild, &state->address.server,
                                    ta_log_sink_make_for_server(pchild, state->server), &redis);

    if (rv == APR_SUCCESS) {
        ta_redis_cache_connect(state->redis, redis);
    }
    return rv;
}

static apr_status_t start_memcache(apr_pool_t *pchild, ta_store *store)
{
    server_store *state = (server_store *)store;
    ta_memcached *memcached;
    apr_status_t rv =
        ta_memcached_make(pchild, &state->address.server.peer,
                          ta_log_sink_make_for_server(pchild, state->server), &memcached);

    if (rv == APR_SUCCESS) {
        ta_memcache_cache_connect(state->memcache, memcached);
    }
    return rv;
}

const ta_store_kind ta_server_store_redis = {
    .name = "redis",
    .check = check_redis,
    .open = open_redis,
    .start_child = start_redis,
};

const ta_store_kind ta_server_store_memcache = {
    .name = "memcache",
    .check = check_memcache,
    .open = open_memcache,
    .start_child = start_memcache,
};
