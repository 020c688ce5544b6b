/*
 * Counting: what each event changes, by many threads at once, and in a block that outlives the
 * configuration and the module that made it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include <apr_thread_proc.h>

#include "flow/metrics_block.h"
#include "flow/samples.h"
#include "world.h"

#define THREADS 4
#define TIMES   3000000

static ta_metrics *make(world *w)
{
    ta_metrics *metrics = apr_palloc(w->pool, ta_metrics_size());

    memset(metrics, 0xee, ta_metrics_size());
    ta_metrics_start(metrics);
    ta_metrics_add_provider(metrics, WORLD_ID);
    return metrics;
}

static void tell(ta_metrics *metrics, ta_event event)
{
    ta_metrics_count_event(metrics, &event, WORLD_NOW);
}

static const char *text_of(world *w, const ta_metrics *metrics, int open)
{
    ta_samples_state state = {.now = WORLD_NOW + 7, .sessions = -1};
    const char *result;
    ta_text out;

    ta_text_init(&out, w->pool, 1000000);
    ta_samples_write(metrics, &state, open, &out);
    assert_int_equal(ta_text_finish(&out, &result), APR_SUCCESS);
    return result;
}

static int started;

static void *APR_THREAD_FUNC count_often(apr_thread_t *thread, void *data)
{
    (void)thread;
    /* all at once */
    __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) < THREADS) {
    }
    for (int i = 0; i < TIMES; i++) {
        tell(data, (ta_event){.kind = TA_EVENT_LOGIN, .provider = WORLD_ID});
    }
    return NULL;
}

static void test_no_count_is_lost_between_threads(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    apr_thread_t *threads[THREADS];
    apr_status_t rv;

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(apr_thread_create(&threads[i], NULL, count_often, metrics, w->pool),
                         APR_SUCCESS);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(apr_thread_join(&rv, threads[i]), APR_SUCCESS);
    }
    assert_holds(text_of(w, metrics, 1),
                 "tinyauth_logins_total{provider=\"pocketid\",result=\"success\",reason=\"none\"} "
                 "12000000\n");
}

static void test_a_provider_keeps_its_place(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);

    tell(metrics, (ta_event){.kind = TA_EVENT_LOGIN, .provider = WORLD_ID});
    ta_metrics_add_provider(metrics, "another");
    ta_metrics_add_provider(metrics, WORLD_ID);
    assert_int_equal(metrics->providers_used, 3);
    tell(metrics, (ta_event){.kind = TA_EVENT_LOGIN, .provider = WORLD_ID});
    assert_int_equal(metrics->providers[1].logins, 2);
    assert_int_equal(metrics->providers[2].logins, 0);
}

static void test_providers_beyond_the_last_share_one_place(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);

    for (int i = 0; i < 2 * TA_METRICS_PROVIDERS; i++) {
        ta_metrics_add_provider(metrics, apr_psprintf(w->pool, "p%d", i));
    }
    assert_int_equal(metrics->providers_used, TA_METRICS_PROVIDERS + 1);
    tell(metrics, (ta_event){.kind = TA_EVENT_LOGIN, .provider = "p127"});
    tell(metrics, (ta_event){.kind = TA_EVENT_LOGIN, .provider = "never heard of"});
    tell(metrics, (ta_event){.kind = TA_EVENT_LOGIN_REFUSED, .reason = TA_REASON_LOGIN_LOOP});
    assert_holds(text_of(w, metrics, 1),
                 "{provider=\"_none\",result=\"success\",reason=\"none\"} 2");
    assert_holds(text_of(w, metrics, 1),
                 "{provider=\"_none\",result=\"refused\",reason=\"login-loop\"} 1");
}

static void test_another_layout_does_not_fit(void **state)
{
    ta_metrics *metrics = make(*state);
    ta_metrics *copy = apr_pmemdup(((world *)*state)->pool, metrics, ta_metrics_size());

    assert_true(ta_metrics_fits(metrics, ta_metrics_size()));
    assert_true(ta_metrics_fits(metrics, ta_metrics_size() + 4096));
    assert_false(ta_metrics_fits(metrics, ta_metrics_size() - 1));
    copy->layout++;
    assert_false(ta_metrics_fits(copy, ta_metrics_size()));
    memset(copy, 0, ta_metrics_size());
    assert_false(ta_metrics_fits(copy, ta_metrics_size()));
}

static void test_every_event_has_its_counter(void **state)
{
    static const struct {
        ta_event event;
        const char *sample;
    } cases[] = {
        {{.kind = TA_EVENT_LOGIN_REFUSED, .reason = TA_REASON_ID_TOKEN_KEY},
         "tinyauth_logins_total{provider=\"pocketid\",result=\"refused\",reason=\"id-token-key\"} "
         "1"},
        {{.kind = TA_EVENT_DENIED, .reason = TA_REASON_NOT_IN_GROUP},
         "tinyauth_denials_total{provider=\"pocketid\",reason=\"not-in-group\"} 1"},
        {{.kind = TA_EVENT_LOGOUT, .by = TA_ENDED_BY_BACK_CHANNEL},
         "tinyauth_logouts_total{provider=\"pocketid\",by=\"back-channel\"} 1"},
        {{.kind = TA_EVENT_SESSION_ENDED, .by = TA_ENDED_BY_ADMINISTRATOR},
         "tinyauth_sessions_ended_total{provider=\"pocketid\",by=\"administrator\"} 1"},
        {{.kind = TA_EVENT_SESSION_ENDED, .by = TA_ENDED_BY_PROVIDER},
         "tinyauth_revalidations_total{provider=\"pocketid\",result=\"ended\"} 1"},
        {{.kind = TA_EVENT_UNCONFIRMED},
         "tinyauth_revalidations_total{provider=\"pocketid\",result=\"unknown\"} 1"},
        {{.kind = TA_EVENT_SENT_AGAIN},
         "tinyauth_revalidations_total{provider=\"pocketid\",result=\"login\"} 1"},
        {{.kind = TA_EVENT_KEYS_FETCHED}, "tinyauth_key_set_age_seconds{provider=\"pocketid\"} 7"},
    };
    world *w = *state;
    ta_metrics *metrics = make(w);

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        ta_event event = cases[i].event;

        assert_lacks(text_of(w, metrics, 1), cases[i].sample);
        event.provider = WORLD_ID;
        tell(metrics, event);
        assert_holds(text_of(w, metrics, 1), cases[i].sample);
    }
}

static void test_a_revalidation_says_whether_groups_changed(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_record before = {.flags = 0}, after = {.flags = 0};
    ta_event event = {.kind = TA_EVENT_CONFIRMED, .provider = WORLD_ID};

    before.slots[TA_RECORD_GROUPS] = world_row(w->pool, "a", 2);
    after.slots[TA_RECORD_GROUPS] = world_row(w->pool, "b", 2);
    event.before = event.after = &before;
    tell(metrics, event);
    event.after = &after;
    tell(metrics, event);
    assert_holds(text_of(w, metrics, 1), "{provider=\"pocketid\",result=\"confirmed\"} 1\n");
    assert_holds(text_of(w, metrics, 1), "{provider=\"pocketid\",result=\"changed\"} 1\n");
}

static void test_what_is_only_told_counts_nowhere(void **state)
{
    static const ta_event_kind kinds[] = {TA_EVENT_CONFIGURED, TA_EVENT_KINDS};
    world *w = *state;
    ta_metrics *metrics = make(w);
    const char *before = text_of(w, metrics, 1);

    for (apr_size_t i = 0; i < COUNT(kinds); i++) {
        tell(metrics, (ta_event){.kind = kinds[i], .provider = WORLD_ID});
        assert_string_equal(text_of(w, metrics, 1), before);
    }
    /* keys of whom nobody described have no age */
    tell(metrics, (ta_event){.kind = TA_EVENT_KEYS_FETCHED});
    assert_string_equal(text_of(w, metrics, 1), before);
}

static void test_calls_are_counted_by_what_came_of_them(void **state)
{
    static const struct {
        int status;
        const char *result;
    } cases[] = {{200, "ok"},    {204, "ok"},    {400, "refused"},   {401, "refused"},
                 {302, "error"}, {500, "error"}, {0, "unreachable"}, {101, "error"}};
    world *w = *state;

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        ta_metrics *metrics = make(w);
        ta_http_request request = {.provider = WORLD_ID, .purpose = TA_HTTP_TOKEN};

        ta_metrics_count_call(metrics, &request, cases[i].status, 1);
        assert_holds(text_of(w, metrics, 1),
                     apr_psprintf(w->pool,
                                  "tinyauth_provider_requests_total{provider=\"pocketid\","
                                  "endpoint=\"token\",result=\"%s\"} 1",
                                  cases[i].result));
    }
}

static void test_a_histogram_adds_up(void **state)
{
    static const apr_interval_time_t durations[] = {5000, 5001, 999999, 20000000};
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_http_request request = {.provider = WORLD_ID, .purpose = TA_HTTP_KEYS};
    const char *text;

    for (apr_size_t i = 0; i < COUNT(durations); i++) {
        ta_metrics_count_call(metrics, &request, 200, durations[i]);
    }
    text = text_of(w, metrics, 1);
    assert_holds(text, "endpoint=\"jwks\",le=\"0.005\"} 1\n");
    assert_holds(text, "endpoint=\"jwks\",le=\"0.01\"} 2\n");
    assert_holds(text, "endpoint=\"jwks\",le=\"0.5\"} 2\n");
    assert_holds(text, "endpoint=\"jwks\",le=\"1.0\"} 3\n");
    assert_holds(text, "endpoint=\"jwks\",le=\"10.0\"} 3\n");
    assert_holds(text, "endpoint=\"jwks\",le=\"+Inf\"} 4\n");
    assert_holds(text, "seconds_count{provider=\"pocketid\",endpoint=\"jwks\"} 4\n");
    assert_holds(text, "seconds_sum{provider=\"pocketid\",endpoint=\"jwks\"} 21.010000\n");
}

static void test_one_process_complains_once_a_minute(void **state)
{
    ta_metrics *metrics = make(*state);

    assert_true(ta_metrics_count_audit_loss(metrics, WORLD_NOW));
    assert_false(ta_metrics_count_audit_loss(metrics, WORLD_NOW));
    assert_false(ta_metrics_count_audit_loss(metrics, WORLD_NOW + 59));
    assert_true(ta_metrics_count_audit_loss(metrics, WORLD_NOW + 60));
    /* a clock that was set back must not silence it for long */
    assert_true(ta_metrics_count_audit_loss(metrics, WORLD_NOW - 1000));
    assert_int_equal(metrics->audit_lost, 5);
}

static void test_logins_that_are_alive_are_counted_every_few_seconds(void **state)
{
    world *w = *state;
    ta_metrics *metrics = make(w);
    ta_store blind = w->port;

    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/"), "alice");
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/"), "alice");
    assert_int_equal(ta_metrics_count_sessions(metrics, &w->port, w->pool, w->now), 2);
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/"), "alice");
    assert_int_equal(ta_metrics_count_sessions(metrics, &w->port, w->pool, w->now), 2);
    assert_int_equal(ta_metrics_count_sessions(metrics, &w->port, w->pool, w->now + 5), 3);
    w->store.load_status = APR_EGENERAL;
    assert_int_equal(ta_metrics_count_sessions(metrics, &w->port, w->pool, w->now + 10), -1);
    blind.iterate = NULL;
    assert_int_equal(ta_metrics_count_sessions(metrics, &blind, w->pool, w->now), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_count_is_lost_between_threads),
        TEST(test_a_provider_keeps_its_place),
        TEST(test_providers_beyond_the_last_share_one_place),
        TEST(test_another_layout_does_not_fit),
        TEST(test_every_event_has_its_counter),
        TEST(test_a_revalidation_says_whether_groups_changed),
        TEST(test_what_is_only_told_counts_nowhere),
        TEST(test_calls_are_counted_by_what_came_of_them),
        TEST(test_a_histogram_adds_up),
        TEST(test_one_process_complains_once_a_minute),
        TEST(test_logins_that_are_alive_are_counted_every_few_seconds),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
