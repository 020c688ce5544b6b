/*
 * The buckets of a stripe, and with them everything that leads to a record.
 */
#ifndef TA_SESSION_SHARED_INDEX_H
#define TA_SESSION_SHARED_INDEX_H

#include "session/shared_block.h"

/** Where the first record of a key's bucket stands. */
apr_uint32_t *ta_shared_index_bucket(const ta_shared_stripe *stripe, const apr_uint64_t *key);

/** True when a block has this key. */
int ta_shared_index_has_key(const ta_shared_head *head, const apr_uint64_t *key);

/** The record of a key, or 0; only for the holder of the mutex. */
apr_uint32_t ta_shared_index_find(const ta_shared_stripe *stripe, const apr_uint64_t *key);

/** Makes a record found, as the newest; within a change. */
void ta_shared_index_add(const ta_shared_stripe *stripe, apr_uint32_t number);

/** Takes a record out of everything and frees its blocks; within a change. */
void ta_shared_index_drop(const ta_shared_stripe *stripe, apr_uint32_t number);

#endif
