/*
 * A table of stripes: which one a key belongs to, and where everything is after a move.
 */
#include "session/shared_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <apr_errno.h>

#include "session/shared_mend.h"

#define MAGIC            "TATABLE"
#define HEADER_BYTES     4096
#define PAGE             4096
#define STRIPE_BYTES     ((apr_size_t)4 * 1024 * 1024) /* about; more where there are 64 of them */
#define BLOCK_BYTES      256 /* whole cache lines, quickly copied; a million logins fit in 2 GB */
#define CLAIM_BYTES      128
#define CLAIMS_PART      16 /* of the table */
#define CLAIMS_MAXIMUM   ((apr_size_t)8 * 1024 * 1024)
#define CLAIMS_OF(table) (&(table)->stripes[(table)->stripe_count])

/* Everything follows from the size, so nothing that is read from the memory decides where this
 * process writes. */
static void lay_out(ta_shared_table *table, unsigned char *memory, apr_size_t size)
{
    apr_size_t claims = size / CLAIMS_PART < CLAIMS_MAXIMUM ? size / CLAIMS_PART : CLAIMS_MAXIMUM;
    apr_size_t count = size / STRIPE_BYTES;
    apr_size_t each;

    claims &= ~(apr_size_t)(PAGE - 1);
    count = count < 1 ? 1 : count;
    count = count > TA_SHARED_MAX_STRIPES ? TA_SHARED_MAX_STRIPES : count;
    each = ((size - HEADER_BYTES - claims) / count) & ~(apr_size_t)(PAGE - 1);
    table->header = (ta_shared_table_header *)memory;
    table->size = size;
    table->stripe_count = (int)count;
    memory += HEADER_BYTES;
    for (apr_size_t i = 0; i < count; i++) {
        ta_shared_stripe_lay_out(memory + i * each, each, BLOCK_BYTES, &table->stripes[i]);
    }
    ta_shared_stripe_lay_out(memory + count * each, claims, CLAIM_BYTES, CLAIMS_OF(table));
    for (apr_size_t i = 0; i <= count; i++) {
        table->stripes[i].moved = &table->header->forward_size;
    }
}

static apr_status_t map(int fd, apr_uint64_t offset, apr_size_t size, ta_shared_table **result)
{
    ta_shared_table *table;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    if (memory == MAP_FAILED) {
        apr_status_t rv = APR_FROM_OS_ERROR(errno);

        return rv != APR_SUCCESS ? rv : APR_EGENERAL;
    }
    table = calloc(1, sizeof(*table));
    if (!table) {
        munmap(memory, size);
        return APR_ENOMEM;
    }
    table->fd = fd;
    lay_out(table, memory, size);
    *result = table;
    return APR_SUCCESS;
}

apr_status_t ta_shared_table_make(int fd, apr_uint64_t offset, apr_size_t size,
                                  ta_shared_table **result)
{
    ta_shared_table *table;
    apr_status_t rv = map(fd, offset, size, &table);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i <= table->stripe_count && rv == APR_SUCCESS; i++) {
        rv = ta_shared_stripe_prepare(&table->stripes[i]);
    }
    if (rv != APR_SUCCESS) {
        ta_shared_table_unmap(table);
        return rv;
    }
    table->header->layout = TA_SHARED_LAYOUT;
    table->header->head_bytes = sizeof(ta_shared_head);
    table->header->size = size;
    memcpy(table->header->magic, MAGIC, sizeof(MAGIC));
    *result = table;
    return APR_SUCCESS;
}

/* True when this place can hold a table: what lies in a file may be anything, and whoever reads
 * mapped memory that the file does not have dies of it. */
static int is_place(int fd, apr_uint64_t offset, apr_size_t size)
{
    struct stat info;

    return fstat(fd, &info) == 0 && offset >= TA_SHARED_ALIGNMENT &&
           offset % TA_SHARED_ALIGNMENT == 0 && size >= TA_SHARED_MINIMUM &&
           offset <= (apr_uint64_t)info.st_size && size <= (apr_uint64_t)info.st_size - offset;
}

apr_status_t ta_shared_table_map(int fd, apr_uint64_t offset, apr_size_t size,
                                 ta_shared_table **result)
{
    ta_shared_table *table;
    apr_status_t rv = is_place(fd, offset, size) ? map(fd, offset, size, &table) : APR_EINVAL;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (memcmp(table->header->magic, MAGIC, sizeof(MAGIC)) != 0 ||
        table->header->layout != TA_SHARED_LAYOUT ||
        table->header->head_bytes != sizeof(ta_shared_head) || table->header->size != size) {
        ta_shared_table_unmap(table);
        return APR_EINVAL;
    }
    *result = table;
    return APR_SUCCESS;
}

void ta_shared_table_unmap(ta_shared_table *table)
{
    while (table) {
        ta_shared_table *next = table->next;

        munmap(table->header, table->size);
        free(table);
        table = next;
    }
}

apr_status_t ta_shared_table_mend(ta_shared_table *table)
{
    apr_status_t rv = APR_SUCCESS;

    /* this is the one that counts, so a move to another one was not finished */
    ta_shared_set64(&table->header->forward_size, 0);
    for (int i = 0; i <= table->stripe_count && rv == APR_SUCCESS; i++) {
        rv = ta_shared_stripe_prepare(&table->stripes[i]);
        if (rv == APR_SUCCESS) {
            ta_shared_mend_stripe(&table->stripes[i]);
        }
    }
    return rv;
}

/* Goes on in the table that this one moved to. */
static apr_status_t follow(ta_shared_table **table)
{
    ta_shared_table *from = *table;
    ta_shared_table *next = __atomic_load_n(&from->next, __ATOMIC_ACQUIRE);
    ta_shared_table *none = NULL;
    apr_status_t rv;

    if (!next) {
        rv = ta_shared_table_map(from->fd, ta_shared_get64(&from->header->forward_offset),
                                 ta_shared_get64(&from->header->forward_size), &next);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!__atomic_compare_exchange_n(&from->next, &none, next, 0, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            /* another thread was faster */
            ta_shared_table_unmap(next);
            next = none;
        }
    }
    *table = next;
    return APR_SUCCESS;
}

/* True when a call has to be made again, in the table to which this one moved. */
static int has_moved(ta_shared_table **table, apr_status_t *rv)
{
    return *rv == TA_SHARED_MOVED && (*rv = follow(table)) == APR_SUCCESS;
}

apr_status_t ta_shared_table_current(ta_shared_table *table, ta_shared_table **current)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && ta_shared_get64(&table->header->forward_size)) {
        rv = follow(&table);
    }
    *current = table;
    return rv;
}

const ta_shared_stripe *ta_shared_table_stripe(const ta_shared_table *table,
                                               const apr_uint64_t *key)
{
    /* not the part of the key that picks the bucket */
    return &table->stripes[key[1] % (apr_uint64_t)table->stripe_count];
}

static void set_entry(ta_shared_entry *entry, const unsigned char *key, ta_bytes record,
                      apr_int64_t expiry, apr_time_t now)
{
    memcpy(entry->key, key, sizeof(entry->key));
    entry->record = record;
    entry->expiry = expiry;
    entry->stamp = now;
}

apr_status_t ta_shared_table_load(ta_shared_table *table, apr_pool_t *p, const unsigned char *key,
                                  apr_time_t now, apr_uint64_t *version, ta_bytes *record)
{
    apr_uint64_t words[TA_SHARED_KEY_WORDS];
    apr_status_t rv;

    memcpy(words, key, sizeof(words));
    do {
        rv = ta_shared_stripe_load(ta_shared_table_stripe(table, words), p, words,
                                   apr_time_sec(now), version, record);
    } while (has_moved(&table, &rv));
    return rv;
}

apr_status_t ta_shared_table_save(ta_shared_table *table, const unsigned char *key, ta_bytes record,
                                  apr_int64_t expiry, apr_time_t now)
{
    ta_shared_entry entry;
    apr_status_t rv;

    set_entry(&entry, key, record, expiry, now);
    do {
        rv = ta_shared_stripe_save(ta_shared_table_stripe(table, entry.key), &entry);
    } while (has_moved(&table, &rv));
    return rv;
}

apr_status_t ta_shared_table_replace(ta_shared_table *table, const unsigned char *key,
                                     ta_bytes expected, ta_bytes record, apr_int64_t expiry,
                                     apr_time_t now)
{
    ta_shared_entry entry;
    apr_status_t rv;

    set_entry(&entry, key, record, expiry, now);
    do {
        rv = ta_shared_stripe_replace(ta_shared_table_stripe(table, entry.key), expected, &entry);
    } while (has_moved(&table, &rv));
    return rv;
}

apr_status_t ta_shared_table_remove(ta_shared_table *table, const unsigned char *key)
{
    apr_uint64_t words[TA_SHARED_KEY_WORDS];
    apr_status_t rv;

    memcpy(words, key, sizeof(words));
    do {
        rv = ta_shared_stripe_remove(ta_shared_table_stripe(table, words), words);
    } while (has_moved(&table, &rv));
    return rv;
}

apr_status_t ta_shared_table_claim(ta_shared_table *table, const unsigned char *key,
                                   apr_int64_t expiry, apr_time_t now)
{
    ta_shared_entry entry;
    apr_status_t rv;

    set_entry(&entry, key, (ta_bytes){NULL, 0}, expiry, now);
    do {
        rv = ta_shared_stripe_add(CLAIMS_OF(table), &entry);
    } while (has_moved(&table, &rv));
    return rv;
}

apr_status_t ta_shared_table_check_claim(ta_shared_table *table, apr_pool_t *tmp,
                                         const unsigned char *key, apr_time_t now)
{
    apr_uint64_t words[TA_SHARED_KEY_WORDS];
    ta_bytes nothing;
    apr_status_t rv;

    memcpy(words, key, sizeof(words));
    do {
        rv = ta_shared_stripe_load(CLAIMS_OF(table), tmp, words, apr_time_sec(now), NULL, &nothing);
    } while (has_moved(&table, &rv));
    if (rv == APR_SUCCESS) {
        return APR_EEXIST;
    }
    return APR_STATUS_IS_NOTFOUND(rv) ? APR_SUCCESS : rv;
}

static apr_status_t search_stripe(const ta_shared_stripe *stripe, apr_pool_t *tmp, apr_time_t now,
                                  const ta_shared_search *search)
{
    apr_array_header_t *keys =
        apr_array_make(tmp, 16, (int)sizeof(apr_uint64_t[TA_SHARED_KEY_WORDS]));
    apr_status_t rv = ta_shared_stripe_collect(stripe, apr_time_sec(now), search->peek,
                                               search->filter, search->context, keys);

    for (int i = 0; i < keys->nelts && rv == APR_SUCCESS; i++) {
        rv = search->visit(search->context,
                           (unsigned char *)keys->elts + (apr_size_t)i * TA_STORE_KEY_LEN);
    }
    return rv;
}

apr_status_t ta_shared_table_search(ta_shared_table *table, apr_pool_t *tmp, apr_time_t now,
                                    const ta_shared_search *search)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, tmp);

    for (int i = 0; rv == APR_SUCCESS && i < table->stripe_count; i++) {
        rv = search_stripe(&table->stripes[i], pool, now, search);
        apr_pool_clear(pool);
        if (has_moved(&table, &rv)) {
            /* from the beginning: what was found before is there too, and harms nobody twice */
            i = -1;
        }
    }
    if (pool) {
        apr_pool_destroy(pool);
    }
    return rv;
}

apr_status_t ta_shared_table_measure(ta_shared_table *table, ta_store_fill *fill)
{
    apr_status_t rv = ta_shared_table_current(table, &table);

    memset(fill, 0, sizeof(*fill));
    for (int i = 0; rv == APR_SUCCESS && i < table->stripe_count; i++) {
        const ta_shared_stripe *stripe = &table->stripes[i];

        fill->records += ta_shared_get32(&stripe->header->records);
        fill->capacity_bytes += (apr_uint64_t)stripe->block_count * stripe->block_bytes;
        fill->used_bytes +=
            (apr_uint64_t)ta_shared_get32(&stripe->header->used) * stripe->block_bytes;
        fill->evicted += ta_shared_get64(&stripe->header->evicted);
        fill->expired += ta_shared_get64(&stripe->header->expired);
    }
    return rv;
}
