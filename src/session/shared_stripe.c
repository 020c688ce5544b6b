/*
 * Reading without a lock, and writing with one.
 */
#include "session/shared_stripe.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <apr_errno.h>

#include "session/shared_index.h"
#include "session/shared_mend.h"
#include "session/shared_order.h"

#define TRIES          64
#define TRIES_SPINNING 16
#define LINK_BYTES     5  /* of heap and buckets, at most, for each block */
#define RECLAIM        16 /* expired records at most that one writer clears away unasked */

void ta_shared_stripe_lay_out(unsigned char *memory, apr_size_t bytes, apr_uint32_t block_bytes,
                              ta_shared_stripe *stripe)
{
    apr_size_t room = bytes - TA_SHARED_STRIPE_HEADER - 64;
    apr_size_t blocks = room / (block_bytes + LINK_BYTES);
    apr_size_t buckets = 1;
    apr_size_t links;

    while (buckets * 8 <= blocks) {
        buckets *= 2;
    }
    links = (buckets + blocks) * 4;
    stripe->header = (ta_shared_stripe_header *)memory;
    stripe->buckets = (apr_uint32_t *)(memory + TA_SHARED_STRIPE_HEADER);
    stripe->heap = stripe->buckets + buckets;
    stripe->blocks = memory + TA_SHARED_STRIPE_HEADER + ((links + 63) & ~(apr_size_t)63);
    stripe->bucket_mask = (apr_uint32_t)(buckets - 1);
    stripe->block_count = (apr_uint32_t)blocks;
    stripe->block_bytes = block_bytes;
}

apr_status_t ta_shared_stripe_prepare(const ta_shared_stripe *stripe)
{
    pthread_mutexattr_t attributes;
    apr_status_t rv = pthread_mutexattr_init(&attributes);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (rv == APR_SUCCESS) {
        rv = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    if (rv == APR_SUCCESS) {
        rv = pthread_mutex_init(&stripe->header->mutex, &attributes);
    }
    pthread_mutexattr_destroy(&attributes);
    return rv;
}

apr_status_t ta_shared_stripe_lock(const ta_shared_stripe *stripe)
{
    apr_status_t rv = pthread_mutex_lock(&stripe->header->mutex);

    if (rv == EOWNERDEAD) {
        if (ta_shared_get32(&stripe->header->sequence) & 1) {
            ta_shared_mend_stripe(stripe);
        }
        rv = pthread_mutex_consistent(&stripe->header->mutex);
    }
    if (rv == APR_SUCCESS && ta_shared_get64(stripe->moved)) {
        ta_shared_stripe_unlock(stripe);
        return TA_SHARED_MOVED;
    }
    return rv;
}

void ta_shared_stripe_unlock(const ta_shared_stripe *stripe)
{
    pthread_mutex_unlock(&stripe->header->mutex);
}

void ta_shared_stripe_interrupt(const ta_shared_stripe *stripe)
{
    ta_shared_begin_change(&stripe->header->sequence);
    ta_shared_end_change(&stripe->header->sequence);
}

/* A record on its way out: memory for it, which is kept from one try to the next. */
typedef struct copy {
    apr_pool_t *pool;
    apr_uint64_t known; /* this version need not be copied; 0: none */
    apr_uint64_t version;
    apr_uint64_t *words;
    apr_size_t room;
    apr_size_t len;
} copy;

static apr_status_t copy_record(const ta_shared_stripe *stripe, const ta_shared_head *head,
                                copy *out)
{
    apr_size_t len = ta_shared_get32(&head->len);

    out->version = ta_shared_get64(&head->stamp);
    if (out->known && out->version == out->known) {
        return TA_STORE_UNCHANGED;
    }
    if (len > TA_STORE_RECORD_BYTES) {
        return APR_EAGAIN;
    }
    if (!out->words || len > out->room) {
        out->room = (len + 7) & ~(apr_size_t)7;
        out->words = apr_palloc(out->pool, out->room);
    }
    out->len = len;
    return ta_shared_block_copy(stripe, head, len, out->words) ? APR_SUCCESS : APR_EAGAIN;
}

/* One look for a record, whatever others are doing to it meanwhile.
 * @return APR_EAGAIN when it makes no sense: look again */
static apr_status_t look(const ta_shared_stripe *stripe, const apr_uint64_t *key, apr_int64_t now,
                         copy *out)
{
    apr_uint32_t number = ta_shared_get32(ta_shared_index_bucket(stripe, key));

    for (apr_uint32_t steps = 0; number; steps++) {
        const ta_shared_head *head = ta_shared_block_head(stripe, number);

        if (!head || steps > stripe->block_count) {
            return APR_EAGAIN;
        }
        if (ta_shared_index_has_key(head, key)) {
            if ((apr_int64_t)ta_shared_get64(&head->expiry) <= now) {
                return APR_NOTFOUND;
            }
            return copy_record(stripe, head, out);
        }
        number = ta_shared_get32(&head->chain);
    }
    return APR_NOTFOUND;
}

/* The same for the holder of the mutex: what makes no sense now was damaged. */
static apr_status_t look_locked(const ta_shared_stripe *stripe, const apr_uint64_t *key,
                                apr_int64_t now, copy *out)
{
    apr_status_t rv = look(stripe, key, now, out);

    if (rv != APR_EAGAIN) {
        return rv;
    }
    ta_shared_mend_stripe(stripe);
    rv = look(stripe, key, now, out);
    return rv == APR_EAGAIN ? APR_EGENERAL : rv;
}

apr_status_t ta_shared_stripe_load(const ta_shared_stripe *stripe, apr_pool_t *p,
                                   const apr_uint64_t *key, apr_int64_t now, apr_uint64_t *version,
                                   ta_bytes *record)
{
    copy out = {.pool = p, .known = version ? *version : 0};
    apr_status_t rv = APR_EAGAIN;

    for (int i = 0; i < TRIES && rv == APR_EAGAIN; i++) {
        apr_uint32_t sequence = ta_shared_get32(&stripe->header->sequence);

        if (!(sequence & 1)) {
            rv = ta_shared_get64(stripe->moved) ? TA_SHARED_MOVED : look(stripe, key, now, &out);
            ta_shared_end_copy();
            if (ta_shared_get32(&stripe->header->sequence) != sequence) {
                rv = APR_EAGAIN;
            }
        }
        if (rv == APR_EAGAIN && i >= TRIES_SPINNING) {
            sched_yield();
        }
    }
    if (rv == APR_EAGAIN) {
        rv = ta_shared_stripe_lock(stripe);
        if (rv == APR_SUCCESS) {
            rv = look_locked(stripe, key, now, &out);
            ta_shared_stripe_unlock(stripe);
        }
    }
    if (version && rv == APR_SUCCESS) {
        *version = out.version;
    }
    *record =
        rv == APR_SUCCESS ? (ta_bytes){(unsigned char *)out.words, out.len} : (ta_bytes){NULL, 0};
    return rv;
}

/* Clears away what has expired, then what was unused for longest, until there is room. */
static void make_room(const ta_shared_stripe *stripe, apr_uint32_t needed, apr_int64_t now)
{
    ta_shared_stripe_header *header = stripe->header;

    for (int i = 0; i < RECLAIM || ta_shared_block_available(stripe) < needed; i++) {
        apr_uint32_t first = ta_shared_order_first(stripe);

        if (!first ||
            (apr_int64_t)ta_shared_get64(&ta_shared_block_head(stripe, first)->expiry) > now) {
            break;
        }
        ta_shared_index_drop(stripe, first);
        ta_shared_add64(&header->expired, 1);
    }
    while (ta_shared_block_available(stripe) < needed) {
        ta_shared_index_drop(stripe, ta_shared_get32(&header->oldest));
        ta_shared_add64(&header->evicted, 1);
    }
}

/* Two versions of one record must differ in their stamps, however fast they follow. */
static void number_after(const ta_shared_stripe *stripe, apr_uint32_t old, ta_shared_entry *entry)
{
    apr_uint64_t stamp = ta_shared_get64(&ta_shared_block_head(stripe, old)->stamp);

    if ((apr_uint64_t)entry->stamp <= stamp) {
        entry->stamp = (apr_time_t)(stamp + 1);
    }
}

/* Puts a record where there may be one of the same key, with the mutex held. */
static apr_status_t put(const ta_shared_stripe *stripe, const ta_shared_entry *given)
{
    ta_shared_entry new = *given;
    const ta_shared_entry *entry = &new;
    apr_uint32_t needed = ta_shared_block_count(stripe, entry->record.len);
    apr_uint32_t old = ta_shared_index_find(stripe, entry->key);
    apr_uint32_t number;

    if (entry->record.len > TA_STORE_RECORD_BYTES || needed > stripe->block_count) {
        return APR_ENOSPC;
    }
    ta_shared_begin_change(&stripe->header->sequence);
    if (old) {
        /* it is in use, so it goes last; it stays until the new one is whole */
        ta_shared_order_remove(stripe, old);
        ta_shared_order_add(stripe, old);
        number_after(stripe, old, &new);
    }
    make_room(stripe, needed, apr_time_sec(given->stamp));
    number = ta_shared_block_write(stripe, entry);
    old = ta_shared_index_find(stripe, entry->key);
    if (old) {
        ta_shared_index_drop(stripe, old);
    }
    ta_shared_index_add(stripe, number);
    ta_shared_end_change(&stripe->header->sequence);
    return APR_SUCCESS;
}

apr_status_t ta_shared_stripe_save(const ta_shared_stripe *stripe, const ta_shared_entry *entry)
{
    apr_status_t rv = ta_shared_stripe_lock(stripe);

    if (rv == APR_SUCCESS) {
        rv = put(stripe, entry);
        ta_shared_stripe_unlock(stripe);
    }
    return rv;
}

/* The living record of a key, or NULL; with the mutex held. */
static const ta_shared_head *find_living(const ta_shared_stripe *stripe, const apr_uint64_t *key,
                                         apr_time_t now)
{
    const ta_shared_head *head = ta_shared_block_head(stripe, ta_shared_index_find(stripe, key));

    return head && (apr_int64_t)ta_shared_get64(&head->expiry) > apr_time_sec(now) ? head : NULL;
}

apr_status_t ta_shared_stripe_add(const ta_shared_stripe *stripe, const ta_shared_entry *entry)
{
    apr_status_t rv = ta_shared_stripe_lock(stripe);

    if (rv == APR_SUCCESS) {
        rv = find_living(stripe, entry->key, entry->stamp) ? APR_EEXIST : put(stripe, entry);
        ta_shared_stripe_unlock(stripe);
    }
    return rv;
}

apr_status_t ta_shared_stripe_replace(const ta_shared_stripe *stripe, ta_bytes expected,
                                      const ta_shared_entry *entry)
{
    apr_status_t rv = ta_shared_stripe_lock(stripe);
    const ta_shared_head *head;

    if (rv == APR_SUCCESS) {
        head = find_living(stripe, entry->key, entry->stamp);
        rv = head && ta_shared_block_equals(stripe, head, expected) ? put(stripe, entry)
                                                                    : APR_EAGAIN;
        ta_shared_stripe_unlock(stripe);
    }
    return rv;
}

apr_status_t ta_shared_stripe_remove(const ta_shared_stripe *stripe, const apr_uint64_t *key)
{
    apr_status_t rv = ta_shared_stripe_lock(stripe);
    apr_uint32_t number;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    number = ta_shared_index_find(stripe, key);
    if (number) {
        ta_shared_begin_change(&stripe->header->sequence);
        ta_shared_index_drop(stripe, number);
        ta_shared_end_change(&stripe->header->sequence);
    }
    ta_shared_stripe_unlock(stripe);
    return APR_SUCCESS;
}

apr_status_t ta_shared_stripe_collect(const ta_shared_stripe *stripe, apr_int64_t now,
                                      apr_size_t peek, ta_shared_filter filter, void *context,
                                      apr_array_header_t *keys)
{
    apr_uint64_t *words = apr_palloc(keys->pool, peek + 8);
    apr_status_t rv = ta_shared_stripe_lock(stripe);
    apr_uint32_t number;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (number = ta_shared_get32(&stripe->header->newest); number;) {
        const ta_shared_head *head = ta_shared_block_head(stripe, number);
        apr_size_t len = ta_shared_get32(&head->len);

        if ((apr_int64_t)ta_shared_get64(&head->expiry) > now &&
            ta_shared_block_copy(stripe, head, len < peek ? len : peek, words) &&
            filter(context, (ta_bytes){(unsigned char *)words, len})) {
            memcpy(apr_array_push(keys), head->key, sizeof(head->key));
        }
        number = ta_shared_get32(&head->older);
    }
    ta_shared_stripe_unlock(stripe);
    return APR_SUCCESS;
}
