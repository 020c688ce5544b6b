/*
 * What is counted, in one block of memory that all processes share. A counter is one relaxed
 * atomic addition: no lock, no allocation, any thread. Nothing here is on the way of a request
 * that is simply let in.
 *
 * Every label has few values: the ids of providers, reason codes, names out of tables. What a
 * browser or a provider sends never becomes one.
 */
#ifndef TA_FLOW_METRICS_H
#define TA_FLOW_METRICS_H

#include <apr_time.h>

#include "flow/event.h"
#include "net/http.h"
#include "session/store.h"

#define TA_METRICS_PROVIDERS 64 /* with counters of their own; more share the last ones */

typedef struct ta_metrics ta_metrics;

/* Operations of the store, as they are counted. */
typedef enum ta_store_operation {
    TA_STORE_LOAD,
    TA_STORE_SAVE,
    TA_STORE_REPLACE,
    TA_STORE_REMOVE,
    TA_STORE_CLAIM,
    TA_STORE_END_ALL,
    TA_STORE_OPERATIONS
} ta_store_operation;

/** How large the block is, in bytes. */
apr_size_t ta_metrics_size(void);

/** Makes a block of that size ready to count, from zero. */
void ta_metrics_start(void *memory);

/** True when a block was made ready by a module whose counters lie as ours do. */
int ta_metrics_fits(const void *memory, apr_size_t size);

/** Gives a provider counters of its own; it keeps those that it has. One process at a time. */
void ta_metrics_add_provider(ta_metrics *metrics, const char *id);

/** Counts an event. */
void ta_metrics_count_event(ta_metrics *metrics, const ta_event *event, apr_int64_t now);

/** Counts an answer that refused something, as it is sent. */
void ta_metrics_count_refusal(ta_metrics *metrics, ta_reason reason);

/** Counts a request to a provider. @param status of the answer, 0: there was none */
void ta_metrics_count_call(ta_metrics *metrics, const ta_http_request *request, int status,
                           apr_interval_time_t duration);

/** Counts an operation of the store that took its time. */
void ta_metrics_count_store(ta_metrics *metrics, ta_store_operation operation,
                            apr_interval_time_t duration);

/** Counts an operation of the store that failed. */
void ta_metrics_count_store_error(ta_metrics *metrics, ta_store_operation operation);

/** Counts a load that took longer than a load should. */
void ta_metrics_count_slow_load(ta_metrics *metrics);

/** Counts a line that the audit log could not take.
 *  @return whether to complain: true once in a minute, in one process */
int ta_metrics_count_audit_loss(ta_metrics *metrics, apr_int64_t now);

/** How many logins are alive, counted at most every few seconds. -1: the store cannot say. */
apr_int64_t ta_metrics_count_sessions(ta_metrics *metrics, const ta_store *store, apr_pool_t *tmp,
                                      apr_int64_t now);

#endif
