/*
 * Sealed sessions in Redis or Valkey: the port of outside_store.h as commands and scripts.
 */
#ifndef TA_HTTPD_REDIS_CACHE_H
#define TA_HTTPD_REDIS_CACHE_H

#include "net/redis.h"
#include "session/outside_store.h"

typedef struct ta_redis_cache ta_redis_cache;

/**
 * Prepares the scripts; talks to nobody.
 * @param prefix of every name
 * @param cache  set to the port
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_redis_cache_make(apr_pool_t *p, const char *prefix, ta_redis_cache **state,
                                 const ta_cache **cache);

/** Gives it the client of this process. */
void ta_redis_cache_connect(ta_redis_cache *state, ta_redis *redis);

#endif
