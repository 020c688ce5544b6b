/*
 * Counting around the ports. The clock is httpd's own; it is read through the vDSO, without a
 * system call.
 */
#include "flow/counted.h"

#include <apr_time.h>

#define SLOW_LOAD 5000 /* microseconds */

struct counted_store {
    const ta_store *inner;
    ta_metrics *metrics;
};

struct counted_http {
    const ta_http *inner;
    ta_metrics *metrics;
};

/* After an operation; expected is what it may answer besides APR_SUCCESS without having
 * failed. */
static apr_status_t done(const struct counted_store *store, ta_store_operation operation,
                         apr_time_t began, apr_status_t rv, apr_status_t expected)
{
    ta_metrics_count_store(store->metrics, operation, apr_time_now() - began);
    if (rv != APR_SUCCESS && rv != expected) {
        ta_metrics_count_store_error(store->metrics, operation);
    }
    return rv;
}

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();
    apr_status_t rv = store->inner->load(store->inner->context, p, key, version, record, parent);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND && rv != TA_STORE_UNCHANGED) {
        ta_metrics_count_store_error(store->metrics, TA_STORE_LOAD);
    }
    if (apr_time_now() - began > SLOW_LOAD) {
        ta_metrics_count_slow_load(store->metrics);
    }
    return rv;
}

static apr_status_t save(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_SAVE, began,
                store->inner->save(store->inner->context, tmp, key, record, expiry), APR_SUCCESS);
}

static apr_status_t replace(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_REPLACE, began,
                store->inner->replace(store->inner->context, tmp, key, expected, record, expiry),
                APR_EAGAIN);
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_REMOVE, began,
                store->inner->remove(store->inner->context, tmp, key), APR_SUCCESS);
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_CLAIM, began,
                store->inner->claim(store->inner->context, tmp, key, expiry), APR_EEXIST);
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_CLAIM, began,
                store->inner->check_claim(store->inner->context, tmp, key), APR_EEXIST);
}

static apr_status_t end_all(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count)
{
    const struct counted_store *store = context;
    apr_time_t began = apr_time_now();

    return done(store, TA_STORE_END_ALL, began,
                store->inner->end_all(store->inner->context, tmp, ending, count), APR_SUCCESS);
}

/* Only administrators ask for these, and see what came of it themselves. */
static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit visit,
                            void *visit_context)
{
    const struct counted_store *store = context;

    return store->inner->iterate(store->inner->context, tmp, visit, visit_context);
}

static apr_status_t measure(void *context, ta_store_fill *fill)
{
    const struct counted_store *store = context;

    return store->inner->measure(store->inner->context, fill);
}

ta_store *ta_counted_wrap_store(apr_pool_t *p, const ta_store *inner, ta_metrics *metrics)
{
    struct counted_store *context = apr_palloc(p, sizeof(*context));
    ta_store *store = apr_palloc(p, sizeof(*store));

    *context = (struct counted_store){.inner = inner, .metrics = metrics};
    *store = (ta_store){
        .load = load,
        .save = save,
        .replace = replace,
        .remove = remove_record,
        .claim = claim,
        .check_claim = check_claim,
        .end_all = end_all,
        .iterate = inner->iterate ? iterate : NULL,
        .measure = inner->measure ? measure : NULL,
        .end_all_searches = inner->end_all_searches,
        .claims_everywhere = inner->claims_everywhere,
        .context = context,
    };
    return store;
}

static apr_status_t ask(void *context, apr_pool_t *p, const ta_http_request *request,
                        ta_http_response **response, ta_fault *fault)
{
    const struct counted_http *http = context;
    apr_time_t began = apr_time_now();
    apr_status_t rv = http->inner->send(http->inner->context, p, request, response, fault);

    ta_metrics_count_call(http->metrics, request, rv == APR_SUCCESS ? (*response)->status : 0,
                          apr_time_now() - began);
    return rv;
}

ta_http *ta_counted_wrap_http(apr_pool_t *p, const ta_http *inner, ta_metrics *metrics)
{
    struct counted_http *context = apr_palloc(p, sizeof(*context));
    ta_http *http = apr_palloc(p, sizeof(*http));

    *context = (struct counted_http){.inner = inner, .metrics = metrics};
    *http = (ta_http){.send = ask, .context = context};
    return http;
}
