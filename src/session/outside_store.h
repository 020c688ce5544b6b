/*
 * Sessions in a cache that others can look into: a Redis or memcached server, on its own
 * machine, with backups of its own. What lies there tells nothing without our secret: records
 * are sealed as a whole, and names are hashes that only the secret makes.
 *
 * A name is 64 hexadecimal digits. A value is
 *
 *     offset
 *       0   "TAO2"
 *       4   kind       1   "l": a login, "c": a further host of one
 *       5   version   32   hexadecimal digits, the same for the same record
 *      37   link      64   of a login: name of its user's stamp; else name of its parent
 *     101   link      64   of a login: name of its sid's stamp; else unused
 *     165   link      64   of a login: name of the stamp of both together; else unused
 *     229   the key and the record, sealed, bound to the name and to all of the above
 *
 * The first part can be read, so that a cache that runs scripts finds in one go what belongs
 * together. A stamp is the time, as decimal seconds since 1970, up to which all logins of a
 * user, of a session at the provider, or of both together, have ended. That of a session at the
 * provider is there from its first login on, as 0: whoever only guesses makes no new one.
 */
#ifndef TA_SESSION_OUTSIDE_STORE_H
#define TA_SESSION_OUTSIDE_STORE_H

#include <apr_pools.h>

#include "jose/seal.h"
#include "session/store.h"
#include "util/bytes.h"

#define TA_OUTSIDE_NAME_LEN    64
#define TA_OUTSIDE_KIND_AT     4
#define TA_OUTSIDE_VERSION_AT  5
#define TA_OUTSIDE_VERSION_LEN 32
#define TA_OUTSIDE_LINK_AT     37
#define TA_OUTSIDE_LINK2_AT    101
#define TA_OUTSIDE_LINK3_AT    165
#define TA_OUTSIDE_HEAD_LEN    229
#define TA_OUTSIDE_STAMPS      3
#define TA_OUTSIDE_VALUE_BYTES (TA_STORE_RECORD_BYTES + 512) /* the longest value */

/* What belongs to one record; data is NULL for what is not there. */
typedef struct ta_outside_bundle {
    ta_bytes value;
    ta_bytes parent;                    /* of a further host: its login's value */
    ta_bytes stamps[TA_OUTSIDE_STAMPS]; /* of the login: its user's, its sid's, of both */
} ta_outside_bundle;

typedef struct ta_outside_stamp {
    apr_int64_t time;   /* seconds since 1970 */
    apr_int64_t expiry; /* of what is written */
    int only_known;     /* write nothing where there is none */
} ta_outside_stamp;

/** What ta_cache's iterate calls for each record. */
typedef apr_status_t (*ta_outside_visit)(void *context, const char *name,
                                         const ta_outside_bundle *bundle);

/*
 * A cache as a port. Any thread may call it. Whatever it returns that is not listed means
 * "don't know". Calls may be repeated where an answer was lost, and do no harm then.
 */
typedef struct ta_cache {
    /** Reads a record, its parent and the stamps of its login.
     *  @return APR_SUCCESS, or APR_NOTFOUND when the cache says for sure that it has none */
    apr_status_t (*fetch)(void *context, apr_pool_t *p, const char *name,
                          ta_outside_bundle *bundle);

    /** Writes a record. @param expiry seconds since 1970, as everywhere here
     *  @return APR_SUCCESS; APR_ENOSPC */
    apr_status_t (*put)(void *context, apr_pool_t *tmp, const char *name, ta_bytes value,
                        apr_int64_t expiry);

    /** Writes a record where the one that is there has a version.
     *  @return APR_SUCCESS; APR_EAGAIN where it has another, or is gone */
    apr_status_t (*put_over)(void *context, apr_pool_t *tmp, const char *name, const char *version,
                             ta_bytes value, apr_int64_t expiry);

    /** Removes a record. @return APR_SUCCESS, also where there was none */
    apr_status_t (*remove)(void *context, apr_pool_t *tmp, const char *name);

    /** Takes a name in the room of claims. @param token different for each call
     *  @return APR_SUCCESS; APR_EEXIST */
    apr_status_t (*claim)(void *context, apr_pool_t *tmp, const char *name, const char *token,
                          apr_int64_t expiry);

    /** Whether a name in the room of claims is taken. @return APR_SUCCESS while it is not;
     *  APR_EEXIST */
    apr_status_t (*check_claim)(void *context, apr_pool_t *tmp, const char *name);

    /** Writes a stamp: the later time of this one and of what is there.
     *  @return APR_SUCCESS; APR_NOTFOUND where only_known and there was none */
    apr_status_t (*stamp)(void *context, apr_pool_t *tmp, const char *name,
                          const ta_outside_stamp *stamp);

    /** Calls visit for every record; one may come twice. NULL where it cannot list them. */
    apr_status_t (*iterate)(void *context, apr_pool_t *tmp, ta_outside_visit visit,
                            void *visit_context);

    int claims_everywhere; /* as in ta_store */
    void *context;
} ta_cache;

/**
 * A store of sessions in a cache.
 * @param p        pool of the store
 * @param cache    the cache; used as it is, for as long as the store
 * @param key      of TinyauthSecretFile
 * @param lifetime seconds that no login outlives: stamps are kept for so long
 * @param store    set to it
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_outside_store_make(apr_pool_t *p, const ta_cache *cache, const ta_seal_key *key,
                                   apr_int64_t lifetime, ta_store **store);

#endif
