/*
 * Counting. Counters are independent of each other, and nothing else is read on the strength
 * of one: relaxed order is enough.
 */
#include "flow/metrics.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/metrics_block.h"

#define MAGIC             APR_UINT64_C(0x74696e7961757468) /* "tinyauth" */
#define NOBODY            "_none"                          /* no id has an underscore */
#define SESSIONS_SECONDS  5 /* to count them means to look at every record */
#define COMPLAINT_SECONDS 60

const apr_interval_time_t ta_metrics_bounds[TA_METRICS_BOUNDS] = {
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

static void count(ta_counter *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void count_duration(ta_histogram *histogram, apr_interval_time_t duration)
{
    int i = 0;

    while (i < TA_METRICS_BOUNDS && duration > ta_metrics_bounds[i]) {
        i++;
    }
    count(&histogram->buckets[i]);
    __atomic_fetch_add(&histogram->microseconds, (ta_counter)(duration > 0 ? duration : 0),
                       __ATOMIC_RELAXED);
}

apr_size_t ta_metrics_size(void)
{
    return sizeof(ta_metrics);
}

/* A module that was rebuilt may number its reasons in another way: a hash of what the numbers
 * mean (FNV-1a), and the size, tell such blocks apart. */
static apr_uint64_t layout(void)
{
    apr_uint64_t hash = APR_UINT64_C(0xcbf29ce484222325) ^ sizeof(ta_metrics);

    for (int i = 0; i < TA_REASON_COUNT; i++) {
        for (const char *c = ta_reason_info_get((ta_reason)i)->code; *c; c++) {
            hash = (hash ^ (unsigned char)*c) * APR_UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

void ta_metrics_start(void *memory)
{
    ta_metrics *metrics = memory;

    memset(metrics, 0, sizeof(*metrics));
    apr_cpystrn(metrics->providers[0].id, NOBODY, sizeof(metrics->providers[0].id));
    metrics->providers_used = 1;
    metrics->layout = layout();
    metrics->magic = MAGIC;
}

int ta_metrics_fits(const void *memory, apr_size_t size)
{
    const ta_metrics *metrics = memory;

    return size >= sizeof(*metrics) && metrics->magic == MAGIC && metrics->layout == layout();
}

static ta_provider_counters *find(ta_metrics *metrics, const char *id)
{
    apr_uint32_t used = __atomic_load_n(&metrics->providers_used, __ATOMIC_ACQUIRE);

    for (apr_uint32_t i = 1; id && i < used; i++) {
        if (strcmp(metrics->providers[i].id, id) == 0) {
            return &metrics->providers[i];
        }
    }
    return &metrics->providers[0];
}

void ta_metrics_add_provider(ta_metrics *metrics, const char *id)
{
    apr_uint32_t used = metrics->providers_used;

    if (used > TA_METRICS_PROVIDERS || find(metrics, id) != &metrics->providers[0]) {
        return;
    }
    apr_cpystrn(metrics->providers[used].id, id, sizeof(metrics->providers[used].id));
    __atomic_store_n(&metrics->providers_used, used + 1, __ATOMIC_RELEASE);
}

void ta_metrics_count_event(ta_metrics *metrics, const ta_event *event, apr_int64_t now)
{
    ta_provider_counters *provider = find(metrics, event->provider);

    switch (event->kind) {
    case TA_EVENT_LOGIN:
        count(&provider->logins);
        break;
    case TA_EVENT_LOGIN_REFUSED:
        count(&provider->logins_refused[event->reason]);
        break;
    case TA_EVENT_DENIED:
        count(&provider->denied[event->reason]);
        break;
    case TA_EVENT_LOGOUT:
        count(&provider->logouts[event->by]);
        break;
    case TA_EVENT_SESSION_ENDED:
        count(&provider->ended[event->by]);
        if (event->by == TA_ENDED_BY_PROVIDER) {
            count(&provider->revalidated[TA_REVALIDATION_ENDED]);
        }
        break;
    case TA_EVENT_CONFIRMED:
        count(&provider->revalidated[ta_event_do_groups_differ(event->before, event->after)
                                         ? TA_REVALIDATION_CHANGED
                                         : TA_REVALIDATION_CONFIRMED]);
        break;
    case TA_EVENT_UNCONFIRMED:
        count(&provider->revalidated[TA_REVALIDATION_UNKNOWN]);
        break;
    case TA_EVENT_SENT_AGAIN:
        count(&provider->revalidated[TA_REVALIDATION_LOGIN]);
        break;
    case TA_EVENT_KEYS_FETCHED:
        __atomic_store_n(&provider->keys_fetched, now, __ATOMIC_RELAXED);
        break;
    case TA_EVENT_CONFIGURED:
    case TA_EVENT_KINDS:
        break;
    }
}

void ta_metrics_count_refusal(ta_metrics *metrics, ta_reason reason)
{
    count(&metrics->refusals[reason]);
}

void ta_metrics_count_call(ta_metrics *metrics, const ta_http_request *request, int status,
                           apr_interval_time_t duration)
{
    ta_provider_counters *provider = find(metrics, request->provider);
    ta_call_result result = status == 0     ? TA_CALL_UNREACHABLE
                            : status < 200  ? TA_CALL_ERROR
                            : status < 300  ? TA_CALL_OK
                            : status < 400  ? TA_CALL_ERROR
                            : status <= 499 ? TA_CALL_REFUSED
                                            : TA_CALL_ERROR;

    count(&provider->calls[request->purpose][result]);
    count_duration(&provider->call_durations[request->purpose], duration);
}

void ta_metrics_count_store(ta_metrics *metrics, ta_store_operation operation,
                            apr_interval_time_t duration)
{
    count_duration(&metrics->store_durations[operation], duration);
}

void ta_metrics_count_store_error(ta_metrics *metrics, ta_store_operation operation)
{
    count(&metrics->store_errors[operation]);
}

void ta_metrics_count_slow_load(ta_metrics *metrics)
{
    count(&metrics->slow_loads);
}

int ta_metrics_count_audit_loss(ta_metrics *metrics, apr_int64_t now)
{
    apr_int64_t last = __atomic_load_n(&metrics->audit_complained, __ATOMIC_RELAXED);

    count(&metrics->audit_lost);
    return (now >= last + COMPLAINT_SECONDS || now < last) &&
           __atomic_compare_exchange_n(&metrics->audit_complained, &last, now, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static apr_status_t count_login(void *context, const unsigned char *key, ta_bytes record)
{
    apr_int64_t *logins = context;

    (void)key;
    *logins += ta_record_is_login(record);
    return APR_SUCCESS;
}

apr_int64_t ta_metrics_count_sessions(ta_metrics *metrics, const ta_store *store, apr_pool_t *tmp,
                                      apr_int64_t now)
{
    apr_int64_t counted = __atomic_load_n(&metrics->sessions_counted, __ATOMIC_RELAXED);
    apr_int64_t logins = 0;

    if (!store->iterate) {
        return -1;
    }
    /* whoever asks at the same time gets the number of before */
    if ((now >= counted + SESSIONS_SECONDS || now < counted) &&
        __atomic_compare_exchange_n(&metrics->sessions_counted, &counted, now, 0, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        if (store->iterate(store->context, tmp, count_login, &logins) != APR_SUCCESS) {
            logins = -1;
        }
        __atomic_store_n(&metrics->sessions, logins, __ATOMIC_RELAXED);
        return logins;
    }
    return __atomic_load_n(&metrics->sessions, __ATOMIC_RELAXED);
}
