/*
 * Who passes: only somebody whose session is whole, alive, of this host, of a provider that
 * the site still has and of a user whom the whitelist still allows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "util/base64url.h"
#include "world.h"

#define PAGE WORLD_APP "/page"

static browser *logged_in(world *w)
{
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, PAGE), "alice");
    return b;
}

static void assert_asked(browser *b, const char *url)
{
    ta_reply *reply = browser_get(b, url);

    assert_int_equal(reply->status, 302);
    assert_holds(reply->location, "/tinyauth/login?");
}

static void test_nobody_passes_without_a_session(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_asked(b, PAGE);
    assert_int_equal(b->jar->nelts, 0);
    assert_int_equal(world_records(w) + apr_hash_count(w->store.claims), 0);
}

static void test_a_session_cookie_that_is_none_of_ours_does_not_pass(void **state)
{
    static const char *const values[] = {"",
                                         "x",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "../../../../etc/passwd",
                                         "null",
                                         "*",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                         "%00"};
    world *w = *state;

    (void)logged_in(w);
    for (size_t i = 0; i < COUNT(values); i++) {
        browser *b = browser_make(w);

        b->extra_cookies = apr_pstrcat(w->pool, "__Host-tinyauth=", values[i], NULL);
        assert_asked(b, PAGE);
    }
}

/* The store's key is the SHA-256 of the cookie: a dump of the store lets nobody in. */
static void test_the_key_of_a_record_is_no_cookie(void **state)
{
    world *w = *state;
    browser *b = logged_in(w), *thief = browser_make(w);
    ta_session *session;

    assert_int_equal(ta_access_find_session(b->env, &session), APR_SUCCESS);
    thief->extra_cookies = apr_pstrcat(
        w->pool,
        "__Host-tinyauth=", ta_base64url_encode(w->pool, session->key, sizeof(session->key)), NULL);
    assert_asked(thief, PAGE);
}

static void test_two_cookies_of_one_name_are_both_tried(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    b->extra_cookies = "__Host-tinyauth=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_flood_of_cookies_costs_a_bounded_number_of_looks(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    b->extra_cookies = "__Host-tinyauth=a; __Host-tinyauth=b; __Host-tinyauth=c; "
                       "__Host-tinyauth=d; __Host-tinyauth=e";
    assert_asked(b, PAGE);
}

static void test_the_id_changes_at_login_and_the_old_one_is_dead(void **state)
{
    world *w = *state;
    browser *b = logged_in(w), *thief = browser_make(w);
    jar_cookie before = *browser_cookie(b, "__Host-tinyauth");

    APR_ARRAY_PUSH(thief->jar, jar_cookie) = before;
    assert_passed(browser_get(thief, PAGE), "alice");
    assert_passed(
        browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?prompt=login&return=/page")),
        "alice");
    assert_string_not_equal(browser_cookie(b, "__Host-tinyauth")->value, before.value);
    assert_asked(thief, PAGE);
    assert_int_equal(world_records(w), 1);
}

/* Session fixation: an id that the attacker chose is not taken over by a login. */
static void test_an_id_that_was_planted_before_the_login_is_worth_nothing(void **state)
{
    world *w = *state;
    browser *b = browser_make(w), *attacker = browser_make(w);
    const char *planted = ta_session_id_make(w->pool);

    b->extra_cookies = attacker->extra_cookies =
        apr_pstrcat(w->pool, "__Host-tinyauth=", planted, NULL);
    assert_passed(browser_log_in(b, PAGE), "alice");
    assert_asked(attacker, PAGE);
}

static void test_a_session_ends_when_it_is_idle(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    w->now += 86400 - 1;
    assert_passed(browser_get(b, PAGE), "alice");
    w->now += 86400;
    assert_asked(b, PAGE);
}

static void test_a_session_ends_a_week_after_the_login_whatever_its_use(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    for (int i = 0; i < 14; i++) {
        w->now = WORLD_NOW + i * 43200;
        assert_passed(browser_get(b, PAGE), "alice");
    }
    w->now = WORLD_NOW + 604799;
    assert_passed(browser_get(b, PAGE), "alice");
    w->now++;
    assert_asked(b, PAGE);
}

static void test_limits_hold_when_the_clock_steps(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    w->now -= 300;
    assert_passed(browser_get(b, PAGE), "alice");
    w->now -= 1;
    assert_asked(b, PAGE);
    /* far ahead: whoever was signed in has to log in, and nothing is noted */
    w->now = WORLD_NOW + 10 * 31536000LL;
    assert_asked(b, PAGE);
    w->now = WORLD_NOW + 60;
    assert_passed(browser_get(b, PAGE), "alice");
    w->now = WORLD_NOW + 86400 + 60;
    assert_asked(b, PAGE);
}

static void test_years_after_2038_are_years_like_others(void **state)
{
    static const apr_int64_t years[] = {2147483640, 2147483647, 4294967290, 7258118400};
    world *w = *state;

    for (size_t i = 0; i < COUNT(years); i++) {
        browser *b;

        w->now = years[i];
        b = logged_in(w);
        w->now += 43200;
        assert_passed(browser_get(b, PAGE), "alice");
        w->now += 86400;
        assert_asked(b, PAGE);
    }
}

static void test_the_store_may_forget_a_record_when_its_limits_are_over(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    assert_int_equal(world_only_record(w)->expiry, WORLD_NOW + 86400);
    for (int i = 1; i < 14; i++) {
        w->now = WORLD_NOW + i * 43200;
        assert_passed(browser_get(b, PAGE), "alice");
    }
    assert_int_equal(world_only_record(w)->expiry, WORLD_NOW + 604800);
}

static void test_use_is_noted_once_a_minute_at_most(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    for (int i = 0; i < 59; i++) {
        w->now++;
        assert_passed(browser_get(b, PAGE), "alice");
    }
    assert_int_equal(w->store.replaces, 0);
    w->now++;
    assert_passed(browser_get(b, PAGE), "alice");
    assert_passed(browser_get(b, PAGE), "alice");
    assert_int_equal(w->store.replaces, 1);
    assert_int_equal(w->store.saves, 1);
}

/* Between the look and the note somebody logged out. */
static apr_status_t load_then_end(void *context, apr_pool_t *p, const unsigned char *key,
                                  apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    world *w = context;
    const world_record *found = apr_hash_get(w->store.records, key, TA_STORE_KEY_LEN);

    (void)version;
    if (!found) {
        return APR_NOTFOUND;
    }
    *record = world_foreign_bytes(p, found->bytes);
    *parent = (ta_bytes){NULL, 0};
    apr_hash_set(w->store.records, key, TA_STORE_KEY_LEN, NULL);
    return APR_SUCCESS;
}

static void test_noting_a_use_brings_no_ended_session_back(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    w->now += 120;
    w->port.load = load_then_end;
    (void)browser_get(b, PAGE);
    assert_int_equal(w->store.replaces, 1);
    assert_int_equal(w->store.replaced, 0);
    assert_int_equal(world_records(w), 0);
    assert_asked(b, PAGE);
}

static void test_a_use_that_cannot_be_noted_does_not_shut_anybody_out(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    w->now += 120;
    w->store.replace_status = APR_TIMEUP;
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_store_that_fails_is_503_and_never_a_pass_or_a_login(void **state)
{
    static const apr_status_t failures[] = {APR_EGENERAL, APR_TIMEUP, APR_ENOSPC,      APR_EINVAL,
                                            APR_ENOENT,   APR_EOF,    APR_ECONNREFUSED};
    world *w = *state;
    browser *b = logged_in(w);
    visit v = {.url = PAGE, .accept = "application/json"};

    for (size_t i = 0; i < COUNT(failures); i++) {
        w->store.load_status = failures[i];
        assert_refused(b, browser_get(b, PAGE), TA_REASON_STORE_UNAVAILABLE);
        assert_refused(b, browser_send(b, &v), TA_REASON_STORE_UNAVAILABLE);
        assert_refused(b, browser_get(b, WORLD_APP "/tinyauth/login"), TA_REASON_STORE_UNAVAILABLE);
        assert_refused(b, browser_get(b, WORLD_APP "/tinyauth/logout"),
                       TA_REASON_STORE_UNAVAILABLE);
    }
    assert_true(world_has_logged(w, "TA0012"));
    w->store.load_status = APR_SUCCESS;
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_full_store_makes_no_session_and_says_so(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->store.save_status = APR_ENOSPC;
    assert_refused(b, browser_get(b, browser_start(b, PAGE)), TA_REASON_STORE_UNAVAILABLE);
    assert_int_equal(browser_cookies(b, "tinyauth"), 0);
    w->store.save_status = APR_SUCCESS;
    w->store.claim_status = APR_ENOSPC;
    assert_refused(b, browser_get(b, browser_start(b, PAGE)), TA_REASON_STORE_UNAVAILABLE);
    assert_int_equal(w->op->tokens, 1);
}

/* Every byte, changed in several ways: nobody is somebody else, nobody keeps what was taken
 * from them, and nothing is read beyond the record. */
static void test_a_record_damaged_in_any_byte_is_nobodys(void **state)
{
    static const unsigned char changes[] = {0x01, 0x20, 0x80, 0xff};
    world *w = *state;
    browser *b = logged_in(w);
    world_record *record = world_only_record(w);
    ta_bytes whole = record->bytes;
    ta_session *session;

    for (apr_size_t i = 0; i < whole.len * COUNT(changes); i++) {
        unsigned char *damaged = apr_pmemdup(w->pool, whole.data, whole.len);

        damaged[i / COUNT(changes)] ^= changes[i % COUNT(changes)];
        record->bytes.data = damaged;
        assert_int_equal(ta_access_find_session(b->env, &session), APR_NOTFOUND);
    }
    record->bytes = whole;
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_record_cut_or_grown_is_nobodys(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);
    world_record *record = world_only_record(w);
    ta_bytes whole = record->bytes;
    ta_session *session;
    unsigned char *grown;

    for (apr_size_t len = 0; len < whole.len; len++) {
        record->bytes.len = len;
        assert_int_equal(ta_access_find_session(b->env, &session), APR_NOTFOUND);
    }
    grown = apr_pcalloc(w->pool, whole.len + 8);
    memcpy(grown, whole.data, whole.len);
    record->bytes.data = grown;
    for (apr_size_t more = 1; more <= 8; more++) {
        record->bytes.len = whole.len + more;
        assert_int_equal(ta_access_find_session(b->env, &session), APR_NOTFOUND);
    }
}

static void test_a_session_of_another_host_does_not_pass(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);
    jar_cookie cookie = *browser_cookie(b, "__Host-tinyauth");

    world_add_site(w, "https://second.example.com", NULL);
    cookie.host = "second.example.com";
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
    assert_asked(b, "https://second.example.com/page");
    assert_passed(browser_get(b, PAGE), "alice");
    assert_false(ta_access_is_over(b->env));
    w->now += 1000000;
    (void)browser_get(b, "https://second.example.com/page");
    assert_false(ta_access_is_over(b->env));
    (void)browser_get(b, PAGE);
    assert_true(ta_access_is_over(b->env));
    cookie.value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; /* nobody's */
    b->jar->nelts = 0;
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
    (void)browser_get(b, "https://second.example.com/page");
    assert_false(ta_access_is_over(b->env));
}

/* Cookies know no ports: browsers send both sites' cookies to both. */
static void test_two_ports_of_one_host_do_not_share_a_login_by_accident(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);
    jar_cookie *cookie = browser_cookie(b, "__Host-tinyauth");

    world_add_site(w, WORLD_APP ":8443", NULL);
    assert_asked(b, WORLD_APP ":8443/page");
    /* not even under the other's name */
    b->extra_cookies = apr_pstrcat(w->pool, "__Host-tinyauth-8443=", cookie->value, NULL);
    assert_asked(b, WORLD_APP ":8443/page");
    assert_passed(browser_log_in(b, WORLD_APP ":8443/page"), "alice");
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_session_of_a_provider_that_is_gone_or_changed_does_not_pass(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);
    ta_provider changed = *w->provider;

    changed.client_id = "another-client";
    assert_int_equal(ta_provider_finish(w->pool, &changed), APR_SUCCESS);
    w->app->site.providers = apr_array_make(w->pool, 1, sizeof(ta_provider *));
    assert_asked(b, PAGE);
    APR_ARRAY_PUSH(w->app->site.providers, ta_provider *) = &changed;
    assert_asked(b, PAGE);
    w->app->site.providers = w->providers;
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_a_scope_that_wants_another_provider_asks_for_a_login(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_add_provider(w, "other", "https://other.example.net");
    assert_passed(browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?provider=" WORLD_ID
                                                           "&return=/page")),
                  "alice");
    w->app->scope.providers = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(w->app->scope.providers, const char *) = "other";
    assert_passed(browser_log_in(b, PAGE), "alice");
    assert_int_equal(world_find_op(w, "https://other.example.net/")->tokens, 1);
}

static void test_the_whitelist_of_now_counts_for_sessions_of_before(void **state)
{
    world *w = *state;
    browser *b = logged_in(w);

    world_set_whitelist(w, w->app, "bob@example.com");
    assert_asked(b, PAGE);
    world_set_whitelist(w, w->app, "bob@example.com, alice@example.com");
    assert_passed(browser_get(b, PAGE), "alice");
}

static void test_who_is_not_on_the_whitelist_gets_no_session(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_set_whitelist(w, w->app, "bob@example.com");
    assert_refused(b, browser_get(b, browser_start(b, PAGE)), TA_REASON_NOT_WHITELISTED);
    world_set_whitelist(w, w->app, "alice@example.com");
    w->op->user = "'preferred_username':'alice','email':'alice@example.com'";
    assert_refused(b, browser_get(b, browser_start(b, PAGE)), TA_REASON_EMAIL_UNVERIFIED);
    w->op->user = "'preferred_username':'alice'";
    assert_refused(b, browser_get(b, browser_start(b, PAGE)), TA_REASON_NOT_WHITELISTED);
    assert_int_equal(world_records(w), 0);
    w->provider->trust_email = 1;
    w->op->user = "'preferred_username':'alice','email':'alice@example.com'";
    assert_passed(browser_log_in(b, PAGE), "alice");
}

static void test_an_empty_whitelist_lets_nobody_in(void **state)
{
    world *w = *state;
    ta_site *site = &w->app->site;

    assert_true(ta_access_is_whitelisted(site, NULL, 0));
    site->whitelist = ta_filter_make(w->pool, NULL);
    assert_false(ta_access_is_whitelisted(site, "alice@example.com", 1));
    assert_false(ta_access_is_whitelisted(site, NULL, 1));
    assert_false(ta_access_is_whitelisted(site, "", 1));
    world_set_whitelist(w, w->app, "*@example.com");
    assert_true(ta_access_is_whitelisted(site, "x@example.com", 1));
    assert_false(ta_access_is_whitelisted(site, "x@example.com", 0));
    assert_false(ta_access_is_whitelisted(site, "x@evil-example.com", 1));
    assert_false(ta_access_is_whitelisted(site, "x@example.com@evil.net", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_passes_without_a_session),
        TEST(test_a_session_cookie_that_is_none_of_ours_does_not_pass),
        TEST(test_the_key_of_a_record_is_no_cookie),
        TEST(test_two_cookies_of_one_name_are_both_tried),
        TEST(test_a_flood_of_cookies_costs_a_bounded_number_of_looks),
        TEST(test_the_id_changes_at_login_and_the_old_one_is_dead),
        TEST(test_an_id_that_was_planted_before_the_login_is_worth_nothing),
        TEST(test_a_session_ends_when_it_is_idle),
        TEST(test_a_session_ends_a_week_after_the_login_whatever_its_use),
        TEST(test_limits_hold_when_the_clock_steps),
        TEST(test_years_after_2038_are_years_like_others),
        TEST(test_the_store_may_forget_a_record_when_its_limits_are_over),
        TEST(test_use_is_noted_once_a_minute_at_most),
        TEST(test_noting_a_use_brings_no_ended_session_back),
        TEST(test_a_use_that_cannot_be_noted_does_not_shut_anybody_out),
        TEST(test_a_store_that_fails_is_503_and_never_a_pass_or_a_login),
        TEST(test_a_full_store_makes_no_session_and_says_so),
        TEST(test_a_record_damaged_in_any_byte_is_nobodys),
        TEST(test_a_record_cut_or_grown_is_nobodys),
        TEST(test_a_session_of_another_host_does_not_pass),
        TEST(test_two_ports_of_one_host_do_not_share_a_login_by_accident),
        TEST(test_a_session_of_a_provider_that_is_gone_or_changed_does_not_pass),
        TEST(test_a_scope_that_wants_another_provider_asks_for_a_login),
        TEST(test_the_whitelist_of_now_counts_for_sessions_of_before),
        TEST(test_who_is_not_on_the_whitelist_gets_no_session),
        TEST(test_an_empty_whitelist_lets_nobody_in),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
