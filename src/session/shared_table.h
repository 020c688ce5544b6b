/*
 * A hash table of records in memory that processes share, found by a SHA-256 and dropped when
 * they expire. It lies in a file, which may have no name and no disk behind it, and holds no
 * pointer, so that each process may map it anywhere.
 *
 *     file     ┌ super ┬──────── table ───────┬───────── a later table ─────────┐
 *              │ block │                      │ made when the size was changed  │
 *              └───┬───┴──────────────────────┴─────────────────────────────────┘
 *                  └ says which table counts    ▲
 *     table    ┌────────┬──────────┬────── … ───┼──────────┬────────┐
 *              │ header │ stripe 0 │ stripe 1   │          │ claims │
 *              └───┬────┴──────────┴─────── … ──┼──────────┴────────┘
 *                  └──────── forward ───────────┘
 *
 * A table whose size is changed moves to another place of the same file, as a whole and with all
 * its stripes locked. Processes that still have the old one find it marked as moved, map the new
 * one through the file that they have open, and go on there: at no time is there a record in
 * two places.
 *
 * What was claimed has a stripe of its own, so that whoever claims much pushes out no record.
 */
#ifndef TA_SESSION_SHARED_TABLE_H
#define TA_SESSION_SHARED_TABLE_H

#include "session/shared_stripe.h"

#define TA_SHARED_LAYOUT      3 /* changes whenever what lies in memory does */
#define TA_SHARED_MINIMUM     ((apr_size_t)512 * 1024)
#define TA_SHARED_MAX_STRIPES 64
#define TA_SHARED_ALIGNMENT   65536 /* of a table in its file: at least a page, wherever */

typedef struct ta_shared_table_header {
    char magic[8];
    apr_uint32_t layout;
    apr_uint32_t head_bytes; /* of a record's first block: tells machines apart */
    apr_uint64_t size;
    apr_uint64_t forward_offset; /* in the file, of the table that this one moved to */
    apr_uint64_t forward_size;   /* of that one; 0: this one did not move */
    apr_uint64_t noted_fill;     /* seconds since 1970: when the log was told last */
    apr_uint64_t noted_evicted;
    apr_uint64_t told_evicted; /* how many records the log knows to be dropped */
} ta_shared_table_header;

/* A table as this process sees it. */
typedef struct ta_shared_table {
    ta_shared_table_header *header;
    apr_size_t size;
    int fd;                                              /* of the file, not owned */
    int stripe_count;                                    /* without the claims */
    ta_shared_stripe stripes[TA_SHARED_MAX_STRIPES + 1]; /* the claims are the last one */
    struct ta_shared_table *next; /* where it moved to, once this process has seen that */
} ta_shared_table;

/**
 * Makes an empty table in a part of a file that was never written.
 * @param fd     open for reading and writing, long enough; stays the caller's
 * @param offset of the table, on a page
 * @param size   at least TA_SHARED_MINIMUM
 * @param table  not in a pool, because any thread may make one: ta_shared_table_unmap ends it
 * @return an error of the system
 */
apr_status_t ta_shared_table_make(int fd, apr_uint64_t offset, apr_size_t size,
                                  ta_shared_table **table);

/** Maps a table that was made before. @return APR_EINVAL where there is none of this layout, or
 *  the file has no room for one */
apr_status_t ta_shared_table_map(int fd, apr_uint64_t offset, apr_size_t size,
                                 ta_shared_table **table);

/** The stripe where a key belongs. */
const ta_shared_stripe *ta_shared_table_stripe(const ta_shared_table *table,
                                               const apr_uint64_t *key);

/** Ends this process's view of a table, and of those it moved to. */
void ta_shared_table_unmap(ta_shared_table *table);

/**
 * Makes the table that counts usable, after it lay in a file while no process had it: locks are
 * made anew, and records that are not whole are dropped.
 */
apr_status_t ta_shared_table_mend(ta_shared_table *table);

/** The functions of ta_store (store.h) on a table. @param now microseconds since 1970
 *  @param version as for ta_shared_stripe_load */
apr_status_t ta_shared_table_load(ta_shared_table *table, apr_pool_t *p, const unsigned char *key,
                                  apr_time_t now, apr_uint64_t *version, ta_bytes *record);
apr_status_t ta_shared_table_save(ta_shared_table *table, const unsigned char *key, ta_bytes record,
                                  apr_int64_t expiry, apr_time_t now);
apr_status_t ta_shared_table_replace(ta_shared_table *table, const unsigned char *key,
                                     ta_bytes expected, ta_bytes record, apr_int64_t expiry,
                                     apr_time_t now);
apr_status_t ta_shared_table_remove(ta_shared_table *table, const unsigned char *key);
apr_status_t ta_shared_table_claim(ta_shared_table *table, const unsigned char *key,
                                   apr_int64_t expiry, apr_time_t now);
apr_status_t ta_shared_table_check_claim(ta_shared_table *table, apr_pool_t *tmp,
                                         const unsigned char *key, apr_time_t now);

/** Is called for the key of each record that was found; nothing is locked meanwhile. */
typedef apr_status_t (*ta_shared_visit)(void *context, const unsigned char *key);

typedef struct ta_shared_search {
    apr_size_t peek;
    ta_shared_filter filter;
    ta_shared_visit visit;
    void *context;
} ta_shared_search;

/** Calls visit for the key of each living record that a filter wants (shared_stripe.h); maybe
 *  twice where the table moves meanwhile. What visit returns, other than success, ends it. */
apr_status_t ta_shared_table_search(ta_shared_table *table, apr_pool_t *tmp, apr_time_t now,
                                    const ta_shared_search *search);

/** How full a table is, without a lock: each number is true, not all at one moment. */
apr_status_t ta_shared_table_measure(ta_shared_table *table, ta_store_fill *fill);

/** The table that counts now, where this one has moved. @return an error of the system */
apr_status_t ta_shared_table_current(ta_shared_table *table, ta_shared_table **current);

#endif
