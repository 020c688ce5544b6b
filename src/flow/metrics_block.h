/*
 * How the counters lie in their block:
 *
 *     magic and layout │ of this server │ provider 0 │ provider 1 │ …
 *
 * Provider 0 is nobody in particular: of a login that names none, and of all providers beyond
 * the last. A provider keeps its place as long as the block lives, also when the configuration
 * does not describe it any more. Only metrics.c and samples.c know this.
 */
#ifndef TA_FLOW_METRICS_BLOCK_H
#define TA_FLOW_METRICS_BLOCK_H

#include "flow/metrics.h"
#include "oidc/provider.h"

#define TA_METRICS_BOUNDS 11 /* upper ends of the histograms' buckets; one more has the rest */

extern const apr_interval_time_t ta_metrics_bounds[TA_METRICS_BOUNDS];

typedef apr_uint64_t ta_counter;

typedef struct ta_histogram {
    ta_counter buckets[TA_METRICS_BOUNDS + 1];
    ta_counter microseconds;
} ta_histogram;

/* What came of asking the provider again. */
typedef enum ta_revalidation {
    TA_REVALIDATION_CONFIRMED,
    TA_REVALIDATION_CHANGED, /* confirmed, with other groups */
    TA_REVALIDATION_UNKNOWN,
    TA_REVALIDATION_ENDED,
    TA_REVALIDATION_LOGIN, /* the browser was sent to the provider */
    TA_REVALIDATIONS
} ta_revalidation;

typedef enum ta_call_result {
    TA_CALL_OK,      /* 2xx */
    TA_CALL_REFUSED, /* 4xx */
    TA_CALL_ERROR,   /* any other status */
    TA_CALL_UNREACHABLE,
    TA_CALL_RESULTS
} ta_call_result;

typedef struct ta_provider_counters {
    char id[TA_PROVIDER_ID_LEN + 1];
    ta_counter logins;
    ta_counter logins_refused[TA_REASON_COUNT];
    ta_counter denied[TA_REASON_COUNT];
    ta_counter logouts[TA_ENDED_BYS];
    ta_counter ended[TA_ENDED_BYS];
    ta_counter revalidated[TA_REVALIDATIONS];
    ta_counter calls[TA_HTTP_PURPOSES][TA_CALL_RESULTS];
    ta_histogram call_durations[TA_HTTP_PURPOSES];
    apr_int64_t keys_fetched; /* seconds since 1970; 0: not yet */
} ta_provider_counters;

struct ta_metrics {
    apr_uint64_t magic;
    apr_uint64_t layout; /* of the module that made the block */
    ta_counter refusals[TA_REASON_COUNT];
    ta_counter store_errors[TA_STORE_OPERATIONS];
    ta_histogram store_durations[TA_STORE_OPERATIONS];
    ta_counter slow_loads;
    ta_counter audit_lost;
    apr_int64_t audit_complained; /* seconds since 1970 */
    apr_int64_t sessions;
    apr_int64_t sessions_counted; /* seconds since 1970 */
    apr_uint32_t providers_used;  /* set after the id of the last one was written */
    ta_provider_counters providers[TA_METRICS_PROVIDERS + 1];
};

#endif
