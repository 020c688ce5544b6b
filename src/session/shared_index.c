/*
 * How a record is found by its key, and how it comes and goes as a whole.
 */
#include "session/shared_index.h"

#include "session/shared_order.h"

apr_uint32_t *ta_shared_index_bucket(const ta_shared_stripe *stripe, const apr_uint64_t *key)
{
    return &stripe->buckets[(apr_uint32_t)key[0] & stripe->bucket_mask];
}

int ta_shared_index_has_key(const ta_shared_head *head, const apr_uint64_t *key)
{
    apr_uint64_t differences = 0;

    for (int i = 0; i < TA_SHARED_KEY_WORDS; i++) {
        differences |= ta_shared_get64(&head->key[i]) ^ key[i];
    }
    return !differences;
}

apr_uint32_t ta_shared_index_find(const ta_shared_stripe *stripe, const apr_uint64_t *key)
{
    apr_uint32_t number = ta_shared_get32(ta_shared_index_bucket(stripe, key));

    while (number && !ta_shared_index_has_key(ta_shared_block_head(stripe, number), key)) {
        number = ta_shared_get32(&ta_shared_block_head(stripe, number)->chain);
    }
    return number;
}

void ta_shared_index_add(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    ta_shared_head *head = ta_shared_block_head(stripe, number);
    apr_uint32_t *bucket = ta_shared_index_bucket(stripe, head->key);

    ta_shared_set32(&head->chain, ta_shared_get32(bucket));
    ta_shared_set32(bucket, number);
    ta_shared_order_add(stripe, number);
}

void ta_shared_index_drop(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    ta_shared_head *head = ta_shared_block_head(stripe, number);
    apr_uint32_t *link = ta_shared_index_bucket(stripe, head->key);

    while (ta_shared_get32(link) != number) {
        link = &ta_shared_block_head(stripe, ta_shared_get32(link))->chain;
    }
    ta_shared_set32(link, ta_shared_get32(&head->chain));
    ta_shared_order_remove(stripe, number);
    ta_shared_block_free(stripe, number);
}
