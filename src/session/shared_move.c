/*
 * All stripes of a table that moves are locked meanwhile: readers go on, writers wait: not
 * noticeably with thousands of records, and for about ten seconds with a million.
 */
#include "session/shared_move.h"

#include <stdlib.h>
#include <string.h>

#include <apr_errno.h>

static void unlock_first(ta_shared_table *table, int count)
{
    for (int i = 0; i < count; i++) {
        ta_shared_stripe_unlock(&table->stripes[i]);
    }
}

static apr_status_t lock_all(ta_shared_table *table)
{
    for (int i = 0; i <= table->stripe_count; i++) {
        apr_status_t rv = ta_shared_stripe_lock(&table->stripes[i]);

        if (rv != APR_SUCCESS) {
            unlock_first(table, i);
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* Copies one record into a stripe of another table; its place in the order of use goes along. */
static apr_status_t move_record(const ta_shared_stripe *from, const ta_shared_head *head,
                                const ta_shared_stripe *to, apr_uint64_t *buffer)
{
    ta_shared_entry entry;
    apr_size_t len = ta_shared_get32(&head->len);

    if (len > TA_STORE_RECORD_BYTES || !ta_shared_block_copy(from, head, len, buffer)) {
        return APR_SUCCESS; /* damaged: nobody could read it where it was */
    }
    memcpy(entry.key, head->key, sizeof(entry.key));
    entry.record = (ta_bytes){(unsigned char *)buffer, len};
    entry.expiry = (apr_int64_t)ta_shared_get64(&head->expiry);
    entry.stamp = (apr_time_t)ta_shared_get64(&head->stamp);
    return ta_shared_stripe_save(to, &entry);
}

/* The next record of each stripe, from those unused for longest on. */
typedef struct frontier {
    apr_uint32_t numbers[TA_SHARED_MAX_STRIPES];
    apr_uint64_t stamps[TA_SHARED_MAX_STRIPES]; /* here, so that looking for the oldest is cheap */
    int count;
} frontier;

static void set_next(const ta_shared_table *table, frontier *next, int i, apr_uint32_t number)
{
    const ta_shared_head *head = ta_shared_block_head(&table->stripes[i], number);

    next->numbers[i] = number;
    next->stamps[i] = head ? ta_shared_get64(&head->stamp) : APR_UINT64_MAX;
}

/* The stripe whose next record was unused for longest, or -1. */
static int find_oldest(const frontier *next)
{
    int found = 0;

    for (int i = 1; i < next->count; i++) {
        found = next->stamps[i] < next->stamps[found] ? i : found;
    }
    return next->numbers[found] ? found : -1;
}

static apr_status_t move_records(ta_shared_table *from, ta_shared_table *to, apr_uint64_t *buffer)
{
    frontier next = {.count = from->stripe_count};
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < from->stripe_count; i++) {
        set_next(from, &next, i, ta_shared_get32(&from->stripes[i].header->oldest));
    }
    while (rv == APR_SUCCESS && (i = find_oldest(&next)) >= 0) {
        const ta_shared_stripe *stripe = &from->stripes[i];
        const ta_shared_head *head = ta_shared_block_head(stripe, next.numbers[i]);

        rv = move_record(stripe, head, ta_shared_table_stripe(to, head->key), buffer);
        set_next(from, &next, i, ta_shared_get32(&head->newer));
    }
    return rv;
}

static apr_status_t move_claims(ta_shared_table *from, ta_shared_table *to, apr_uint64_t *buffer)
{
    const ta_shared_stripe *stripe = &from->stripes[from->stripe_count];
    apr_uint32_t number = ta_shared_get32(&stripe->header->oldest);
    apr_status_t rv = APR_SUCCESS;

    while (number && rv == APR_SUCCESS) {
        const ta_shared_head *head = ta_shared_block_head(stripe, number);

        rv = move_record(stripe, head, &to->stripes[to->stripe_count], buffer);
        number = ta_shared_get32(&head->newer);
    }
    return rv;
}

static void move_counts(ta_shared_table *from, ta_shared_table *to)
{
    ta_shared_stripe_header *first = to->stripes[0].header;

    for (int i = 0; i < from->stripe_count; i++) {
        const ta_shared_stripe_header *header = from->stripes[i].header;

        ta_shared_add64(&first->evicted, (apr_int64_t)ta_shared_get64(&header->evicted));
        ta_shared_add64(&first->expired, (apr_int64_t)ta_shared_get64(&header->expired));
    }
    ta_shared_set64(&to->header->told_evicted, ta_shared_get64(&from->header->told_evicted));
}

apr_status_t ta_shared_move_table(ta_shared_table *from, ta_shared_table *to, apr_uint64_t offset)
{
    apr_uint64_t *buffer = malloc(TA_STORE_RECORD_BYTES + 8);
    apr_status_t rv = buffer ? lock_all(from) : APR_ENOMEM;

    if (rv != APR_SUCCESS) {
        free(buffer);
        return rv;
    }
    rv = move_records(from, to, buffer);
    if (rv == APR_SUCCESS) {
        rv = move_claims(from, to, buffer);
    }
    if (rv == APR_SUCCESS) {
        move_counts(from, to);
    }
    if (rv == APR_SUCCESS && offset) {
        ta_shared_set64(&from->header->forward_offset, offset);
        /* by this one word all stripes have moved at once: whoever is killed here leaves no table
         * of which a part counts in one place and a part in the other */
        ta_shared_set64(&from->header->forward_size, to->size);
        for (int i = 0; i <= from->stripe_count; i++) {
            ta_shared_stripe_interrupt(&from->stripes[i]);
        }
    }
    unlock_first(from, from->stripe_count + 1);
    free(buffer);
    return rv;
}
