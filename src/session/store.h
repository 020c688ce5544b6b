/*
 * The session store as a port: records by key, with an expiry. Keys are 32 bytes that tell
 * nothing (the SHA-256 of what a cookie holds), so a dump of the store lets nobody in.
 *
 * Every function may be called by any thread. An answer other than those listed is an error
 * of the store, and means "don't know": nobody is signed in on the strength of it, and
 * nobody's session is called gone.
 */
#ifndef TA_SESSION_STORE_H
#define TA_SESSION_STORE_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

#include "util/bytes.h"

#define TA_STORE_KEY_LEN      32
#define TA_STORE_RECORD_BYTES 65536 /* a longer record is refused when it is saved */

/* What load answers for a record that the caller has. */
#define TA_STORE_UNCHANGED (APR_OS_START_USERERR + 2)

/** What ta_store's iterate calls for each record; not APR_SUCCESS ends the iteration. */
typedef apr_status_t (*ta_store_visit)(void *context, const unsigned char *key, ta_bytes record);

/** How full a store is, and what it lost since it was made. */
typedef struct ta_store_fill {
    apr_uint64_t records; /* those that expired a moment ago may be among them */
    apr_uint64_t capacity_bytes;
    apr_uint64_t used_bytes;
    apr_uint64_t evicted; /* records that had to make room for others */
    apr_uint64_t expired; /* records that were cleared away after their time */
} ta_store_fill;

/** Which logins end (indexes: record.h), and who wants to know. With both indexes: those of the
 *  user that are of this session at the provider, or that no session was named for. */
typedef struct ta_store_ending {
    unsigned char subject[TA_STORE_KEY_LEN]; /* zeros: of any user */
    unsigned char sid[TA_STORE_KEY_LEN];     /* zeros: of any session at the provider */
    apr_int64_t before;                      /* seconds since 1970: those made by then */
    int is_guess; /* by sid alone, and nobody proved that there is one: it may cost no memory */
    ta_store_visit ended; /* is told each login that ended, where the store knows; or NULL */
    void *context;
} ta_store_ending;

typedef struct ta_store {
    /** Reads a record into p, and with it, in the same round trip, its parent's: a record
     *  without its parent, or whose user's sessions were ended since it was made, is gone.
     *  @param version the one that the caller has, 0: none, and set to the one that was read. A
     *                 store that knows no versions leaves it alone, and no record with a parent has
     *                 one. NULL: the record is wanted whichever it is
     *  @param parent  set to the parent's record, empty where there is none; NULL: not wanted
     *  @return APR_SUCCESS, APR_NOTFOUND, or an error of the store; TA_STORE_UNCHANGED, without
     *          record and parent, for the version that the caller has */
    apr_status_t (*load)(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent);

    /** Saves a record under a new key. @param expiry seconds since 1970
     *  @return APR_SUCCESS, or an error of the store (full: APR_ENOSPC) */
    apr_status_t (*save)(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry);

    /** Replaces a record only while it still is, byte for byte, what the caller read: so no
     *  session that was ended meanwhile comes back, and no change is lost.
     *  @return APR_SUCCESS; APR_EAGAIN when it has changed or is gone */
    apr_status_t (*replace)(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry);

    /** Removes a record. @return APR_SUCCESS, also where there was none */
    apr_status_t (*remove)(void *context, apr_pool_t *tmp, const unsigned char *key);

    /** Takes a key for oneself, once: of any number of callers exactly one gets APR_SUCCESS,
     *  until expiry. @return APR_SUCCESS, or APR_EEXIST */
    apr_status_t (*claim)(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry);

    /** Whether a key is taken. @return APR_SUCCESS while it is not, or APR_EEXIST */
    apr_status_t (*check_claim)(void *context, apr_pool_t *tmp, const unsigned char *key);

    /** Ends logins.
     *  @param count set to how many there were, or -1 where the store cannot say
     *  @return APR_SUCCESS, or an error of the store: some may be left */
    apr_status_t (*end_all)(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count);

    /** Calls visit for every living record, in no order; each is valid during the call only.
     *  NULL where the store cannot list its records. */
    apr_status_t (*iterate)(void *context, apr_pool_t *tmp, ta_store_visit visit,
                            void *visit_context);

    /** Says how full the store is; cheap, and without a lock. NULL where a store cannot say. */
    apr_status_t (*measure)(void *context, ta_store_fill *fill);

    int end_all_searches;  /* end_all looks at all records, so it costs the more there are */
    int claims_everywhere; /* claim keeps out other machines too, not only other processes */
    void *context;
} ta_store;

#endif
