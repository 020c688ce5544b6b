/*
 * The protocol of memcached, as far as sessions need it: reading several values at once,
 * writing one under a condition, removing one.
 */
#ifndef TA_NET_MEMCACHED_H
#define TA_NET_MEMCACHED_H

#include <apr_pools.h>

#include "net/peer.h"
#include "util/bytes.h"

#define TA_MEMCACHED_VALUE_BYTES 1048576 /* a longer value is an error */
#define TA_MEMCACHED_NAMES       4       /* of one question */

typedef struct ta_memcached ta_memcached;

typedef struct ta_memcached_value {
    ta_bytes bytes;    /* data is NULL where there is none */
    apr_uint64_t mark; /* another one after each change */
} ta_memcached_value;

/* When a value is written. */
typedef enum ta_memcached_when {
    TA_MEMCACHED_ALWAYS,
    TA_MEMCACHED_IF_NEW, /* there is none */
    TA_MEMCACHED_IF_SAME /* the one that is there has the mark of the one that is written */
} ta_memcached_when;

/** Makes the client of one process, which any thread may use; nothing is sent yet.
 *  @param p pool of the process @param settings used for as long as the client */
apr_status_t ta_memcached_make(apr_pool_t *p, const ta_peer_settings *settings, const ta_log *log,
                               ta_memcached **memcached);

/**
 * Reads values.
 * @param p      pool of the values
 * @param names  count of them, at most TA_MEMCACHED_NAMES
 * @param values set to one for each name
 * @return APR_SUCCESS, also where there are none; or why nobody knows
 */
apr_status_t ta_memcached_get(ta_memcached *memcached, apr_pool_t *p, const char *const *names,
                              int count, ta_memcached_value *values);

/**
 * Writes a value. It may reach the server twice (peer.h).
 * @param expiry seconds since 1970
 * @return APR_SUCCESS; APR_EEXIST when the condition is not met; APR_ENOSPC when it does not
 *         fit; or why nobody knows
 */
apr_status_t ta_memcached_put(ta_memcached *memcached, apr_pool_t *tmp, ta_memcached_when when,
                              const char *name, const ta_memcached_value *value,
                              apr_int64_t expiry);

/** Removes a value. @return APR_SUCCESS, also where there was none */
apr_status_t ta_memcached_remove(ta_memcached *memcached, apr_pool_t *tmp, const char *name);

#endif
