/*
 * What a cache outside gives back for a session. As it comes it opens under no key; and behind
 * the seal it is read with no more trust: who is signed in is who was saved, and not at all once
 * their stamp says so.
 *
 *     stamp of the user
 *     the value; or, with a right checksum, the record in it
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "session/outside_store.h"
#include "session/record.h"

static const ta_seal_key key = {{1, 2, 3}};
static const unsigned char name[TA_STORE_KEY_LEN] = {4, 5, 6};

/* A cache of one value, which it gives for every name. */
typedef struct cache {
    ta_cache port;
    ta_outside_bundle bundle;
    const char *name; /* that it was last asked for */
} cache;

static apr_status_t fetch(void *context, apr_pool_t *p, const char *asked,
                          ta_outside_bundle *bundle)
{
    cache *c = context;

    c->name = apr_pstrdup(p, asked);
    *bundle = c->bundle;
    return APR_SUCCESS;
}

static apr_status_t put(void *context, apr_pool_t *p, const char *asked, ta_bytes value,
                        apr_int64_t expiry)
{
    cache *c = context;

    (void)expiry;
    c->name = apr_pstrdup(p, asked);
    c->bundle.value = world_foreign_bytes(p, value);
    return APR_SUCCESS;
}

static apr_status_t iterate(void *context, apr_pool_t *p, ta_outside_visit found,
                            void *visit_context)
{
    const cache *c = context;

    (void)p;
    return found(visit_context, c->name, &c->bundle);
}

static apr_status_t count_visit(void *context, const unsigned char *found, ta_bytes record)
{
    int *count = context;
    ta_record read;

    FUZZ_HOLDS(found && ta_record_read(record, &read) == APR_SUCCESS);
    ++*count;
    return APR_SUCCESS;
}

static ta_store *make(apr_pool_t *p, cache *c)
{
    ta_store *store;

    c->port = (ta_cache){.fetch = fetch, .put = put, .iterate = iterate, .context = c};
    FUZZ_HOLDS(ta_outside_store_make(p, &c->port, &key, 86400, &store) == APR_SUCCESS);
    return store;
}

static apr_status_t load(apr_pool_t *p, ta_store *store, ta_bytes *record)
{
    ta_bytes parent;

    return store->load(store->context, p, name, NULL, record, &parent);
}

/* What stands before the seal; and the cache knows the name from now on. */
static const char *head_of_login(apr_pool_t *p, ta_store *store, const cache *c)
{
    const ta_record login = {.created = WORLD_NOW};
    ta_bytes bytes;

    FUZZ_HOLDS(ta_record_write(p, &login, &bytes) == APR_SUCCESS);
    FUZZ_HOLDS(store->save(store->context, p, name, bytes, WORLD_NOW) == APR_SUCCESS);
    return apr_pstrmemdup(p, (const char *)c->bundle.value.data, TA_OUTSIDE_HEAD_LEN);
}

/* Whatever is under our seal: a record that is whole, or nobody. */
static void try_sealed(apr_pool_t *p, ta_store *store, cache *c, ta_bytes plain)
{
    const char *head = head_of_login(p, store, c);
    unsigned char *value;
    ta_bytes sealed, record;
    ta_record read;
    int count = 0;

    c->bundle.parent = (ta_bytes){NULL, 0};
    FUZZ_HOLDS(ta_seal_bytes(p, &key, TA_SEAL_RECORD, apr_pstrcat(p, c->name, head, NULL), plain,
                             &sealed) == APR_SUCCESS);
    value = apr_palloc(p, TA_OUTSIDE_HEAD_LEN + sealed.len);
    memcpy(value, head, TA_OUTSIDE_HEAD_LEN);
    memcpy(value + TA_OUTSIDE_HEAD_LEN, sealed.data, sealed.len);
    c->bundle.value = world_foreign_bytes(p, (ta_bytes){value, TA_OUTSIDE_HEAD_LEN + sealed.len});
    if (load(p, store, &record) == APR_SUCCESS) {
        FUZZ_HOLDS(ta_record_read(record, &read) == APR_SUCCESS);
    }
    (void)store->iterate(store->context, p, count_visit, &count);
}

static void try_saved(apr_pool_t *p, ta_store *store, cache *c, ta_bytes record)
{
    ta_bytes found, stamp = c->bundle.stamps[0];
    ta_record read;
    int count = 0;

    if (ta_record_read(record, &read) != APR_SUCCESS ||
        store->save(store->context, p, name, record, WORLD_NOW) != APR_SUCCESS) {
        return;
    }
    if (load(p, store, &found) == APR_SUCCESS) {
        FUZZ_HOLDS(found.len == record.len && memcmp(found.data, record.data, found.len) == 0);
        FUZZ_HOLDS(!ta_record_parent(record)); /* its parent has another name */
    }
    (void)store->iterate(store->context, p, count_visit, &count);
    c->bundle.stamps[0] = (ta_bytes){(const unsigned char *)"9223372036854775807", 19};
    FUZZ_HOLDS(load(p, store, &found) != APR_SUCCESS);
    c->bundle.stamps[0] = stamp;
    ((unsigned char *)c->bundle.value.data)[stamp.len % c->bundle.value.len] ^= 1;
    FUZZ_HOLDS(load(p, store, &found) == APR_NOTFOUND);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *stamp = fuzz_take_line(p, &input);
    cache c = {.bundle = {.stamps = {{(const unsigned char *)stamp, strlen(stamp)}}}};
    ta_store *store = make(p, &c);
    ta_bytes record, value = input;

    if (!*stamp) {
        c.bundle.stamps[0].data = NULL;
    }
    c.bundle.value = c.bundle.parent = value;
    FUZZ_HOLDS(load(p, store, &record) == APR_NOTFOUND);
    try_sealed(p, store, &c, value);
    record = fuzz_checked_record(p, value);
    try_sealed(p, store, &c, record);
    try_saved(p, store, &c, record);
}
