/*
 * The text of the metrics: what OpenMetrics 1.0 and the older format of Prometheus demand of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/samples.h"
#include "world.h"

static const char *text_of(world *w, const ta_store_fill *fill, int open)
{
    ta_metrics *metrics = apr_palloc(w->pool, ta_metrics_size());
    ta_samples_state state = {.now = WORLD_NOW, .sessions = 5, .fill = fill};
    ta_http_request request = {.provider = WORLD_ID, .purpose = TA_HTTP_TOKEN};
    const char *result;
    ta_text out;

    ta_metrics_start(metrics);
    ta_metrics_add_provider(metrics, WORLD_ID);
    ta_metrics_count_call(metrics, &request, 200, 1000);
    ta_metrics_count_store(metrics, TA_STORE_SAVE, 1000);
    ta_metrics_count_store_error(metrics, TA_STORE_LOAD);
    ta_metrics_count_slow_load(metrics);
    ta_metrics_count_refusal(metrics, TA_REASON_METHOD);
    ta_text_init(&out, w->pool, 1000000);
    ta_samples_write(metrics, &state, open, &out);
    assert_int_equal(ta_text_finish(&out, &result), APR_SUCCESS);
    return result;
}

static void test_open_metrics_has_type_unit_help_and_an_end(void **state)
{
    const char *text = text_of(*state, NULL, 1);

    assert_holds(text, "# TYPE tinyauth_logins counter\n# HELP tinyauth_logins Logins");
    assert_holds(text, "# TYPE tinyauth_provider_request_duration_seconds histogram\n"
                       "# UNIT tinyauth_provider_request_duration_seconds seconds\n"
                       "# HELP tinyauth_provider_request_duration_seconds ");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    assert_holds(text, "tinyauth_sessions 5\n");
    assert_holds(text, "tinyauth_refusals_total{reason=\"method\"} 1\n");
    assert_holds(text, "tinyauth_store_errors_total{operation=\"load\"} 1\n");
    assert_holds(text, "tinyauth_store_errors_total{operation=\"save\"} 0\n");
    assert_holds(text, "tinyauth_store_slow_loads_total 1\n");
}

static void test_the_older_format_names_a_counter_as_its_samples(void **state)
{
    const char *text = text_of(*state, NULL, 0);

    assert_holds(text, "# TYPE tinyauth_logins_total counter\n# HELP tinyauth_logins_total ");
    assert_lacks(text, "# UNIT");
    assert_lacks(text, "# EOF");
}

/* OpenMetrics 1.0: the samples of a family stand together, and its head comes once. */
static void test_no_family_comes_twice(void **state)
{
    world *w = *state;
    char *text = apr_pstrdup(w->pool, text_of(w, NULL, 1));
    apr_hash_t *seen = apr_hash_make(w->pool);
    char *at;

    for (char *line = apr_strtok(text, "\n", &at); line; line = apr_strtok(NULL, "\n", &at)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_null(apr_hash_get(seen, line, APR_HASH_KEY_STRING));
            apr_hash_set(seen, line, APR_HASH_KEY_STRING, line);
        }
    }
    assert_true(apr_hash_count(seen) >= 8);
}

static void test_how_full_the_store_is_stands_there_where_it_is_known(void **state)
{
    static const ta_store_fill fill = {
        .records = 11, .capacity_bytes = 22, .used_bytes = 33, .evicted = 44, .expired = 55};
    const char *text = text_of(*state, &fill, 1);

    assert_holds(text, "tinyauth_store_records 11\n");
    assert_holds(text, "tinyauth_store_capacity_bytes 22\n");
    assert_holds(text, "tinyauth_store_used_bytes 33\n");
    assert_holds(text, "tinyauth_store_evictions_total 44\n");
    assert_holds(text, "tinyauth_store_expirations_total 55\n");
    assert_lacks(text_of(*state, NULL, 1), "tinyauth_store_records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open_metrics_has_type_unit_help_and_an_end),
        TEST(test_the_older_format_names_a_counter_as_its_samples),
        TEST(test_no_family_comes_twice),
        TEST(test_how_full_the_store_is_stands_there_where_it_is_known),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
