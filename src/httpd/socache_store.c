/*
 * Sessions in httpd's provider shmcb; and in a second, small one what was claimed, so that whoever
 * claims much, by logins that nobody finishes, pushes out no session.
 *
 * One global mutex makes replace and claim whole: nobody else writes between the look and the
 * change. Readers take it only where the provider is not safe without
 * (AP_SOCACHE_FLAG_NOTMPSAFE).
 */
#include "httpd/socache_store.h"

#include <http_config.h>
#include <http_log.h>
#include <ap_provider.h>
#include <ap_socache.h>
#include <util_mutex.h>

#include <apr_strings.h>

#include "httpd/module.h"
#include "session/record.h"

APLOG_USE_MODULE(tinyauth);

#define MUTEX_TYPE      "tinyauth-store"
#define PROVIDER        "shmcb"
#define STORE_ID        "tinyauth"
#define CLAIMS_ID       "tinyauth-claims"
#define CLAIMS_SIZE     (4 * 1024 * 1024) /* some 80,000 of them */
#define CLAIM_BYTES     6
#define RECORD_EXPECTED 2048 /* shmcb makes an index entry for each so many bytes */

typedef struct store_state {
    ta_store port;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    ap_socache_instance_t *claims;
    apr_global_mutex_t *mutex;
    const char *mutex_file;
    server_rec *server;
} store_state;

static apr_status_t lock(store_state *store)
{
    apr_status_t rv = apr_global_mutex_lock(store->mutex);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, store->server,
                     "TA0120: the lock of the session store cannot be taken");
    }
    return rv;
}

static void unlock(store_state *store)
{
    apr_status_t rv = apr_global_mutex_unlock(store->mutex);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, store->server,
                     "TA0121: the lock of the session store cannot be given back");
    }
}

/* Reads a record with the lock held where it is needed; buffer is the caller's. */
static apr_status_t retrieve(store_state *store, apr_pool_t *p, const unsigned char *key,
                             unsigned char *buffer, unsigned int *len)
{
    *len = TA_STORE_RECORD_BYTES;
    return store->provider->retrieve(store->instance, store->server, key, TA_STORE_KEY_LEN, buffer,
                                     len, p);
}

static apr_status_t load_one(store_state *store, apr_pool_t *p, const unsigned char *key,
                             ta_bytes *record)
{
    int locked = (store->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
    unsigned char buffer[TA_STORE_RECORD_BYTES];
    unsigned int len;
    apr_status_t rv;

    if (locked && (rv = lock(store)) != APR_SUCCESS) {
        return rv;
    }
    rv = retrieve(store, p, key, buffer, &len);
    if (locked) {
        unlock(store);
    }
    if (rv == APR_SUCCESS) {
        record->data = apr_pmemdup(p, buffer, len);
        record->len = len;
    }
    return rv;
}

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    apr_status_t rv = load_one(context, p, key, record);
    const unsigned char *parent_key;

    (void)version;
    if (rv != APR_SUCCESS || !parent) {
        return rv;
    }
    *parent = (ta_bytes){NULL, 0};
    parent_key = ta_record_parent(*record);
    return parent_key ? load_one(context, p, parent_key, parent) : APR_SUCCESS;
}

/* Writes with the lock held. */
static apr_status_t store_record(store_state *store, apr_pool_t *tmp, const unsigned char *key,
                                 ta_bytes record, apr_int64_t expiry)
{
    if (record.len > TA_STORE_RECORD_BYTES) {
        return APR_ENOSPC;
    }
    return store->provider->store(store->instance, store->server, key, TA_STORE_KEY_LEN,
                                  apr_time_from_sec(expiry), (unsigned char *)record.data,
                                  (unsigned int)record.len, tmp);
}

static apr_status_t save(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry)
{
    store_state *store = context;
    apr_status_t rv = lock(store);

    if (rv == APR_SUCCESS) {
        rv = store_record(store, tmp, key, record, expiry);
        unlock(store);
    }
    return rv;
}

static apr_status_t replace(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    store_state *store = context;
    unsigned char buffer[TA_STORE_RECORD_BYTES];
    unsigned int len;
    apr_status_t rv = lock(store);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = retrieve(store, tmp, key, buffer, &len);
    if (rv == APR_SUCCESS && (len != expected.len || memcmp(buffer, expected.data, len) != 0)) {
        rv = APR_EAGAIN;
    }
    if (rv == APR_SUCCESS) {
        rv = store_record(store, tmp, key, record, expiry);
    }
    unlock(store);
    return APR_STATUS_IS_NOTFOUND(rv) ? APR_EAGAIN : rv;
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    store_state *store = context;
    apr_status_t rv = lock(store);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = store->provider->remove(store->instance, store->server, key, TA_STORE_KEY_LEN, tmp);
    unlock(store);
    return APR_STATUS_IS_NOTFOUND(rv) ? APR_SUCCESS : rv;
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry)
{
    static const unsigned char taken[CLAIM_BYTES] = "taken";
    store_state *store = context;
    unsigned char buffer[sizeof(taken)];
    unsigned int len = sizeof(buffer);
    apr_status_t rv = lock(store);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = store->provider->retrieve(store->claims, store->server, key, TA_STORE_KEY_LEN, buffer,
                                   &len, tmp);
    if (rv == APR_SUCCESS) {
        rv = APR_EEXIST;
    } else if (APR_STATUS_IS_NOTFOUND(rv)) {
        rv = store->provider->store(store->claims, store->server, key, TA_STORE_KEY_LEN,
                                    apr_time_from_sec(expiry), (unsigned char *)taken,
                                    sizeof(taken), tmp);
    }
    unlock(store);
    return rv;
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    store_state *store = context;
    unsigned char buffer[CLAIM_BYTES];
    unsigned int len = sizeof(buffer);
    apr_status_t rv = lock(store);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = store->provider->retrieve(store->claims, store->server, key, TA_STORE_KEY_LEN, buffer,
                                   &len, tmp);
    unlock(store);
    if (rv == APR_SUCCESS) {
        return APR_EEXIST;
    }
    return APR_STATUS_IS_NOTFOUND(rv) ? APR_SUCCESS : rv;
}

struct visitor {
    ta_store_visit visit;
    void *context;
};

static apr_status_t visit_record(ap_socache_instance_t *instance, server_rec *s, void *context,
                                 const unsigned char *id, unsigned int id_len,
                                 const unsigned char *data, unsigned int data_len, apr_pool_t *p)
{
    const struct visitor *visitor = context;

    (void)instance, (void)s, (void)p;
    return id_len == TA_STORE_KEY_LEN
               ? visitor->visit(visitor->context, id, (ta_bytes){data, data_len})
               : APR_SUCCESS;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit visit,
                            void *visit_context)
{
    store_state *store = context;
    struct visitor visitor = {visit, visit_context};
    apr_status_t rv = lock(store);

    if (rv == APR_SUCCESS) {
        rv = store->provider->iterate(store->instance, store->server, &visitor, visit_record, tmp);
        unlock(store);
    }
    return rv;
}

struct ended {
    const unsigned char *key;
    ta_bytes bytes;
};

struct search {
    const ta_store_ending *ending;
    apr_pool_t *pool;
    apr_array_header_t *found; /* of struct ended */
};

static apr_status_t note_ended(void *context, const unsigned char *key, ta_bytes bytes)
{
    const struct search *search = context;
    ta_record record;

    if (ta_record_is_meant(bytes, search->ending) &&
        ta_record_read(bytes, &record) == APR_SUCCESS && record.created <= search->ending->before) {
        APR_ARRAY_PUSH(search->found, struct ended) = (struct ended){
            .key = apr_pmemdup(search->pool, key, TA_STORE_KEY_LEN),
            .bytes = {apr_pmemdup(search->pool, bytes.data, bytes.len), bytes.len},
        };
    }
    return APR_SUCCESS;
}

static apr_status_t end_all(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count)
{
    struct search search = {ending, tmp, apr_array_make(tmp, 4, sizeof(struct ended))};
    apr_status_t rv = iterate(context, tmp, note_ended, &search);

    for (int i = 0; i < search.found->nelts && rv == APR_SUCCESS; i++) {
        const struct ended *each = &APR_ARRAY_IDX(search.found, i, struct ended);

        rv = remove_record(context, tmp, each->key);
        if (rv == APR_SUCCESS && ending->ended) {
            rv = ending->ended(ending->context, each->key, each->bytes);
        }
    }
    *count = search.found->nelts;
    return rv;
}

static const ap_socache_provider_t *find_provider(void)
{
    return ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, PROVIDER, AP_SOCACHE_PROVIDER_VERSION);
}

/* mod_socache_dbm takes no value of more than 950 bytes, so it cannot hold a session; redis and
 * memcache are kinds of their own. */
static const char *check(apr_pool_t *p, const ta_store_spec *spec)
{
    if (strcmp(spec->name, PROVIDER) != 0) {
        return apr_psprintf(p,
                            "\"%s\" is not a store: write shm, shm:size, shmcb:path(bytes), "
                            "redis:server or memcache:server",
                            spec->name);
    }
    return find_provider() ? NULL
                           : "needs httpd's module mod_socache_shmcb: load it (a2enmod "
                             "socache_shmcb)";
}

static apr_status_t prepare(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0);
}

static apr_status_t destroy(void *context)
{
    store_state *store = context;

    store->provider->destroy(store->instance, store->server);
    store->provider->destroy(store->claims, store->server);
    return APR_SUCCESS;
}

/* Makes both instances. @return NULL, or what is wrong */
static const char *create_instances(apr_pool_t *pconf, apr_pool_t *ptemp, const ta_store_spec *spec,
                                    store_state *store)
{
    const char *claims = apr_psprintf(
        pconf, "%s(%d)", ap_runtime_dir_relative(pconf, "tinyauth-claims"), CLAIMS_SIZE);
    const char *error;

    store->provider = find_provider();
    if (!store->provider) {
        return "no such provider";
    }
    error = store->provider->create(&store->instance, spec->arguments, ptemp, pconf);
    return error ? error : store->provider->create(&store->claims, claims, ptemp, pconf);
}

/* The lock outlives a graceful restart: requests of the old generation still take it when the
 * parent has begun the new one. */
static apr_status_t make_mutex(apr_pool_t *process, server_rec *s, store_state *store)
{
    struct kept {
        apr_global_mutex_t *mutex;
        const char *file;
    } * kept;
    void *found = NULL;
    apr_status_t rv;

    apr_pool_userdata_get(&found, MUTEX_TYPE, process);
    kept = found;
    if (!kept) {
        kept = apr_pcalloc(process, sizeof(*kept));
        rv = ap_global_mutex_create(&kept->mutex, &kept->file, MUTEX_TYPE, NULL, s, process, 0);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        /* _set copies the name; _setn would point into a module that a reload unloads */
        apr_pool_userdata_set(kept, MUTEX_TYPE, NULL, process);
    }
    store->mutex = kept->mutex;
    store->mutex_file = kept->file;
    return APR_SUCCESS;
}

static apr_status_t start_instances(apr_pool_t *pconf, server_rec *s, store_state *store)
{
    static const struct ap_socache_hints hints = {
        .avg_id_len = TA_STORE_KEY_LEN,
        .avg_obj_size = RECORD_EXPECTED,
        .expiry_interval = apr_time_from_sec(3600),
    };
    static const struct ap_socache_hints claims_hints = {
        .avg_id_len = TA_STORE_KEY_LEN,
        .avg_obj_size = 16,
        .expiry_interval = apr_time_from_sec(300),
    };
    apr_status_t rv;

    rv = make_mutex(s->process->pool, s, store);
    if (rv == APR_SUCCESS) {
        rv = store->provider->init(store->instance, STORE_ID, &hints, s, pconf);
    }
    if (rv == APR_SUCCESS) {
        rv = store->provider->init(store->claims, CLAIMS_ID, &claims_hints, s, pconf);
    }
    return rv;
}

static apr_status_t open_store(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                               const ta_store_spec *spec, ta_store **result)
{
    store_state *store = apr_pcalloc(pconf, sizeof(*store));
    const char *error = create_instances(pconf, ptemp, spec, store);
    apr_status_t rv;

    if (error) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "TA0123: TinyauthSessionStore %s: %s",
                     spec->text, error);
        return APR_EGENERAL;
    }
    store->server = s;
    rv = start_instances(pconf, s, store);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(pconf, store, destroy, apr_pool_cleanup_null);
    store->port = (ta_store){.load = load,
                             .save = save,
                             .replace = replace,
                             .remove = remove_record,
                             .claim = claim,
                             .check_claim = check_claim,
                             .end_all = end_all,
                             .end_all_searches = 1,
                             .iterate = iterate,
                             .claims_everywhere = 1,
                             .context = store};
    *result = &store->port;
    return APR_SUCCESS;
}

static apr_status_t start_child(apr_pool_t *pchild, ta_store *port)
{
    store_state *store = port->context;

    return apr_global_mutex_child_init(&store->mutex, store->mutex_file, pchild);
}

const ta_store_kind ta_socache_store_kind = {
    .name = NULL,
    .prepare = prepare,
    .check = check,
    .open = open_store,
    .start_child = start_child,
};
