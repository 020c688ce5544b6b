/*
 * A socache provider on the shared table. Other modules' ids have any length, so a record is found
 * by the SHA-256 of its id, and begins with the id itself.
 *
 *     record   │ length of the id, 4 │ id │ data │
 */
#include "httpd/shm_provider.h"

#include <http_config.h>
#include <http_protocol.h>
#include <ap_provider.h>
#include <ap_socache.h>
#include <mod_status.h>

#include <apr_strings.h>

#include "httpd/shm_segment.h"
#include "util/secret.h"

#define ID_AT 4

struct ap_socache_instance_t {
    ta_shm_spec spec;
    ta_shared_table *table;
};

static const char *create(ap_socache_instance_t **instance, const char *arguments, apr_pool_t *tmp,
                          apr_pool_t *p)
{
    const char *error;

    (void)tmp;
    *instance = apr_pcalloc(p, sizeof(**instance));
    error = ta_shm_segment_parse(p, arguments, &(*instance)->spec);
    return error ? error : ta_shm_segment_check(p, &(*instance)->spec);
}

static apr_status_t init(ap_socache_instance_t *instance, const char *name,
                         const struct ap_socache_hints *hints, server_rec *s, apr_pool_t *pool)
{
    (void)hints;
    return ta_shm_segment_open(pool, s, apr_pstrcat(pool, "socache ", name, NULL), &instance->spec,
                               &instance->table);
}

/* The pool of init ends it. */
static void destroy(ap_socache_instance_t *instance, server_rec *s)
{
    (void)instance, (void)s;
}

static apr_status_t store(ap_socache_instance_t *instance, server_rec *s, const unsigned char *id,
                          unsigned int id_len, apr_time_t expiry, unsigned char *data,
                          unsigned int data_len, apr_pool_t *pool)
{
    unsigned char key[TA_SHA256_LEN];
    unsigned char *bytes;
    apr_size_t len = ID_AT + (apr_size_t)id_len + data_len;
    apr_uint32_t prefix = id_len;

    (void)s;
    if (len > TA_STORE_RECORD_BYTES) {
        return APR_ENOSPC;
    }
    bytes = apr_palloc(pool, len);
    memcpy(bytes, &prefix, ID_AT);
    memcpy(bytes + ID_AT, id, id_len);
    memcpy(bytes + ID_AT + id_len, data, data_len);
    if (ta_secret_sha256(id, id_len, key) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    return ta_shared_table_save(instance->table, key, (ta_bytes){bytes, len},
                                apr_time_sec(expiry + APR_USEC_PER_SEC - 1), apr_time_now());
}

/* Takes a record apart. @return 0 when it is none of this provider's */
static int split(ta_bytes record, ta_bytes *id, ta_bytes *data)
{
    apr_uint32_t id_len;

    if (record.len < ID_AT) {
        return 0;
    }
    memcpy(&id_len, record.data, ID_AT);
    if (id_len > record.len - ID_AT) {
        return 0;
    }
    *id = (ta_bytes){record.data + ID_AT, id_len};
    *data = (ta_bytes){id->data + id_len, record.len - ID_AT - id_len};
    return 1;
}

static apr_status_t retrieve(ap_socache_instance_t *instance, server_rec *s,
                             const unsigned char *id, unsigned int id_len, unsigned char *data,
                             unsigned int *data_len, apr_pool_t *pool)
{
    unsigned char key[TA_SHA256_LEN];
    ta_bytes record;
    ta_bytes found_id;
    ta_bytes found;
    apr_status_t rv;

    (void)s;
    if (ta_secret_sha256(id, id_len, key) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    rv = ta_shared_table_load(instance->table, pool, key, apr_time_now(), NULL, &record);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!split(record, &found_id, &found) || found_id.len != id_len ||
        memcmp(found_id.data, id, id_len) != 0) {
        return APR_NOTFOUND;
    }
    if (found.len > *data_len) {
        return APR_ENOMEM;
    }
    memcpy(data, found.data, found.len);
    *data_len = (unsigned int)found.len;
    return APR_SUCCESS;
}

static apr_status_t remove_record(ap_socache_instance_t *instance, server_rec *s,
                                  const unsigned char *id, unsigned int id_len, apr_pool_t *pool)
{
    unsigned char key[TA_SHA256_LEN];

    (void)s, (void)pool;
    if (ta_secret_sha256(id, id_len, key) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    return ta_shared_table_remove(instance->table, key);
}

static void status(ap_socache_instance_t *instance, request_rec *r, int flags)
{
    ta_store_fill fill;

    if (ta_shared_table_measure(instance->table, &fill) != APR_SUCCESS) {
        return;
    }
    if (flags & AP_STATUS_SHORT) {
        ap_rprintf(r,
                   "CacheRecords: %" APR_UINT64_T_FMT "\nCacheUsedBytes: %" APR_UINT64_T_FMT "\n",
                   fill.records, fill.used_bytes);
        ap_rprintf(r, "CacheBytes: %" APR_UINT64_T_FMT "\nCacheEvicted: %" APR_UINT64_T_FMT "\n",
                   fill.capacity_bytes, fill.evicted);
        return;
    }
    ap_rprintf(r, "records: <b>%" APR_UINT64_T_FMT "</b>, bytes: <b>%" APR_UINT64_T_FMT "</b> of ",
               fill.records, fill.used_bytes);
    ap_rprintf(r,
               "<b>%" APR_UINT64_T_FMT "</b>, dropped for want of room: <b>%" APR_UINT64_T_FMT
               "</b><br>\n",
               fill.capacity_bytes, fill.evicted);
}

typedef struct visitor {
    ap_socache_instance_t *instance;
    server_rec *server;
    ap_socache_iterator_t *iterator;
    void *context;
    apr_pool_t *pool;
    apr_time_t now;
} visitor;

static int wants_all(void *context, ta_bytes record)
{
    (void)context, (void)record;
    return 1;
}

static apr_status_t visit(void *context, const unsigned char *key)
{
    visitor *each = context;
    ta_bytes record;
    ta_bytes id;
    ta_bytes data;

    apr_pool_clear(each->pool);
    if (ta_shared_table_load(each->instance->table, each->pool, key, each->now, NULL, &record) !=
            APR_SUCCESS ||
        !split(record, &id, &data)) {
        return APR_SUCCESS; /* gone meanwhile */
    }
    return each->iterator(each->instance, each->server, each->context, id.data,
                          (unsigned int)id.len, data.data, (unsigned int)data.len, each->pool);
}

static apr_status_t iterate(ap_socache_instance_t *instance, server_rec *s, void *context,
                            ap_socache_iterator_t *iterator, apr_pool_t *pool)
{
    visitor each = {.instance = instance,
                    .server = s,
                    .iterator = iterator,
                    .context = context,
                    .now = apr_time_now()};
    ta_shared_search search = {.filter = wants_all, .visit = visit, .context = &each};
    apr_status_t rv = apr_pool_create(&each.pool, pool);

    if (rv == APR_SUCCESS) {
        rv = ta_shared_table_search(instance->table, pool, each.now, &search);
        apr_pool_destroy(each.pool);
    }
    return rv;
}

static const ap_socache_provider_t provider = {
    .name = "shm",
    .flags = 0, /* any thread may call it */
    .create = create,
    .init = init,
    .destroy = destroy,
    .store = store,
    .retrieve = retrieve,
    .remove = remove_record,
    .status = status,
    .iterate = iterate,
};

apr_status_t ta_shm_provider_register(apr_pool_t *p)
{
    return ap_register_provider(p, AP_SOCACHE_PROVIDER_GROUP, provider.name,
                                AP_SOCACHE_PROVIDER_VERSION, &provider);
}
