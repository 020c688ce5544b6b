/*
 * Which values there are, what they are called and what they mean. Names and units follow
 * OpenMetrics 1.0 and the conventions of Prometheus: base units, "_total" behind a counter.
 */
#include "flow/samples.h"

#include <stdio.h>
#include <string.h>

#include "flow/metrics_block.h"

#define LABELS_BYTES 192 /* ids, codes and names are all shorter */

static const ta_metric logins = {
    "tinyauth_logins", "counter", NULL,
    "Logins by provider and result; reason says why one was refused (docs/reasons.md)."};
static const ta_metric denials = {
    "tinyauth_denials", "counter", NULL,
    "Requests of signed-in users whom no Require let in, by provider and reason."};
static const ta_metric refusals = {"tinyauth_refusals", "counter", NULL,
                                   "Refusing answers (status 4xx and 5xx) sent, by reason."};
static const ta_metric logouts = {"tinyauth_logouts", "counter", NULL,
                                  "Logouts by provider and by whom they were asked for."};
static const ta_metric ended = {
    "tinyauth_sessions_ended", "counter", NULL,
    "Sessions that ended before their time other than by a logout, and by what."};
static const ta_metric revalidations = {
    "tinyauth_revalidations", "counter", NULL,
    "What came of asking the provider again who a user is, by result."};
static const ta_metric calls = {"tinyauth_provider_requests", "counter", NULL,
                                "Requests to providers, by endpoint and result."};
static const ta_metric call_durations = {"tinyauth_provider_request_duration_seconds", "histogram",
                                         "seconds",
                                         "How long requests to providers took, by endpoint."};
static const ta_metric key_age = {"tinyauth_key_set_age_seconds", "gauge", "seconds",
                                  "Time since any process last fetched the provider's key set."};
static const ta_metric sessions = {"tinyauth_sessions", "gauge", NULL, "Logins that are alive."};
static const ta_metric records = {"tinyauth_store_records", "gauge", NULL,
                                  "Records in the session store."};
static const ta_metric used = {"tinyauth_store_used_bytes", "gauge", "bytes",
                               "Bytes of the session store in use."};
static const ta_metric capacity = {"tinyauth_store_capacity_bytes", "gauge", "bytes",
                                   "Bytes that the session store has."};
static const ta_metric evictions = {
    "tinyauth_store_evictions", "counter", NULL,
    "Living records that the session store dropped for want of room."};
static const ta_metric expirations = {"tinyauth_store_expirations", "counter", NULL,
                                      "Records that the session store removed after their time."};
static const ta_metric store_errors = {"tinyauth_store_errors", "counter", NULL,
                                       "Operations of the session store that failed."};
static const ta_metric store_durations = {
    "tinyauth_store_operation_duration_seconds", "histogram", "seconds",
    "How long operations of the session store other than loads took."};
static const ta_metric slow_loads = {"tinyauth_store_slow_loads", "counter", NULL,
                                     "Loads from the session store that took over 5 ms."};
static const ta_metric audit_lost = {"tinyauth_audit_lines_lost", "counter", NULL,
                                     "Lines that an audit log could not take."};

static const char *const revalidation_names[TA_REVALIDATIONS] = {
    [TA_REVALIDATION_CONFIRMED] = "confirmed", [TA_REVALIDATION_CHANGED] = "changed",
    [TA_REVALIDATION_UNKNOWN] = "unknown",     [TA_REVALIDATION_ENDED] = "ended",
    [TA_REVALIDATION_LOGIN] = "login",
};
static const char *const purpose_names[TA_HTTP_PURPOSES] = {
    [TA_HTTP_OTHER] = "other", [TA_HTTP_DISCOVERY] = "discovery", [TA_HTTP_KEYS] = "jwks",
    [TA_HTTP_TOKEN] = "token", [TA_HTTP_USERINFO] = "userinfo",
};
static const char *const result_names[TA_CALL_RESULTS] = {
    [TA_CALL_OK] = "ok",
    [TA_CALL_REFUSED] = "refused",
    [TA_CALL_ERROR] = "error",
    [TA_CALL_UNREACHABLE] = "unreachable",
};
static const char *const operation_names[TA_STORE_OPERATIONS] = {
    [TA_STORE_LOAD] = "load",     [TA_STORE_SAVE] = "save",   [TA_STORE_REPLACE] = "replace",
    [TA_STORE_REMOVE] = "remove", [TA_STORE_CLAIM] = "claim", [TA_STORE_END_ALL] = "end_all",
};

/* ta_metrics_bounds in seconds, as OpenMetrics writes numbers */
static const char *const bound_names[TA_METRICS_BOUNDS + 1] = {
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf",
};

/* A walk over the samples. */
struct walk {
    const ta_metrics *metrics;
    void (*visit)(void *context, const ta_sample *sample);
    void *context;
};

static void say(const struct walk *walk, const ta_metric *metric, const char *suffix,
                const char *labels, const char *value)
{
    ta_sample sample = {.metric = metric, .suffix = suffix, .labels = labels, .value = value};

    walk->visit(walk->context, &sample);
}

static void say_number(const struct walk *walk, const ta_metric *metric, const char *suffix,
                       const char *labels, apr_uint64_t number)
{
    char value[24];

    (void)snprintf(value, sizeof(value), "%" APR_UINT64_T_FMT, number);
    say(walk, metric, suffix, labels, value);
}

static apr_uint64_t read_counter(const ta_counter *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void say_counter(const struct walk *walk, const ta_metric *metric, const char *labels,
                        const ta_counter *counter)
{
    say_number(walk, metric, "_total", labels, read_counter(counter));
}

static void say_histogram(const struct walk *walk, const ta_metric *metric, const char *labels,
                          const ta_histogram *histogram)
{
    char with_bound[LABELS_BYTES + 24], value[32];
    apr_uint64_t count = 0;

    for (int i = 0; i <= TA_METRICS_BOUNDS; i++) {
        count += read_counter(&histogram->buckets[i]);
        (void)snprintf(with_bound, sizeof(with_bound), "%s,le=\"%s\"", labels, bound_names[i]);
        say_number(walk, metric, "_bucket", with_bound, count);
    }
    say_number(walk, metric, "_count", labels, count);
    (void)snprintf(value, sizeof(value), "%.6f",
                   (double)read_counter(&histogram->microseconds) / 1000000.0);
    say(walk, metric, "_sum", labels, value);
}

static apr_uint64_t count_of(const ta_histogram *histogram)
{
    apr_uint64_t count = 0;

    for (int i = 0; i <= TA_METRICS_BOUNDS; i++) {
        count += read_counter(&histogram->buckets[i]);
    }
    return count;
}

/* One family, for one provider. */
typedef void (*provider_part)(const struct walk *walk, const ta_provider_counters *provider);

static void each_provider(const struct walk *walk, provider_part part)
{
    apr_uint32_t count = __atomic_load_n(&walk->metrics->providers_used, __ATOMIC_ACQUIRE);

    for (apr_uint32_t i = 0; i < count; i++) {
        part(walk, &walk->metrics->providers[i]);
    }
}

/* Counters of a provider, one for each value of a second label; zeros are left out. */
static void say_row(const struct walk *walk, const ta_metric *metric,
                    const ta_provider_counters *provider, const char *label,
                    const ta_counter *counters, int length, const char *(*name)(int))
{
    char labels[LABELS_BYTES];

    for (int i = 0; i < length; i++) {
        if (read_counter(&counters[i])) {
            (void)snprintf(labels, sizeof(labels), "provider=\"%s\",%s=\"%s\"", provider->id, label,
                           name(i));
            say_counter(walk, metric, labels, &counters[i]);
        }
    }
}

static const char *reason_name(int reason)
{
    return ta_reason_info_get((ta_reason)reason)->code;
}

static const char *by_name(int by)
{
    return ta_event_by_name((ta_ended_by)by);
}

static const char *revalidation_name(int revalidation)
{
    return revalidation_names[revalidation];
}

static int is_nobody(const struct walk *walk, const ta_provider_counters *provider)
{
    return provider == &walk->metrics->providers[0];
}

static void say_logins(const struct walk *walk, const ta_provider_counters *provider)
{
    char labels[LABELS_BYTES];

    if (!is_nobody(walk, provider) || read_counter(&provider->logins)) {
        (void)snprintf(labels, sizeof(labels), "provider=\"%s\",result=\"success\",reason=\"none\"",
                       provider->id);
        say_counter(walk, &logins, labels, &provider->logins);
    }
    say_row(walk, &logins, provider, "result=\"refused\",reason", provider->logins_refused,
            TA_REASON_COUNT, reason_name);
}

static void say_denials(const struct walk *walk, const ta_provider_counters *provider)
{
    say_row(walk, &denials, provider, "reason", provider->denied, TA_REASON_COUNT, reason_name);
}

static void say_logouts(const struct walk *walk, const ta_provider_counters *provider)
{
    say_row(walk, &logouts, provider, "by", provider->logouts, TA_ENDED_BYS, by_name);
}

static void say_ended(const struct walk *walk, const ta_provider_counters *provider)
{
    say_row(walk, &ended, provider, "by", provider->ended, TA_ENDED_BYS, by_name);
}

static void say_revalidations(const struct walk *walk, const ta_provider_counters *provider)
{
    say_row(walk, &revalidations, provider, "result", provider->revalidated, TA_REVALIDATIONS,
            revalidation_name);
}

static void say_calls(const struct walk *walk, const ta_provider_counters *provider)
{
    char labels[LABELS_BYTES];

    for (int i = 0; i < TA_HTTP_PURPOSES; i++) {
        for (int j = 0; j < TA_CALL_RESULTS; j++) {
            if (read_counter(&provider->calls[i][j])) {
                (void)snprintf(labels, sizeof(labels),
                               "provider=\"%s\",endpoint=\"%s\",result=\"%s\"", provider->id,
                               purpose_names[i], result_names[j]);
                say_counter(walk, &calls, labels, &provider->calls[i][j]);
            }
        }
    }
}

static void say_call_durations(const struct walk *walk, const ta_provider_counters *provider)
{
    char labels[LABELS_BYTES];

    for (int i = 0; i < TA_HTTP_PURPOSES; i++) {
        if (count_of(&provider->call_durations[i])) {
            (void)snprintf(labels, sizeof(labels), "provider=\"%s\",endpoint=\"%s\"", provider->id,
                           purpose_names[i]);
            say_histogram(walk, &call_durations, labels, &provider->call_durations[i]);
        }
    }
}

static void say_key_ages(const struct walk *walk, apr_int64_t now)
{
    char labels[LABELS_BYTES];
    apr_uint32_t count = __atomic_load_n(&walk->metrics->providers_used, __ATOMIC_ACQUIRE);

    for (apr_uint32_t i = 0; i < count; i++) {
        const ta_provider_counters *provider = &walk->metrics->providers[i];
        apr_int64_t fetched = __atomic_load_n(&provider->keys_fetched, __ATOMIC_RELAXED);

        if (fetched && !is_nobody(walk, provider)) {
            (void)snprintf(labels, sizeof(labels), "provider=\"%s\"", provider->id);
            say_number(walk, &key_age, "", labels,
                       (apr_uint64_t)(now > fetched ? now - fetched : 0));
        }
    }
}

static void say_store(const struct walk *walk, const ta_samples_state *state)
{
    const ta_store_fill *fill = state->fill;

    if (state->sessions >= 0) {
        say_number(walk, &sessions, "", "", (apr_uint64_t)state->sessions);
    }
    if (fill) {
        say_number(walk, &records, "", "", fill->records);
        say_number(walk, &used, "", "", fill->used_bytes);
        say_number(walk, &capacity, "", "", fill->capacity_bytes);
        say_number(walk, &evictions, "_total", "", fill->evicted);
        say_number(walk, &expirations, "_total", "", fill->expired);
    }
}

static void say_store_operations(const struct walk *walk)
{
    const ta_metrics *metrics = walk->metrics;
    char labels[LABELS_BYTES];

    for (int i = 0; i < TA_STORE_OPERATIONS; i++) {
        (void)snprintf(labels, sizeof(labels), "operation=\"%s\"", operation_names[i]);
        say_counter(walk, &store_errors, labels, &metrics->store_errors[i]);
    }
    for (int i = 0; i < TA_STORE_OPERATIONS; i++) {
        if (count_of(&metrics->store_durations[i])) {
            (void)snprintf(labels, sizeof(labels), "operation=\"%s\"", operation_names[i]);
            say_histogram(walk, &store_durations, labels, &metrics->store_durations[i]);
        }
    }
    say_counter(walk, &slow_loads, "", &metrics->slow_loads);
}

static void say_refusals(const struct walk *walk)
{
    char labels[LABELS_BYTES];

    for (int i = 0; i < TA_REASON_COUNT; i++) {
        if (read_counter(&walk->metrics->refusals[i])) {
            (void)snprintf(labels, sizeof(labels), "reason=\"%s\"", reason_name(i));
            say_counter(walk, &refusals, labels, &walk->metrics->refusals[i]);
        }
    }
}

void ta_samples_each(const ta_metrics *metrics, const ta_samples_state *state,
                     void (*visit)(void *context, const ta_sample *sample), void *context)
{
    const struct walk walk = {.metrics = metrics, .visit = visit, .context = context};

    each_provider(&walk, say_logins);
    each_provider(&walk, say_denials);
    say_refusals(&walk);
    each_provider(&walk, say_logouts);
    each_provider(&walk, say_ended);
    each_provider(&walk, say_revalidations);
    each_provider(&walk, say_calls);
    each_provider(&walk, say_call_durations);
    say_key_ages(&walk, state->now);
    say_store(&walk, state);
    say_store_operations(&walk);
    say_counter(&walk, &audit_lost, "", &metrics->audit_lost);
}

struct writing {
    ta_text *out;
    int open;
    const ta_metric *last; /* whose head was written */
};

static void write_head(struct writing *writing, const ta_metric *metric)
{
    const char *suffix = !writing->open && strcmp(metric->type, "counter") == 0 ? "_total" : "";

    ta_text_append_format(writing->out, "# TYPE %s%s %s\n", metric->name, suffix, metric->type);
    if (writing->open && metric->unit) {
        ta_text_append_format(writing->out, "# UNIT %s %s\n", metric->name, metric->unit);
    }
    ta_text_append_format(writing->out, "# HELP %s%s %s\n", metric->name, suffix, metric->help);
}

static void write_sample(void *context, const ta_sample *sample)
{
    struct writing *writing = context;

    if (sample->metric != writing->last) {
        write_head(writing, sample->metric);
        writing->last = sample->metric;
    }
    ta_text_append_format(writing->out, "%s%s%s%s%s %s\n", sample->metric->name, sample->suffix,
                          *sample->labels ? "{" : "", sample->labels, *sample->labels ? "}" : "",
                          sample->value);
}

void ta_samples_write(const ta_metrics *metrics, const ta_samples_state *state, int open,
                      ta_text *out)
{
    struct writing writing = {.out = out, .open = open};

    ta_samples_each(metrics, state, write_sample, &writing);
    if (open) {
        ta_text_append(out, "# EOF\n");
    }
}
