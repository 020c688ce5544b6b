/*
 * One stripe of the shared table: a hash table of its own with one mutex for those who write.
 * Those who read take no lock and write nothing. They note the sequence counter, copy what they
 * look for, trusting no number on the way, and look at the counter again: when it has moved, or
 * is odd, somebody was changing the stripe, and they read once more. After some tries they wait
 * for the mutex like a writer, for the one who is changing it may have been stopped or killed.
 *
 * Whoever gets a mutex whose holder died puts the stripe in order first: each record can be told
 * whole or not by itself, and everything else is made anew from those that are.
 */
#ifndef TA_SESSION_SHARED_STRIPE_H
#define TA_SESSION_SHARED_STRIPE_H

#include <apr_tables.h>

#include "session/shared_block.h"

/* What a function returns whose stripe has moved to another table. */
#define TA_SHARED_MOVED (APR_OS_START_USERERR + 1)

/* Bytes before the buckets: whole pages, so that the rest can be given back to the system. */
#define TA_SHARED_STRIPE_HEADER 4096

/** What tells a caller of ta_shared_stripe_collect whether it wants a record: its first bytes. */
typedef int (*ta_shared_filter)(void *context, ta_bytes record);

/**
 * Says where the parts of a stripe lie.
 * @param memory      its first byte, on a page
 * @param bytes       all of it, whole pages
 * @param block_bytes size of a block
 * @param stripe      filled in, but for `moved`
 */
void ta_shared_stripe_lay_out(unsigned char *memory, apr_size_t bytes, apr_uint32_t block_bytes,
                              ta_shared_stripe *stripe);

/** Makes the mutex of a stripe, which nobody may be using. @return an error of the system */
apr_status_t ta_shared_stripe_prepare(const ta_shared_stripe *stripe);

/**
 * Takes the mutex, and mends what a dead holder left.
 * @return APR_SUCCESS; TA_SHARED_MOVED, then without the mutex; an error of the system
 */
apr_status_t ta_shared_stripe_lock(const ta_shared_stripe *stripe);

/** Gives the mutex back. */
void ta_shared_stripe_unlock(const ta_shared_stripe *stripe);

/** Makes those who are reading at this moment look again; for the holder of the mutex. */
void ta_shared_stripe_interrupt(const ta_shared_stripe *stripe);

/**
 * Reads a living record into p.
 * @param now     seconds since 1970
 * @param version NULL: whichever there is is read; else the stamp of what the caller has, or 0,
 *                and set to that of what was read. No two versions of a record have the same
 * @return APR_SUCCESS, APR_NOTFOUND, TA_SHARED_MOVED, or an error of the system;
 *         TA_STORE_UNCHANGED for the version that the caller has, which is not read
 */
apr_status_t ta_shared_stripe_load(const ta_shared_stripe *stripe, apr_pool_t *p,
                                   const apr_uint64_t *key, apr_int64_t now, apr_uint64_t *version,
                                   ta_bytes *record);

/**
 * Saves a record, in place of one with the same key. What has expired makes room for it; where
 * that is not enough, those do that were unused for longest.
 * @return APR_SUCCESS; APR_ENOSPC when it would not fit into an empty stripe; TA_SHARED_MOVED;
 *         an error of the system
 */
apr_status_t ta_shared_stripe_save(const ta_shared_stripe *stripe, const ta_shared_entry *entry);

/** Saves a record only where there is no living one of its key. @return also APR_EEXIST */
apr_status_t ta_shared_stripe_add(const ta_shared_stripe *stripe, const ta_shared_entry *entry);

/** Saves a record only where the living one of its key is `expected`. @return also APR_EAGAIN */
apr_status_t ta_shared_stripe_replace(const ta_shared_stripe *stripe, ta_bytes expected,
                                      const ta_shared_entry *entry);

/** Removes a record. @return APR_SUCCESS, also where there was none; or as above */
apr_status_t ta_shared_stripe_remove(const ta_shared_stripe *stripe, const apr_uint64_t *key);

/**
 * Finds the keys of all living records that a filter wants; writers wait meanwhile.
 * @param peek how many of a record's first bytes the filter looks at
 * @param keys its keys are added, as apr_uint64_t[TA_SHARED_KEY_WORDS]
 */
apr_status_t ta_shared_stripe_collect(const ta_shared_stripe *stripe, apr_int64_t now,
                                      apr_size_t peek, ta_shared_filter filter, void *context,
                                      apr_array_header_t *keys);

#endif
