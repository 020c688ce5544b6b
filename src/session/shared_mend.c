/*
 * Putting a stripe in order: each record can be told whole or not by itself, and everything else
 * is made anew from those that are.
 */
#include "session/shared_mend.h"

#include "session/shared_index.h"
#include "session/shared_order.h"

static void unclaim_blocks(const ta_shared_stripe *stripe, const ta_shared_head *head,
                           apr_uint32_t count)
{
    apr_uint32_t number = ta_shared_get32(&head->next);

    for (; count; count--) {
        ta_shared_head *block = ta_shared_block_head(stripe, number);

        ta_shared_set32(&block->kind, TA_SHARED_FREE);
        number = ta_shared_get32(&block->next);
    }
}

/* Marks the further blocks of a record as its own. @return 0 when one of them is another's, or
 * one that was never used: that would be used a second time */
static int claim_blocks(const ta_shared_stripe *stripe, const ta_shared_head *head,
                        apr_uint32_t fresh)
{
    apr_uint32_t number = ta_shared_get32(&head->next);
    apr_uint32_t count = 1;

    for (; number; number = ta_shared_get32(&ta_shared_block_head(stripe, number)->next)) {
        ta_shared_head *block = ta_shared_block_head(stripe, number);

        if (number > fresh || ta_shared_get32(&block->kind) != TA_SHARED_FREE) {
            unclaim_blocks(stripe, head, count - 1);
            return 0;
        }
        ta_shared_set32(&block->kind, TA_SHARED_BODY);
        count++;
    }
    ta_shared_add32(&stripe->header->used, (apr_int32_t)count);
    return 1;
}

/* Forgets everything but the blocks, of which only the first ones of records stay marked.
 * @return how many blocks have ever been used */
static apr_uint32_t forget_links(const ta_shared_stripe *stripe)
{
    ta_shared_stripe_header *header = stripe->header;
    apr_uint32_t fresh = ta_shared_get32(&header->fresh);

    fresh = fresh <= stripe->block_count ? fresh : stripe->block_count;
    ta_shared_set32(&header->fresh, fresh);
    ta_shared_set32(&header->free, 0);
    ta_shared_set32(&header->used, 0);
    ta_shared_set32(&header->records, 0);
    ta_shared_set32(&header->oldest, 0);
    ta_shared_set32(&header->newest, 0);
    for (apr_uint32_t i = 0; i <= stripe->bucket_mask; i++) {
        if (ta_shared_get32(&stripe->buckets[i])) {
            ta_shared_set32(&stripe->buckets[i], 0);
        }
    }
    for (apr_uint32_t number = 1; number <= fresh; number++) {
        ta_shared_head *head = ta_shared_block_head(stripe, number);

        if (ta_shared_get32(&head->kind) != TA_SHARED_HEAD) {
            ta_shared_set32(&head->kind, TA_SHARED_FREE);
        }
    }
    return fresh;
}

/* Finds the records that are whole. @return how many; their numbers are in the heap's place */
static apr_uint32_t find_whole(const ta_shared_stripe *stripe, apr_uint32_t fresh)
{
    apr_uint32_t count = 0;

    for (apr_uint32_t number = 1; number <= fresh; number++) {
        ta_shared_head *head = ta_shared_block_head(stripe, number);

        if (ta_shared_get32(&head->kind) != TA_SHARED_HEAD) {
            continue;
        }
        if (ta_shared_block_is_whole(stripe, head) && claim_blocks(stripe, head, fresh)) {
            ta_shared_set32(&stripe->heap[count++], number);
        } else {
            ta_shared_set32(&head->kind, TA_SHARED_FREE);
        }
    }
    return count;
}

/* Chains what belongs to no record. */
static void chain_free(const ta_shared_stripe *stripe, apr_uint32_t fresh)
{
    ta_shared_set32(&stripe->header->free, 0);
    for (apr_uint32_t number = fresh; number; number--) {
        ta_shared_head *head = ta_shared_block_head(stripe, number);

        if (ta_shared_get32(&head->kind) == TA_SHARED_FREE) {
            ta_shared_set32(&head->next, ta_shared_get32(&stripe->header->free));
            ta_shared_set32(&stripe->header->free, number);
        }
    }
}

void ta_shared_mend_stripe(const ta_shared_stripe *stripe)
{
    apr_uint32_t fresh;
    apr_uint32_t count;

    ta_shared_begin_change(&stripe->header->sequence);
    fresh = forget_links(stripe);
    count = find_whole(stripe, fresh);
    ta_shared_order_sort(stripe, count);
    for (apr_uint32_t i = 0; i < count; i++) {
        apr_uint32_t number = ta_shared_get32(&stripe->heap[i]);
        apr_uint32_t older =
            ta_shared_index_find(stripe, ta_shared_block_head(stripe, number)->key);

        /* who died between writing a record anew and removing the old one left both */
        if (older) {
            ta_shared_index_drop(stripe, older);
        }
        ta_shared_index_add(stripe, number);
    }
    chain_free(stripe, fresh);
    ta_shared_end_change(&stripe->header->sequence);
}
