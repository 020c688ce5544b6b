/*
 * The counters as others read them: a walk over all values, and the OpenMetrics text.
 */
#ifndef TA_FLOW_SAMPLES_H
#define TA_FLOW_SAMPLES_H

#include "flow/metrics.h"
#include "util/text.h"

#define TA_SAMPLES_OPEN_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TA_SAMPLES_PLAIN_TEXT   "text/plain; version=0.0.4; charset=utf-8"

/* A family of values. */
typedef struct ta_metric {
    const char *name; /* without the _total of a counter */
    const char *type; /* "counter", "gauge" or "histogram" */
    const char *unit; /* "seconds" or "bytes", the end of the name; NULL: it has none */
    const char *help;
} ta_metric;

typedef struct ta_sample {
    const ta_metric *metric;
    const char *suffix; /* "_total", "_bucket", "_count", "_sum", "" */
    const char *labels; /* provider="pocketid",result="success"; "" for none */
    const char *value;
} ta_sample;

/* What is not counted but looked at when somebody asks. */
typedef struct ta_samples_state {
    apr_int64_t now;           /* seconds since 1970 */
    apr_int64_t sessions;      /* -1: not known */
    const ta_store_fill *fill; /* NULL: not known */
} ta_samples_state;

/** Calls visit for each sample, family by family. What a sample points to is valid during the
 *  call only. Of a counter with a reason or result those that are zero are left out. */
void ta_samples_each(const ta_metrics *metrics, const ta_samples_state *state,
                     void (*visit)(void *context, const ta_sample *sample), void *context);

/**
 * All samples as text.
 * @param open OpenMetrics 1.0; else the text format of Prometheus before it (0.0.4), in which a
 *             counter's family has the name of its samples, and there is neither unit nor end
 */
void ta_samples_write(const ta_metrics *metrics, const ta_samples_state *state, int open,
                      ta_text *out);

#endif
