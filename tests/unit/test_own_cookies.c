/*
 * Our cookies: names that keep sites apart, attempts that stay few and short, and the count of
 * rounds that ends a circle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/own_cookies.h"
#include "util/cookie.h"
#include "world.h"

#define HEADER_BYTES 8192
#define DIRECT       WORLD_APP "/tinyauth/login?provider=" WORLD_ID

static ta_env *env_at(world *w, const char *origin)
{
    browser *b = browser_make(w);

    if (!world_find_site(w, origin)) {
        world_add_site(w, origin, NULL);
    }
    (void)browser_get(b, apr_pstrcat(w->pool, origin, "/", NULL));
    return b->env;
}

static void test_names_keep_schemes_and_ports_apart(void **state)
{
    static const struct {
        const char *origin;
        const char *name;
    } cases[] = {
        {"https://app.example.com", "__Host-tinyauth"},
        {"https://app.example.com:8443", "__Host-tinyauth-8443"},
        {"http://app.example.com", "tinyauth"},
        {"http://app.example.com:8080", "tinyauth-8080"},
        {"https://[::1]", "__Host-tinyauth"},
        {"https://[::1]:8443", "__Host-tinyauth-8443"},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_env *env = env_at(w, cases[i].origin);

        assert_string_equal(ta_own_cookies_session_name(env), cases[i].name);
        assert_string_equal(ta_own_cookies_audience(env), cases[i].origin);
        assert_null(ta_own_cookies_domain(env));
    }
}

static void test_a_cookie_domain_covers_itself_and_what_is_below(void **state)
{
    static const struct {
        const char *origin;
        int is_covered;
    } cases[] = {
        {"https://example.com", 1},
        {"https://app.example.com", 1},
        {"https://a.b.example.com:8443", 1},
        {"https://evil-example.com", 0},
        {"https://example.com.evil.net", 0},
        {"https://com", 0},
        {"https://ample.com", 0},
        {"https://xample.com", 0},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_env *env = env_at(w, cases[i].origin);

        world_find_site(w, cases[i].origin)->site.cookie_domain = "example.com";
        assert_int_equal(ta_own_cookies_domain(env) != NULL, cases[i].is_covered);
        if (cases[i].is_covered) {
            assert_string_equal(ta_own_cookies_session_name(env), "__Secure-tinyauth-domain");
            assert_string_equal(ta_own_cookies_audience(env), "https://.example.com");
        }
    }
}

static void test_the_session_cookie_dies_with_the_browser(void **state)
{
    browser *b = browser_make(*state);

    assert_passed(browser_log_in(b, WORLD_APP "/"), "alice");
    assert_int_equal(browser_cookie(b, "__Host-tinyauth")->expires, 0);
}

static void test_over_plain_http_there_is_no_prefix_and_no_secure(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_add_site(w, "http://localhost:8080", NULL);
    assert_passed(browser_log_in(b, "http://localhost:8080/page"), "alice");
    assert_string_equal(browser_cookie(b, "tinyauth-8080")->name, "tinyauth-8080");
    assert_int_equal(browser_cookie(b, "tinyauth-8080")->is_secure, 0);
}

static void test_two_tabs_log_in_one_beside_the_other(void **state)
{
    browser *b = browser_make(*state);
    const char *first = browser_start(b, WORLD_APP "/first");
    const char *second = browser_start(b, WORLD_APP "/second");

    assert_int_equal(browser_cookies(b, "-login-"), 2);
    assert_leads_to(browser_get(b, first), 303, "/first");
    assert_leads_to(browser_get(b, second), 303, "/second");
    assert_int_equal(browser_cookies(b, "-login-"), 0);
}

static void test_twenty_tabs_at_once_all_log_in_within_8_kb_of_cookies(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callbacks[20];

    for (int i = 0; i < (int)COUNT(callbacks); i++) {
        callbacks[i] = browser_start(b, apr_psprintf(w->pool, WORLD_APP "/tab/%d?view=list", i));
        w->now++;
    }
    for (int i = 0; i < (int)COUNT(callbacks); i++) {
        assert_leads_to(browser_get(b, callbacks[i]), 303,
                        apr_psprintf(w->pool, "/tab/%d?view=list", i));
    }
    assert_true(b->cookie_bytes > 20 * 100 && b->cookie_bytes < HEADER_BYTES);
    assert_int_equal(world_records(w), 1);
}

/* Nobody opens so many tabs; but a page that reloads itself without end does. */
static void test_attempts_without_end_keep_the_header_short(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    for (int i = 0; i < 100; i++) {
        assert_int_equal(browser_get(b, DIRECT "&return=/page")->status, 302);
        w->now++;
    }
    assert_true(browser_cookies(b, "-login-") <= TA_ATTEMPT_COUNT);
    assert_true(b->cookie_bytes < HEADER_BYTES);
    assert_leads_to(browser_get(b, browser_start(b, WORLD_APP "/last")), 303, "/last");
}

static void test_long_ways_back_push_out_the_oldest_attempts(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *first, *last = NULL;
    char path[1400];

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    first = browser_start(b, WORLD_APP "/first");
    for (int i = 0; i < 10; i++) {
        w->now++;
        last = browser_start(b, apr_pstrcat(w->pool, WORLD_APP, path, NULL));
    }
    assert_true(b->cookie_bytes < HEADER_BYTES);
    assert_refused(b, browser_get(b, first), TA_REASON_ATTEMPT_MISSING);
    assert_leads_to(browser_get(b, last), 303, path);
}

static void test_cookies_of_attempts_that_cannot_be_opened_are_deleted(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    jar_cookie *cookie;

    (void)browser_start(b, WORLD_APP "/old");
    cookie = browser_cookie(b, "-login-");
    cookie->expires = 0;
    w->now += TA_ATTEMPT_SECONDS + 1;
    (void)browser_start(b, WORLD_APP "/new");
    assert_int_equal(browser_cookies(b, "-login-"), 1);
    assert_string_not_equal(browser_cookie(b, "-login-")->name, cookie->name);
}

/* A name that is not like ours is not given back in a Set-Cookie: it may hold anything. */
static void test_cookies_with_odd_names_are_left_alone(void **state)
{
    static const char *const tags[] = {"a\377\377\377\377\377\377\rA", "\n2345678", "123\t4567"};
    world *w = *state;

    for (size_t i = 0; i < COUNT(tags); i++) {
        browser *b = browser_make(w);
        ta_reply *reply;

        b->extra_cookies = apr_pstrcat(w->pool, "__Host-tinyauth-login-", tags[i], "=x", NULL);
        reply = browser_get(b, DIRECT "&return=/page");
        assert_int_equal(reply->status, 302);
        for (int j = 0; j < reply->cookies->nelts; j++) {
            assert_null(strstr(APR_ARRAY_IDX(reply->cookies, j, const char *), "Max-Age=0"));
        }
    }
}

/* What was sealed for one use is good for no other, under whatever name it is sent. */
static void test_sealed_values_do_not_move_between_purposes(void **state)
{
    world *w = *state;
    browser *b = browser_make(w), *forger = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    const jar_cookie attempt = *browser_cookie(b, "-login-");
    jar_cookie forged = attempt;
    ta_attempt opened;

    assert_passed(browser_walk(b, browser_get(b, callback)), "alice");
    /* the count of rounds as an attempt */
    forged.value = browser_cookie(b, "-rounds")->value;
    APR_ARRAY_PUSH(forger->jar, jar_cookie) = forged;
    assert_refused(forger, browser_get(forger, callback), TA_REASON_ATTEMPT_MISSING);
    /* an attempt, and the count of rounds, as a session */
    forger->jar->nelts = 0;
    forger->extra_cookies = apr_pstrcat(w->pool, "__Host-tinyauth=", attempt.value,
                                        "; __Host-tinyauth=", forged.value, NULL);
    assert_int_equal(browser_get(forger, WORLD_APP "/page")->status, 302);
    /* an attempt as the count of rounds */
    forger->extra_cookies = apr_pstrcat(w->pool, "__Host-tinyauth-rounds=", attempt.value, NULL);
    (void)browser_get(forger, WORLD_APP "/page");
    assert_false(ta_own_cookies_is_looping(forger->env, "/page"));
    /* and another site's key opens nothing */
    w->app->site.key.bytes[0] ^= 1;
    assert_int_equal(
        ta_attempt_open(w->pool, &w->app->site.key, WORLD_APP, attempt.value, w->now, &opened),
        APR_EINVAL);
}

static void test_rounds_are_counted_for_one_address_and_half_a_minute(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    for (int i = 0; i < 5; i++) {
        assert_false(ta_own_cookies_is_looping(b->env, "/page"));
        assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login?return=/page"), 302, "/page");
    }
    (void)browser_get(b, WORLD_APP "/page");
    assert_true(ta_own_cookies_is_looping(b->env, "/page"));
    assert_false(ta_own_cookies_is_looping(b->env, "/other"));
    browser_cookie(b, "-rounds")->expires = 0;
    w->now += 30;
    (void)browser_get(b, WORLD_APP "/page");
    assert_true(ta_own_cookies_is_looping(b->env, "/page"));
    w->now += 1;
    (void)browser_get(b, WORLD_APP "/page");
    assert_false(ta_own_cookies_is_looping(b->env, "/page"));
}

static void test_a_person_who_goes_about_is_no_loop(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    for (int i = 0; i < 40; i++) {
        w->now += 6;
        assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login?return=/page"), 302, "/page");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_keep_schemes_and_ports_apart),
        TEST(test_a_cookie_domain_covers_itself_and_what_is_below),
        TEST(test_the_session_cookie_dies_with_the_browser),
        TEST(test_over_plain_http_there_is_no_prefix_and_no_secure),
        TEST(test_two_tabs_log_in_one_beside_the_other),
        TEST(test_twenty_tabs_at_once_all_log_in_within_8_kb_of_cookies),
        TEST(test_attempts_without_end_keep_the_header_short),
        TEST(test_long_ways_back_push_out_the_oldest_attempts),
        TEST(test_cookies_of_attempts_that_cannot_be_opened_are_deleted),
        TEST(test_cookies_with_odd_names_are_left_alone),
        TEST(test_sealed_values_do_not_move_between_purposes),
        TEST(test_rounds_are_counted_for_one_address_and_half_a_minute),
        TEST(test_a_person_who_goes_about_is_no_loop),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
