/*
 * Commands to a Redis or Valkey server and their replies. redis.c is the only file that knows
 * hiredis.
 */
#ifndef TA_NET_REDIS_H
#define TA_NET_REDIS_H

#include <apr_pools.h>

#include "net/peer.h"
#include "util/bytes.h"

#define TA_REDIS_REPLY_BYTES 16777216 /* a longer reply is an error */

typedef struct ta_redis ta_redis;

typedef enum ta_redis_kind {
    TA_REDIS_NIL,
    TA_REDIS_INTEGER,
    TA_REDIS_BYTES,
    TA_REDIS_STATUS,
    TA_REDIS_ERROR,
    TA_REDIS_ARRAY
} ta_redis_kind;

typedef struct ta_redis_reply {
    ta_redis_kind kind;
    apr_int64_t integer;
    ta_bytes bytes; /* of BYTES, STATUS and ERROR; a NUL behind it that does not count */
    int count;      /* of ARRAY … */
    struct ta_redis_reply **items; /* … with none of them NULL */
} ta_redis_reply;

typedef struct ta_redis_settings {
    ta_peer_settings peer; /* its greeting is redis.c's */
    const char *user;      /* NULL: the default user */
    const char *password;  /* NULL: none is asked for */
    int database;
} ta_redis_settings;

/** Makes the client of one process, which any thread may use; nothing is sent yet.
 *  @param p pool of the process @param settings changed, and used for as long as the client */
apr_status_t ta_redis_make(apr_pool_t *p, ta_redis_settings *settings, const ta_log *log,
                           ta_redis **redis);

/**
 * Sends one command. It may reach the server twice (peer.h).
 * @param p     pool of the reply
 * @param words the command and its arguments
 * @param reply set to the server's reply, which may be an error of the server's
 * @return APR_SUCCESS, or why there is no reply
 */
apr_status_t ta_redis_call(ta_redis *redis, apr_pool_t *p, const ta_bytes *words, int count,
                           ta_redis_reply **reply);

/** Whether a reply is the error of this name ("NOSCRIPT"). */
int ta_redis_is_error(const ta_redis_reply *reply, const char *name);

/**
 * Says in the log what is wrong where a reply is not the one that was hoped for.
 * @return APR_ENOSPC when the server is full, else APR_EGENERAL
 */
apr_status_t ta_redis_explain(ta_redis *redis, apr_pool_t *p, const ta_redis_reply *reply);

#endif
