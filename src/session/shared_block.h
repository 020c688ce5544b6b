/*
 * The blocks of one stripe of the shared table, and the records in them. All blocks of a stripe
 * have one size; a record is a chain of as many as it needs, the first of which also says whose
 * it is. Blocks are named by their number from 1 on, never by address: each process maps the
 * memory somewhere else.
 *
 *     stripe   ┌────────┬─────────┬──────┬─────────┬─────────┬─────────┬──── … ────┐
 *              │ header │ buckets │ heap │ block 1 │ block 2 │ block 3 │           │
 *              └────────┴────┬────┴──────┴─────────┴─────────┴─────────┴───────────┘
 *                            │               ▲
 *                            └───────────────┘ first record of the bucket
 *
 *     record   ┌ first block ───────────────────────┐   ┌ further block ──┐
 *              │ next · kind · key · links · length │   │ next · kind     │
 *              │ expiry · stamp · checksum          │ ┌▶│ the rest        │
 *              │ the first bytes of the record      │ │ │ of the record   │
 *              └─ next ─────────────────────────────┘ │ └─ next = 0 ──────┘
 *                   └─────────────────────────────────┘
 *
 * Blocks that were never used lie behind `fresh`, so that memory which is not needed is not
 * touched; those that were freed are chained by `next`.
 */
#ifndef TA_SESSION_SHARED_BLOCK_H
#define TA_SESSION_SHARED_BLOCK_H

#include <pthread.h>

#include "session/shared_word.h"
#include "session/store.h"

#define TA_SHARED_KEY_WORDS (TA_STORE_KEY_LEN / 8)

/* What a block is. Not 0 and 1: what a damaged file holds is seldom one of these. */
#define TA_SHARED_FREE 0
#define TA_SHARED_HEAD 0x44414548 /* "HEAD": the first block of a record that is whole */
#define TA_SHARED_BODY 0x59444f42 /* "BODY" */

/* The first block of a record. */
typedef struct ta_shared_head {
    apr_uint32_t next; /* block, 0: none */
    apr_uint32_t kind;
    apr_uint64_t key[TA_SHARED_KEY_WORDS];
    apr_uint32_t chain; /* next record in the bucket */
    apr_uint32_t newer; /* neighbours in the order of use */
    apr_uint32_t older;
    apr_uint32_t place; /* in the heap, from 0 */
    apr_uint32_t len;   /* of the record, in bytes */
    apr_uint32_t unused;
    apr_uint64_t expiry;   /* seconds since 1970 */
    apr_uint64_t stamp;    /* microseconds since 1970: when it was written last */
    apr_uint64_t checksum; /* over all of the above that does not link, and the record */
    apr_uint64_t data[];
} ta_shared_head;

typedef struct ta_shared_body {
    apr_uint32_t next;
    apr_uint32_t kind;
    apr_uint64_t data[];
} ta_shared_body;

/* What the processes share of a stripe beside its records. Only the holder of the mutex
 * writes, and while it does the sequence counter is odd. */
typedef struct ta_shared_stripe_header {
    pthread_mutex_t mutex; /* robust and process-shared */
    /* readers look at this one only, on a cache line of its own */
    apr_uint32_t sequence __attribute__((aligned(64)));
    apr_uint32_t free __attribute__((aligned(64)));
    apr_uint32_t fresh; /* so many blocks were ever used */
    apr_uint32_t used;  /* blocks */
    apr_uint32_t records;
    apr_uint32_t oldest; /* the record unused for longest */
    apr_uint32_t newest;
    apr_uint64_t evicted;
    apr_uint64_t expired;
} ta_shared_stripe_header;

/* Where the parts of a stripe lie in this process. */
typedef struct ta_shared_stripe {
    ta_shared_stripe_header *header;
    apr_uint32_t *buckets;
    apr_uint32_t *heap; /* records, that which expires first in front */
    unsigned char *blocks;
    const apr_uint64_t *moved; /* the table's: not 0 once everything is in another one */
    apr_uint32_t bucket_mask;
    apr_uint32_t block_count;
    apr_uint32_t block_bytes;
} ta_shared_stripe;

/* What a record is beside its bytes. */
typedef struct ta_shared_entry {
    apr_uint64_t key[TA_SHARED_KEY_WORDS];
    apr_int64_t expiry;
    apr_time_t stamp;
    ta_bytes record;
} ta_shared_entry;

/** A block, or NULL where there is none of this number. */
ta_shared_head *ta_shared_block_head(const ta_shared_stripe *stripe, apr_uint32_t number);

/** How many blocks a record of len bytes takes. */
apr_uint32_t ta_shared_block_count(const ta_shared_stripe *stripe, apr_size_t len);

/** How many blocks are not in use. */
apr_uint32_t ta_shared_block_available(const ta_shared_stripe *stripe);

/**
 * Writes a record into free blocks, of which there must be enough. Nothing links to it yet.
 * @return the number of its first block
 */
apr_uint32_t ta_shared_block_write(const ta_shared_stripe *stripe, const ta_shared_entry *entry);

/** Gives the blocks of a record back, of which no link is left. */
void ta_shared_block_free(const ta_shared_stripe *stripe, apr_uint32_t number);

/**
 * Copies a record, or its beginning, which somebody may be changing at this moment: what was
 * copied counts only when the sequence counter has not moved.
 * @param out room for len bytes, rounded up to whole words
 * @return 0 when the chain leads nowhere
 */
int ta_shared_block_copy(const ta_shared_stripe *stripe, const ta_shared_head *head, apr_size_t len,
                         apr_uint64_t *out);

/** True when a record is, byte for byte, this one. Only for the holder of the mutex. */
int ta_shared_block_equals(const ta_shared_stripe *stripe, const ta_shared_head *head,
                           ta_bytes record);

/** True for the first block of a record that is whole by its own length and checksum, whatever
 *  the memory may hold. */
int ta_shared_block_is_whole(const ta_shared_stripe *stripe, const ta_shared_head *head);

#endif
