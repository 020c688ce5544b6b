/*
 * What is asked of memcached: for a request two round trips, three for a further host of a
 * login; a change is written only where nobody else wrote meanwhile. Names are those of
 * redis_cache.c. Stamps are not dropped before sessions are, unless its memory runs out.
 */
#include "httpd/memcache_cache.h"

#include <string.h>

#include <apr_strings.h>

#define TRIES 5

struct ta_memcache_cache {
    ta_cache port;
    ta_memcached *memcached; /* of this process; set once in each child */
    const char *prefix;
};

static const char *name_of(const ta_memcache_cache *cache, apr_pool_t *p, const char *room,
                           const char *name)
{
    return apr_pstrcat(p, cache->prefix, room, name, NULL);
}

static apr_status_t get_one(const ta_memcache_cache *cache, apr_pool_t *p, const char *name,
                            ta_memcached_value *value)
{
    return ta_memcached_get(cache->memcached, p, &name, 1, value);
}

/* The name that a value links to, or NULL where the value is none of ours. */
static const char *link_of(apr_pool_t *p, ta_bytes value, apr_size_t at)
{
    const char *link = value.len > TA_OUTSIDE_HEAD_LEN
                           ? apr_pstrmemdup(p, (const char *)value.data + at, TA_OUTSIDE_NAME_LEN)
                           : "";

    /* it becomes a part of a line that we send */
    return strspn(link, "0123456789abcdef") == TA_OUTSIDE_NAME_LEN ? link : NULL;
}

static apr_status_t fetch_stamps(const ta_memcache_cache *cache, apr_pool_t *p,
                                 ta_outside_bundle *bundle)
{
    ta_bytes login = bundle->parent.data ? bundle->parent : bundle->value;
    const char *user = link_of(p, login, TA_OUTSIDE_LINK_AT);
    const char *sid = link_of(p, login, TA_OUTSIDE_LINK2_AT);
    const char *both = link_of(p, login, TA_OUTSIDE_LINK3_AT);
    ta_memcached_value values[TA_OUTSIDE_STAMPS];
    apr_status_t rv;

    if (!user || !sid || !both) {
        return APR_NOTFOUND;
    }
    rv = ta_memcached_get(cache->memcached, p,
                          (const char *const[]){name_of(cache, p, "s:", user),
                                                name_of(cache, p, "s:", sid),
                                                name_of(cache, p, "s:", both)},
                          TA_OUTSIDE_STAMPS, values);
    if (rv == APR_SUCCESS) {
        for (int i = 0; i < TA_OUTSIDE_STAMPS; i++) {
            bundle->stamps[i] = values[i].bytes;
        }
    }
    return rv;
}

static apr_status_t fetch(void *context, apr_pool_t *p, const char *name, ta_outside_bundle *bundle)
{
    const ta_memcache_cache *cache = context;
    ta_memcached_value value;
    const char *parent;
    apr_status_t rv = get_one(cache, p, name_of(cache, p, "r:", name), &value);

    if (rv == APR_SUCCESS && value.bytes.len <= TA_OUTSIDE_HEAD_LEN) {
        rv = APR_NOTFOUND;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bundle->value = value.bytes;
    if (value.bytes.data[TA_OUTSIDE_KIND_AT] == 'c') {
        parent = link_of(p, value.bytes, TA_OUTSIDE_LINK_AT);
        rv = parent ? get_one(cache, p, name_of(cache, p, "r:", parent), &value) : APR_NOTFOUND;
        if (rv != APR_SUCCESS || !value.bytes.data) {
            return rv; /* without a parent it is gone, which the store sees */
        }
        bundle->parent = value.bytes;
    }
    return fetch_stamps(cache, p, bundle);
}

static apr_status_t put(void *context, apr_pool_t *tmp, const char *name, ta_bytes value,
                        apr_int64_t expiry)
{
    const ta_memcache_cache *cache = context;
    ta_memcached_value whole = {.bytes = value};

    return ta_memcached_put(cache->memcached, tmp, TA_MEMCACHED_ALWAYS,
                            name_of(cache, tmp, "r:", name), &whole, expiry);
}

static int is_same(ta_bytes a, ta_bytes b)
{
    return a.data && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* A write that was not met by its condition is looked at again: it may have been our own, sent
 * twice. */
static apr_status_t put_over(void *context, apr_pool_t *tmp, const char *name, const char *version,
                             ta_bytes value, apr_int64_t expiry)
{
    const ta_memcache_cache *cache = context;
    const char *full = name_of(cache, tmp, "r:", name);
    apr_status_t rv = APR_EEXIST;

    for (int i = 0; i < TRIES && rv == APR_EEXIST; i++) {
        ta_memcached_value found;

        rv = get_one(cache, tmp, full, &found);
        if (rv != APR_SUCCESS || is_same(found.bytes, value)) {
            return rv;
        }
        if (found.bytes.len <= TA_OUTSIDE_HEAD_LEN ||
            memcmp(found.bytes.data + TA_OUTSIDE_VERSION_AT, version, TA_OUTSIDE_VERSION_LEN) !=
                0) {
            return APR_EAGAIN;
        }
        found.bytes = value;
        rv = ta_memcached_put(cache->memcached, tmp, TA_MEMCACHED_IF_SAME, full, &found, expiry);
    }
    return rv == APR_EEXIST ? APR_EAGAIN : rv;
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const char *name)
{
    const ta_memcache_cache *cache = context;

    return ta_memcached_remove(cache->memcached, tmp, name_of(cache, tmp, "r:", name));
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const char *name, const char *token,
                          apr_int64_t expiry)
{
    const ta_memcache_cache *cache = context;
    const char *full = name_of(cache, tmp, "c:", name);
    ta_memcached_value value = {.bytes = {(const unsigned char *)token, strlen(token)}};
    ta_memcached_value found;
    apr_status_t rv =
        ta_memcached_put(cache->memcached, tmp, TA_MEMCACHED_IF_NEW, full, &value, expiry);

    if (rv != APR_EEXIST) {
        return rv;
    }
    /* taken, but perhaps by this very call, whose first answer was lost */
    rv = get_one(cache, tmp, full, &found);
    return rv == APR_SUCCESS && !is_same(found.bytes, value.bytes) ? APR_EEXIST : rv;
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const char *name)
{
    const ta_memcache_cache *cache = context;
    ta_memcached_value found;
    apr_status_t rv = get_one(cache, tmp, name_of(cache, tmp, "c:", name), &found);

    return rv == APR_SUCCESS && found.bytes.data ? APR_EEXIST : rv;
}

static apr_status_t stamp(void *context, apr_pool_t *tmp, const char *name,
                          const ta_outside_stamp *stamp)
{
    const ta_memcache_cache *cache = context;
    const char *full = name_of(cache, tmp, "s:", name);
    apr_status_t rv = APR_EEXIST;

    for (int i = 0; i < TRIES && rv == APR_EEXIST; i++) {
        apr_int64_t time = stamp->time;
        ta_memcached_value found;
        const char *text;
        int is_new;

        rv = get_one(cache, tmp, full, &found);
        is_new = !found.bytes.data;
        if (rv != APR_SUCCESS || (is_new && stamp->only_known)) {
            return rv == APR_SUCCESS ? APR_NOTFOUND : rv;
        }
        if (!is_new) {
            apr_int64_t old =
                apr_atoi64(apr_pstrmemdup(tmp, (const char *)found.bytes.data, found.bytes.len));

            time = old > time ? old : time;
        }
        text = apr_psprintf(tmp, "%" APR_INT64_T_FMT, time);
        found.bytes = (ta_bytes){(const unsigned char *)text, strlen(text)};
        rv = ta_memcached_put(cache->memcached, tmp,
                              is_new ? TA_MEMCACHED_IF_NEW : TA_MEMCACHED_IF_SAME, full, &found,
                              stamp->expiry);
    }
    return rv;
}

ta_memcache_cache *ta_memcache_cache_make(apr_pool_t *p, const char *prefix,
                                          const ta_cache **result)
{
    ta_memcache_cache *cache = apr_pcalloc(p, sizeof(*cache));

    cache->prefix = prefix;
    cache->port = (ta_cache){
        .fetch = fetch,
        .put = put,
        .put_over = put_over,
        .remove = remove_record,
        .claim = claim,
        .check_claim = check_claim,
        .stamp = stamp,
        .claims_everywhere = 1,
        .context = cache,
    };
    *result = &cache->port;
    return cache;
}

void ta_memcache_cache_connect(ta_memcache_cache *cache, ta_memcached *memcached)
{
    cache->memcached = memcached;
}
