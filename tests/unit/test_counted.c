/*
 * Counting around the store and around HTTP: what is counted, and that nothing else changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "flow/counted.h"
#include "flow/metrics_block.h"
#include "world.h"

static const unsigned char key[TA_STORE_KEY_LEN] = {1};
static const ta_bytes record = {(const unsigned char *)"record", 6};

static ta_metrics *make(world *w)
{
    ta_metrics *metrics = apr_palloc(w->pool, ta_metrics_size());

    ta_metrics_start(metrics);
    ta_metrics_add_provider(metrics, WORLD_ID);
    return metrics;
}

static apr_uint64_t durations(const ta_histogram *histogram)
{
    apr_uint64_t count = 0;

    for (int i = 0; i <= TA_METRICS_BOUNDS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

static void test_an_ordinary_load_writes_nothing(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store *store = ta_counted_wrap_store(w->pool, &w->port, metrics);
    void *before;
    ta_bytes found;

    assert_int_equal(w->port.save(w, w->pool, key, record, w->now + 60), APR_SUCCESS);
    before = apr_pmemdup(w->pool, metrics, ta_metrics_size());
    assert_int_equal(store->load(store->context, w->pool, key, NULL, &found, NULL), APR_SUCCESS);
    assert_int_equal(found.len, record.len);
    assert_memory_equal(metrics, before, ta_metrics_size());
}

static apr_status_t answer;

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *wanted,
                         apr_uint64_t *version, ta_bytes *found, ta_bytes *parent)
{
    (void)context;
    (void)p;
    (void)wanted;
    *version += 1;
    *found = *parent = (ta_bytes){NULL, 0};
    return answer;
}

static void test_versions_pass_and_unchanged_is_no_failure(void **state)
{
    static const apr_status_t good[] = {APR_SUCCESS, APR_NOTFOUND, TA_STORE_UNCHANGED};
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store inner = w->port, *store;
    apr_uint64_t version = 7;
    ta_bytes found, parent;

    inner.load = load;
    store = ta_counted_wrap_store(w->pool, &inner, metrics);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        answer = good[i];
        assert_int_equal(store->load(store->context, w->pool, key, &version, &found, &parent),
                         answer);
    }
    assert_int_equal(metrics->store_errors[TA_STORE_LOAD], 0);
    answer = APR_EGENERAL;
    assert_int_equal(store->load(store->context, w->pool, key, &version, &found, &parent),
                     APR_EGENERAL);
    assert_int_equal(metrics->store_errors[TA_STORE_LOAD], 1);
    assert_int_equal(version, 11);
}

static void test_writing_is_timed_and_failures_are_counted(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store *store = ta_counted_wrap_store(w->pool, &w->port, metrics);
    ta_bytes found;

    assert_int_equal(store->save(store->context, w->pool, key, record, w->now + 60), APR_SUCCESS);
    assert_int_equal(store->claim(store->context, w->pool, key, w->now + 60), APR_SUCCESS);
    assert_int_equal(store->claim(store->context, w->pool, key, w->now + 60), APR_EEXIST);
    assert_int_equal(store->check_claim(store->context, w->pool, key), APR_EEXIST);
    assert_int_equal(store->remove(store->context, w->pool, key), APR_SUCCESS);
    assert_int_equal(store->load(store->context, w->pool, key, NULL, &found, NULL), APR_NOTFOUND);
    assert_int_equal(durations(&metrics->store_durations[TA_STORE_SAVE]), 1);
    assert_int_equal(durations(&metrics->store_durations[TA_STORE_CLAIM]), 3);
    assert_int_equal(durations(&metrics->store_durations[TA_STORE_REMOVE]), 1);
    for (int i = 0; i < TA_STORE_OPERATIONS; i++) {
        assert_int_equal(metrics->store_errors[i], 0);
    }
    w->store.load_status = w->store.save_status = APR_EGENERAL;
    assert_int_equal(store->load(store->context, w->pool, key, NULL, &found, NULL), APR_EGENERAL);
    assert_int_equal(store->save(store->context, w->pool, key, record, w->now + 60), APR_EGENERAL);
    assert_int_equal(metrics->store_errors[TA_STORE_LOAD], 1);
    assert_int_equal(metrics->store_errors[TA_STORE_SAVE], 1);
}

static apr_status_t measure(void *context, ta_store_fill *fill)
{
    fill->records = context != NULL;
    return APR_SUCCESS;
}

static void test_a_store_can_do_what_it_could_before(void **state)
{
    world *w = *state;
    ta_store inner = w->port;
    ta_store_fill fill;
    ta_store *store;

    inner.iterate = NULL;
    inner.claims_everywhere = 0;
    inner.end_all_searches = 1;
    store = ta_counted_wrap_store(w->pool, &inner, make(w));
    assert_null(store->iterate);
    assert_null(store->measure);
    assert_false(store->claims_everywhere);
    assert_true(store->end_all_searches);
    inner = w->port;
    inner.measure = measure;
    store = ta_counted_wrap_store(w->pool, &inner, make(w));
    assert_non_null(store->iterate);
    assert_true(store->claims_everywhere);
    assert_int_equal(store->measure(store->context, &fill), APR_SUCCESS);
    assert_int_equal(fill.records, 1);
}

/* A whole login through the counting ports. */
static void test_a_login_asks_the_provider_four_times(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_http inner = w->http;

    w->http = *ta_counted_wrap_http(w->pool, &inner, metrics);
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/"), "alice");
    for (int purpose = TA_HTTP_DISCOVERY; purpose < TA_HTTP_PURPOSES; purpose++) {
        assert_int_equal(metrics->providers[1].calls[purpose][TA_CALL_OK], 1);
        assert_int_equal(durations(&metrics->providers[1].call_durations[purpose]), 1);
    }
    assert_int_equal(metrics->providers[1].calls[TA_HTTP_OTHER][TA_CALL_OK], 0);
    w->op->down = "/";
    world_restart(w);
    browser_log_in(browser_make(w), WORLD_APP "/");
    assert_int_equal(metrics->providers[1].calls[TA_HTTP_DISCOVERY][TA_CALL_UNREACHABLE], 1);
}

static apr_status_t load_slowly(void *context, apr_pool_t *p, const unsigned char *wanted,
                                apr_uint64_t *version, ta_bytes *found, ta_bytes *parent)
{
    (void)context, (void)p, (void)wanted, (void)version, (void)found, (void)parent;
    apr_sleep(6000);
    return APR_SUCCESS;
}

static void test_a_load_that_takes_long_is_counted(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store inner = w->port, *store = ta_counted_wrap_store(w->pool, &inner, metrics);
    ta_bytes found;

    inner.load = load_slowly;
    assert_int_equal(store->load(store->context, w->pool, key, NULL, &found, NULL), APR_SUCCESS);
    assert_int_equal(metrics->slow_loads, 1);
    assert_int_equal(metrics->store_errors[TA_STORE_LOAD], 0);
}

/* Somebody else was faster: the store did what it should. */
static void test_a_replacement_is_counted_and_a_race_is_no_failure(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store *store = ta_counted_wrap_store(w->pool, &w->port, metrics);
    const ta_bytes other = {(const unsigned char *)"another", 7};

    assert_int_equal(w->port.save(w, w->pool, key, record, w->now + 60), APR_SUCCESS);
    assert_int_equal(store->replace(store->context, w->pool, key, record, other, w->now + 60),
                     APR_SUCCESS);
    assert_int_equal(store->replace(store->context, w->pool, key, record, other, w->now + 60),
                     APR_EAGAIN);
    assert_int_equal(metrics->store_errors[TA_STORE_REPLACE], 0);
    w->store.replace_status = APR_EGENERAL;
    assert_int_equal(store->replace(store->context, w->pool, key, other, record, w->now + 60),
                     APR_EGENERAL);
    assert_int_equal(metrics->store_errors[TA_STORE_REPLACE], 1);
    assert_int_equal(durations(&metrics->store_durations[TA_STORE_REPLACE]), 3);
    assert_memory_equal(world_only_record(w)->bytes.data, other.data, other.len);
}

static apr_status_t count_visit(void *context, const unsigned char *visited, ta_bytes bytes)
{
    assert_memory_equal(visited, key, sizeof(key));
    assert_int_equal(bytes.len, record.len);
    ++*(int *)context;
    return APR_SUCCESS;
}

static void test_what_ends_logins_and_lists_them_is_handed_on(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store *store = ta_counted_wrap_store(w->pool, &w->port, metrics);
    const ta_store_ending ending = {.subject = {1}, .before = w->now};
    int count = 0;

    assert_int_equal(w->port.save(w, w->pool, key, record, w->now + 60), APR_SUCCESS);
    assert_int_equal(store->iterate(store->context, w->pool, count_visit, &count), APR_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(store->end_all(store->context, w->pool, &ending, &count), APR_SUCCESS);
    assert_int_equal(count, 0);
    w->store.load_status = w->store.remove_status = APR_TIMEUP;
    assert_int_equal(store->iterate(store->context, w->pool, count_visit, &count), APR_TIMEUP);
    assert_int_equal(store->end_all(store->context, w->pool, &ending, &count), APR_TIMEUP);
    assert_int_equal(metrics->store_errors[TA_STORE_END_ALL], 1);
    assert_int_equal(durations(&metrics->store_durations[TA_STORE_END_ALL]), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_ordinary_load_writes_nothing),
        TEST(test_versions_pass_and_unchanged_is_no_failure),
        TEST(test_writing_is_timed_and_failures_are_counted),
        TEST(test_a_store_can_do_what_it_could_before),
        TEST(test_a_login_asks_the_provider_four_times),
        TEST(test_a_load_that_takes_long_is_counted),
        TEST(test_a_replacement_is_counted_and_a_race_is_no_failure),
        TEST(test_what_ends_logins_and_lists_them_is_handed_on),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
