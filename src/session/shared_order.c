/*
 * A doubly linked list and a binary heap, both of block numbers.
 */
#include "session/shared_order.h"

/* What a heap is ordered by: the smallest in front. */
typedef apr_uint64_t (*measure)(const ta_shared_stripe *stripe, apr_uint32_t number);

static apr_uint64_t expiry_of(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    return ta_shared_get64(&ta_shared_block_head(stripe, number)->expiry);
}

/* The newest in front, which a sort by heap puts last. */
static apr_uint64_t newness_of(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    return ~ta_shared_get64(&ta_shared_block_head(stripe, number)->stamp);
}

static apr_uint32_t at(const ta_shared_stripe *stripe, apr_uint32_t place)
{
    return ta_shared_get32(&stripe->heap[place]);
}

static void put(const ta_shared_stripe *stripe, apr_uint32_t place, apr_uint32_t number)
{
    ta_shared_set32(&stripe->heap[place], number);
    ta_shared_set32(&ta_shared_block_head(stripe, number)->place, place);
}

static void sift_up(const ta_shared_stripe *stripe, apr_uint32_t place, apr_uint32_t number)
{
    apr_uint64_t value = expiry_of(stripe, number);

    while (place) {
        apr_uint32_t parent = at(stripe, (place - 1) / 2);

        if (expiry_of(stripe, parent) <= value) {
            break;
        }
        put(stripe, place, parent);
        place = (place - 1) / 2;
    }
    put(stripe, place, number);
}

static void sift_down(const ta_shared_stripe *stripe, apr_uint32_t count, apr_uint32_t place,
                      apr_uint32_t number, measure of)
{
    apr_uint64_t value = of(stripe, number);

    for (;;) {
        apr_uint64_t child = 2 * (apr_uint64_t)place + 1;

        if (child >= count) {
            break;
        }
        if (child + 1 < count && of(stripe, at(stripe, (apr_uint32_t)child + 1)) <
                                     of(stripe, at(stripe, (apr_uint32_t)child))) {
            child++;
        }
        if (of(stripe, at(stripe, (apr_uint32_t)child)) >= value) {
            break;
        }
        put(stripe, place, at(stripe, (apr_uint32_t)child));
        place = (apr_uint32_t)child;
    }
    put(stripe, place, number);
}

void ta_shared_order_add(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    ta_shared_stripe_header *header = stripe->header;
    ta_shared_head *head = ta_shared_block_head(stripe, number);
    apr_uint32_t newest = ta_shared_get32(&header->newest);
    apr_uint32_t count = ta_shared_get32(&header->records);

    ta_shared_set32(&head->newer, 0);
    ta_shared_set32(&head->older, newest);
    if (newest) {
        ta_shared_set32(&ta_shared_block_head(stripe, newest)->newer, number);
    } else {
        ta_shared_set32(&header->oldest, number);
    }
    ta_shared_set32(&header->newest, number);
    ta_shared_set32(&header->records, count + 1);
    sift_up(stripe, count, number);
}

static void unlink_use(const ta_shared_stripe *stripe, const ta_shared_head *head)
{
    apr_uint32_t newer = ta_shared_get32(&head->newer);
    apr_uint32_t older = ta_shared_get32(&head->older);

    ta_shared_set32(newer ? &ta_shared_block_head(stripe, newer)->older : &stripe->header->newest,
                    older);
    ta_shared_set32(older ? &ta_shared_block_head(stripe, older)->newer : &stripe->header->oldest,
                    newer);
}

void ta_shared_order_remove(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    const ta_shared_head *head = ta_shared_block_head(stripe, number);
    apr_uint32_t count = ta_shared_get32(&stripe->header->records) - 1;
    apr_uint32_t place = ta_shared_get32(&head->place);
    apr_uint32_t last = at(stripe, count);

    unlink_use(stripe, head);
    ta_shared_set32(&stripe->header->records, count);
    if (last == number) {
        return;
    }
    /* the last one fills the gap, and goes up or down from there */
    if (place && expiry_of(stripe, last) < expiry_of(stripe, at(stripe, (place - 1) / 2))) {
        sift_up(stripe, place, last);
    } else {
        sift_down(stripe, count, place, last, expiry_of);
    }
}

apr_uint32_t ta_shared_order_first(const ta_shared_stripe *stripe)
{
    return ta_shared_get32(&stripe->header->records) ? at(stripe, 0) : 0;
}

void ta_shared_order_sort(const ta_shared_stripe *stripe, apr_uint32_t count)
{
    for (apr_uint32_t place = count / 2; place > 0; place--) {
        sift_down(stripe, count, place - 1, at(stripe, place - 1), newness_of);
    }
    while (count > 1) {
        apr_uint32_t newest = at(stripe, 0);

        count--;
        sift_down(stripe, count, 0, at(stripe, count), newness_of);
        put(stripe, count, newest);
    }
}
