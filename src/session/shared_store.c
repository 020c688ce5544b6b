/*
 * The functions of ta_store on a shared table, and the words about how full it is. All processes
 * together say each of them once in a while.
 */
#include "session/shared_store.h"

#include <string.h>

#include <apr_errno.h>

#include "session/record.h"

#define FULL_PERCENT 80
#define NOTE_EVERY   600 /* seconds */
#define MEGABYTE     (1024 * 1024)

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    ta_shared_store *store = context;
    apr_time_t now = store->now();
    apr_status_t rv = ta_shared_table_load(store->table, p, key, now, version, record);
    const unsigned char *parent_key;

    if (rv != APR_SUCCESS || !parent) {
        return rv;
    }
    *parent = (ta_bytes){NULL, 0};
    parent_key = ta_record_parent(*record);
    if (!parent_key) {
        return APR_SUCCESS;
    }
    if (version) {
        /* its parent may change, and this one not */
        *version = 0;
    }
    return ta_shared_table_load(store->table, p, parent_key, now, NULL, parent);
}

/* True for one caller of all processes, once in a while. */
static int may_note(apr_uint64_t *noted, apr_time_t now)
{
    apr_uint64_t last = ta_shared_get64(noted);
    apr_uint64_t seconds = (apr_uint64_t)apr_time_sec(now);

    return (last == 0 || seconds >= last + NOTE_EVERY || seconds < last) &&
           __atomic_compare_exchange_n(noted, &last, seconds, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* After something was saved: says in time that the memory fills up, and that it is full. */
static void note_fill(ta_shared_store *store, apr_time_t now)
{
    ta_shared_table *table;
    ta_store_fill fill;
    apr_uint64_t percent;
    unsigned long larger;

    if (ta_shared_table_current(store->table, &table) != APR_SUCCESS ||
        ta_shared_table_measure(table, &fill) != APR_SUCCESS) {
        return;
    }
    percent = fill.used_bytes * 100 / fill.capacity_bytes;
    larger = (unsigned long)(table->size / MEGABYTE * 2 + 1);
    if (percent >= FULL_PERCENT && may_note(&table->header->noted_fill, now)) {
        ta_log_write(store->log, TA_LOG_WARNING, APR_SUCCESS,
                     "TA0300: the session store is %d %% full (%lu records): when it is full the "
                     "sessions unused for longest are dropped and their people have to log in "
                     "again. Write a larger size in TinyauthSessionStore: %luM",
                     (int)percent, (unsigned long)fill.records, larger);
    }
    /* whatever the percentage: of long records one stripe may be full before the others */
    if (fill.evicted > ta_shared_get64(&table->header->told_evicted) &&
        may_note(&table->header->noted_evicted, now)) {
        ta_shared_set64(&table->header->told_evicted, fill.evicted);
        ta_log_write(store->log, TA_LOG_WARNING, APR_SUCCESS,
                     "TA0301: the session store is full: %lu sessions unused for longest were "
                     "dropped so far, and their people have to log in again. Write a larger size "
                     "in TinyauthSessionStore: %luM",
                     (unsigned long)fill.evicted, larger);
    }
}

static apr_status_t save(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry)
{
    ta_shared_store *store = context;
    apr_time_t now = store->now();
    apr_status_t rv = ta_shared_table_save(store->table, key, record, expiry, now);

    (void)tmp;
    note_fill(store, now);
    return rv;
}

static apr_status_t replace(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    ta_shared_store *store = context;

    (void)tmp;
    return ta_shared_table_replace(store->table, key, expected, record, expiry, store->now());
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    (void)tmp;
    return ta_shared_table_remove(((ta_shared_store *)context)->table, key);
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry)
{
    ta_shared_store *store = context;

    (void)tmp;
    return ta_shared_table_claim(store->table, key, expiry, store->now());
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    ta_shared_store *store = context;

    return ta_shared_table_check_claim(store->table, tmp, key, store->now());
}

static apr_status_t measure(void *context, ta_store_fill *fill)
{
    return ta_shared_table_measure(((ta_shared_store *)context)->table, fill);
}

/* One search through the store; its own pool is emptied for every record. */
typedef struct search {
    ta_shared_store *store;
    apr_pool_t *pool;
    apr_time_t now;
    const ta_store_ending *ending;
    int count;
    ta_store_visit visit;
    void *visit_context;
} search;

static int wants_all(void *context, ta_bytes record)
{
    (void)context, (void)record;
    return 1;
}

static int wants_meant(void *context, ta_bytes record)
{
    return ta_record_is_meant(record, ((search *)context)->ending);
}

static apr_status_t end_one(void *context, const unsigned char *key)
{
    search *each = context;
    const ta_store_ending *ending = each->ending;
    ta_record record;
    ta_bytes bytes;
    apr_status_t rv;

    apr_pool_clear(each->pool);
    rv = ta_shared_table_load(each->store->table, each->pool, key, each->now, NULL, &bytes);
    if (APR_STATUS_IS_NOTFOUND(rv)) {
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS || ta_record_read(bytes, &record) != APR_SUCCESS ||
        record.created > ending->before) {
        return rv;
    }
    rv = ta_shared_table_remove(each->store->table, key);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    each->count++;
    return ending->ended ? ending->ended(ending->context, key, bytes) : APR_SUCCESS;
}

static apr_status_t run_search(search *each, apr_pool_t *tmp, apr_size_t peek,
                               ta_shared_filter filter, ta_shared_visit visit)
{
    ta_shared_search what = {.peek = peek, .filter = filter, .visit = visit, .context = each};
    apr_status_t rv = apr_pool_create(&each->pool, tmp);

    if (rv == APR_SUCCESS) {
        each->now = each->store->now();
        rv = ta_shared_table_search(each->store->table, tmp, each->now, &what);
        apr_pool_destroy(each->pool);
    }
    return rv;
}

static apr_status_t end_all(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count)
{
    search each = {.store = context, .ending = ending};
    apr_status_t rv = run_search(&each, tmp, TA_RECORD_PEEK, wants_meant, end_one);

    *count = each.count;
    return rv;
}

static apr_status_t visit_one(void *context, const unsigned char *key)
{
    search *each = context;
    ta_bytes record;
    apr_status_t rv;

    apr_pool_clear(each->pool);
    rv = ta_shared_table_load(each->store->table, each->pool, key, each->now, NULL, &record);
    if (rv == APR_SUCCESS) {
        rv = each->visit(each->visit_context, key, record);
    }
    return APR_STATUS_IS_NOTFOUND(rv) ? APR_SUCCESS : rv;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit visit,
                            void *visit_context)
{
    search each = {.store = context, .visit = visit, .visit_context = visit_context};

    return run_search(&each, tmp, 0, wants_all, visit_one);
}

void ta_shared_store_init(ta_shared_store *store)
{
    store->now = apr_time_now;
    store->port = (ta_store){.load = load,
                             .save = save,
                             .replace = replace,
                             .remove = remove_record,
                             .claim = claim,
                             .check_claim = check_claim,
                             .end_all = end_all,
                             .iterate = iterate,
                             .measure = measure,
                             .end_all_searches = 1,
                             .claims_everywhere = 1,
                             .context = store};
}
