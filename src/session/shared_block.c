/*
 * How records lie in blocks.
 */
#include "session/shared_block.h"

#include <string.h>

/* Words of the record in the first block, and in each further one. */
static apr_size_t head_words(const ta_shared_stripe *stripe)
{
    return (stripe->block_bytes - sizeof(ta_shared_head)) / 8;
}

static apr_size_t body_words(const ta_shared_stripe *stripe)
{
    return (stripe->block_bytes - sizeof(ta_shared_body)) / 8;
}

ta_shared_head *ta_shared_block_head(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    return number && number <= stripe->block_count
               ? (ta_shared_head *)(stripe->blocks + (apr_size_t)(number - 1) * stripe->block_bytes)
               : NULL;
}

static ta_shared_body *body_at(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    return (ta_shared_body *)ta_shared_block_head(stripe, number);
}

apr_uint32_t ta_shared_block_count(const ta_shared_stripe *stripe, apr_size_t len)
{
    apr_size_t words = (len + 7) / 8;
    apr_size_t first = head_words(stripe);
    apr_size_t further = body_words(stripe);

    return words <= first ? 1 : (apr_uint32_t)(1 + (words - first + further - 1) / further);
}

apr_uint32_t ta_shared_block_available(const ta_shared_stripe *stripe)
{
    return stripe->block_count - ta_shared_get32(&stripe->header->used);
}

static apr_uint32_t take_block(const ta_shared_stripe *stripe)
{
    ta_shared_stripe_header *header = stripe->header;
    apr_uint32_t number = ta_shared_get32(&header->free);

    if (number) {
        ta_shared_set32(&header->free, ta_shared_get32(&body_at(stripe, number)->next));
    } else {
        number = ta_shared_get32(&header->fresh) + 1;
        ta_shared_set32(&header->fresh, number);
    }
    ta_shared_add32(&header->used, 1);
    return number;
}

static void give_block(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    ta_shared_stripe_header *header = stripe->header;
    ta_shared_body *block = body_at(stripe, number);

    ta_shared_set32(&block->kind, TA_SHARED_FREE);
    ta_shared_set32(&block->next, ta_shared_get32(&header->free));
    ta_shared_set32(&header->free, number);
    ta_shared_add32(&header->used, -1);
}

/* One step of a checksum that finds chance, not malice: a record of ours has its own too. */
static apr_uint64_t mix(apr_uint64_t sum, apr_uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
    return sum ^ (sum >> 29);
}

/* Puts up to `words` words of a record there; the last one is filled up with zeros. */
static apr_uint64_t put_words(apr_uint64_t *to, apr_size_t words, ta_bytes *from, apr_uint64_t sum)
{
    for (; words && from->len; words--, to++) {
        apr_size_t len = from->len < 8 ? from->len : 8;
        apr_uint64_t word = 0;

        memcpy(&word, from->data, len);
        from->data += len;
        from->len -= len;
        sum = mix(sum, word);
        ta_shared_set64(to, word);
    }
    return sum;
}

static apr_uint64_t sum_of_head(const ta_shared_head *head)
{
    apr_uint64_t sum = ta_shared_get32(&head->len);

    for (int i = 0; i < TA_SHARED_KEY_WORDS; i++) {
        sum = mix(sum, ta_shared_get64(&head->key[i]));
    }
    sum = mix(sum, ta_shared_get64(&head->expiry));
    return mix(sum, ta_shared_get64(&head->stamp));
}

apr_uint32_t ta_shared_block_write(const ta_shared_stripe *stripe, const ta_shared_entry *entry)
{
    apr_uint32_t first = take_block(stripe);
    ta_shared_head *head = ta_shared_block_head(stripe, first);
    apr_uint32_t *link = &head->next;
    ta_bytes rest = entry->record;
    apr_uint64_t sum;

    for (int i = 0; i < TA_SHARED_KEY_WORDS; i++) {
        ta_shared_set64(&head->key[i], entry->key[i]);
    }
    ta_shared_set32(&head->len, (apr_uint32_t)entry->record.len);
    ta_shared_set64(&head->expiry, (apr_uint64_t)entry->expiry);
    ta_shared_set64(&head->stamp, (apr_uint64_t)entry->stamp);
    sum = put_words(head->data, head_words(stripe), &rest, sum_of_head(head));
    while (rest.len) {
        apr_uint32_t number = take_block(stripe);
        ta_shared_body *body = body_at(stripe, number);

        ta_shared_set32(&body->kind, TA_SHARED_BODY);
        sum = put_words(body->data, body_words(stripe), &rest, sum);
        ta_shared_set32(link, number);
        link = &body->next;
    }
    ta_shared_set32(link, 0);
    ta_shared_set64(&head->checksum, sum);
    /* last: a process that dies before this leaves no half record behind */
    ta_shared_set32(&head->kind, TA_SHARED_HEAD);
    return first;
}

void ta_shared_block_free(const ta_shared_stripe *stripe, apr_uint32_t number)
{
    while (number) {
        apr_uint32_t next = ta_shared_get32(&body_at(stripe, number)->next);

        give_block(stripe, number);
        number = next;
    }
}

int ta_shared_block_copy(const ta_shared_stripe *stripe, const ta_shared_head *head, apr_size_t len,
                         apr_uint64_t *out)
{
    apr_size_t words = (len + 7) / 8;
    apr_size_t here = head_words(stripe);
    const apr_uint64_t *from = head->data;
    apr_uint32_t next = ta_shared_get32(&head->next);

    for (;;) {
        const ta_shared_body *body;

        here = here < words ? here : words;
        ta_shared_copy(out, from, here);
        out += here;
        words -= here;
        if (!words) {
            return 1;
        }
        body = body_at(stripe, next);
        if (!body) {
            return 0;
        }
        next = ta_shared_get32(&body->next);
        from = body->data;
        here = body_words(stripe);
    }
}

int ta_shared_block_equals(const ta_shared_stripe *stripe, const ta_shared_head *head,
                           ta_bytes record)
{
    apr_size_t here = head_words(stripe) * 8;
    const apr_uint64_t *from = head->data;
    apr_uint32_t next = ta_shared_get32(&head->next);

    if (ta_shared_get32(&head->len) != record.len) {
        return 0;
    }
    while (record.len) {
        const ta_shared_body *body;

        here = here < record.len ? here : record.len;
        /* nobody writes while we hold the mutex: reading the words as bytes is no race */
        if (memcmp(from, record.data, here) != 0) {
            return 0;
        }
        record.data += here;
        record.len -= here;
        body = body_at(stripe, next);
        if (!body) {
            return record.len == 0;
        }
        next = ta_shared_get32(&body->next);
        from = body->data;
        here = body_words(stripe) * 8;
    }
    return 1;
}

int ta_shared_block_is_whole(const ta_shared_stripe *stripe, const ta_shared_head *head)
{
    apr_size_t words = ((apr_size_t)ta_shared_get32(&head->len) + 7) / 8;
    apr_size_t here = head_words(stripe);
    const apr_uint64_t *from = head->data;
    apr_uint32_t next = ta_shared_get32(&head->next);
    apr_uint64_t sum;

    if (ta_shared_get32(&head->kind) != TA_SHARED_HEAD ||
        ta_shared_get32(&head->len) > TA_STORE_RECORD_BYTES) {
        return 0;
    }
    sum = sum_of_head(head);
    for (;;) {
        const ta_shared_body *body = body_at(stripe, next);

        for (; words && here; words--, here--, from++) {
            sum = mix(sum, ta_shared_get64(from));
        }
        if (!words) {
            return next == 0 && sum == ta_shared_get64(&head->checksum);
        }
        if (!body) {
            return 0;
        }
        next = ta_shared_get32(&body->next);
        from = body->data;
        here = body_words(stripe);
    }
}
