/*
 * Sealed sessions in memcached: the port of outside_store.h in questions that memcached knows.
 */
#ifndef TA_HTTPD_MEMCACHE_CACHE_H
#define TA_HTTPD_MEMCACHE_CACHE_H

#include "net/memcached.h"
#include "session/outside_store.h"

typedef struct ta_memcache_cache ta_memcache_cache;

/** Makes the port; talks to nobody. @param prefix of every name @param cache set to the port */
ta_memcache_cache *ta_memcache_cache_make(apr_pool_t *p, const char *prefix,
                                          const ta_cache **cache);

/** Gives it the client of this process. */
void ta_memcache_cache_connect(ta_memcache_cache *state, ta_memcached *memcached);

#endif
