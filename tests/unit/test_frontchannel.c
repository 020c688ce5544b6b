/*
 * Front-channel logout: a frame in the provider's page, mostly without our cookies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "backchannel.h"
#include "flow/frontchannel.h"

#define URL WORLD_APP "/tinyauth/frontchannel-logout/" WORLD_ID
#define ISS "iss=https%3A%2F%2Fid.example.com"

static ta_reply *load(browser *b, const char *url, const char *dest)
{
    visit v = {.url = url, .fetch_mode = dest ? "navigate" : NULL, .fetch_dest = dest};

    return browser_send(b, &v);
}

/* A frame on another site: the browser sends no cookie. */
static ta_reply *load_without_cookies(world *w, const char *url)
{
    return load(browser_make(w), url, "iframe");
}

static void test_iss_and_sid_end_that_session_without_a_cookie(void **state)
{
    world *w = *state;
    browser *ended = backchannel_log_in(w, "alice", "s&1 ");
    browser *other = backchannel_log_in(w, "alice", "s&2");
    ta_reply *reply = load_without_cookies(w, URL "?" ISS "&sid=s%261+");

    assert_int_equal(reply->status, 200);
    assert_string_equal(reply->policy, "default-src 'none'; frame-ancestors 'self' " WORLD_ISSUER
                                       " " WORLD_ISSUER);
    assert_false(backchannel_is_logged_in(ended));
    assert_true(backchannel_is_logged_in(other));
    assert_true(world_has_logged(w, "TA0503"));
    /* and once more, for a browser that was slow */
    assert_int_equal(load_without_cookies(w, URL "?" ISS "&sid=s%261+")->status, 200);
}

/* The provider decides whose session ends, not who happens to sit before the screen. */
static void test_a_sid_ends_its_own_session_whatever_cookie_comes_along(void **state)
{
    world *w = *state;
    browser *alice = backchannel_log_in(w, "alice", "sid-1");
    browser *bob = backchannel_log_in(w, "bob", "sid-2");

    assert_int_equal(load(bob, URL "?" ISS "&sid=sid-1", "iframe")->status, 200);
    assert_false(backchannel_is_logged_in(alice));
    assert_true(backchannel_is_logged_in(bob));
    assert_int_equal(load(bob, URL "?" ISS "&sid=sid-2", "iframe")->status, 200);
    assert_false(backchannel_is_logged_in(bob));
}

static void test_a_bare_request_ends_what_its_cookie_names_and_nothing_else(void **state)
{
    world *w = *state;
    browser *alice = backchannel_log_in(w, "alice", "sid-1");
    browser *bob = backchannel_log_in(w, "bob", "sid-2");

    assert_int_equal(load_without_cookies(w, URL)->status, 200);
    assert_true(backchannel_is_logged_in(alice));
    assert_true(backchannel_is_logged_in(bob));
    assert_int_equal(load(alice, URL, "iframe")->status, 200);
    assert_false(backchannel_is_logged_in(alice));
    assert_int_equal(browser_cookies(alice, "__Host-tinyauth"), 0);
    assert_true(backchannel_is_logged_in(bob));
    assert_int_equal(load(bob, URL, "frame")->status, 200);
    assert_false(backchannel_is_logged_in(bob));
    bob = backchannel_log_in(w, "bob", "sid-3");
    assert_int_equal(load(bob, URL, NULL)->status, 200);
    assert_false(backchannel_is_logged_in(bob));
}

/* A link, an image or a script on another site: with the cookie, but not by a frame. */
static void test_a_link_logs_nobody_out(void **state)
{
    static const char *const destinations[] = {"document", "image", "empty", "script", "object"};
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    for (size_t i = 0; i < COUNT(destinations); i++) {
        assert_int_equal(load(b, URL, destinations[i])->status, 200);
        assert_true(backchannel_is_logged_in(b));
    }
}

static void test_another_providers_frame_ends_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    world_add_provider(w, "second", "https://second.example.com");
    assert_int_equal(load(b, WORLD_APP "/tinyauth/frontchannel-logout/second", "iframe")->status,
                     200);
    assert_int_equal(load(b,
                          WORLD_APP "/tinyauth/frontchannel-logout/second"
                                    "?iss=https%3A%2F%2Fsecond.example.com&sid=sid-1",
                          "iframe")
                         ->status,
                     200);
    assert_true(backchannel_is_logged_in(b));
}

static void test_what_is_not_the_providers_is_refused(void **state)
{
    static const char *const queries[] = {
        "?iss=https%3A%2F%2Fevil.example.com&sid=sid-1",
        "?iss=https%3A%2F%2Fid.example.com%2F&sid=sid-1",
        "?" ISS,
        "?sid=sid-1",
        "?" ISS "&sid=",
        "?" ISS "&sid=sid-1&sid=sid-2",
        "?" ISS "&" ISS "&sid=sid-1",
        "?" ISS "&sid=%ff",
    };
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    for (size_t i = 0; i < COUNT(queries); i++) {
        ta_reply *reply = load(b, apr_pstrcat(w->pool, URL, queries[i], NULL), "iframe");

        assert_refused(b, reply, TA_REASON_REQUEST_MALFORMED);
        assert_true(backchannel_is_logged_in(b));
    }
    assert_true(world_has_logged(w, "TA0502"));
}

static void test_a_provider_without_issuer_has_no_sessions_to_name(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    w->provider->issuer = NULL;
    assert_refused(b, load(b, URL "?" ISS "&sid=sid-1", "iframe"), TA_REASON_REQUEST_MALFORMED);
    assert_string_equal(load(b, URL, "iframe")->policy,
                        "default-src 'none'; frame-ancestors 'self'");
}

static void test_a_store_that_fails_says_so(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    w->store.remove_status = APR_TIMEUP;
    assert_refused(b, load(b, URL "?" ISS "&sid=sid-1", "iframe"), TA_REASON_STORE_UNAVAILABLE);
    assert_refused(b, load(b, URL, "iframe"), TA_REASON_STORE_UNAVAILABLE);
    w->store.remove_status = APR_SUCCESS;
    w->store.load_status = APR_TIMEUP;
    assert_refused(b, load(b, URL, "iframe"), TA_REASON_STORE_UNAVAILABLE);
    w->store.load_status = APR_SUCCESS;
    assert_true(backchannel_is_logged_in(b));
}

static void test_an_id_that_no_provider_has_ends_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    (void)load(b, WORLD_APP "/page", "iframe");
    assert_refused(b, ta_frontchannel_handle(b->env, "nobody"), TA_REASON_PROVIDER_UNKNOWN);
    assert_true(backchannel_is_logged_in(b));
}

static void test_each_way_is_told_once(void **state)
{
    world *w = *state;
    browser *alice = backchannel_log_in(w, "alice", "sid-1");
    browser *bob = backchannel_log_in(w, "bob", "sid-2");
    const ta_event *told;

    (void)load_without_cookies(w, URL "?" ISS "&sid=nobodys");
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 0);
    (void)load_without_cookies(w, URL "?" ISS "&sid=sid-1");
    assert_false(backchannel_is_logged_in(alice));
    (void)load(bob, URL, "iframe");
    (void)load(bob, URL, "iframe");
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 2);
    told = world_last_told(w, TA_EVENT_LOGOUT);
    assert_int_equal(told->by, TA_ENDED_BY_FRONT_CHANNEL);
    assert_string_equal(told->sub, "bob");
    assert_string_equal(told->provider, WORLD_ID);
}

/* Made-up sids, where each costs a look at all records: after some of them a process looks no
 * more in this second, but for a sid that the browser's own session has. */
static void test_searches_for_nothing_are_limited(void **state)
{
    world *w = *state;
    browser *proven = backchannel_log_in(w, "alice", "sid-1");
    browser *other = backchannel_log_in(w, "bob", "sid-2");
    int refused = 0;

    w->now += 1000; /* a second of its own */
    w->port.end_all_searches = 1;
    for (int i = 0; i < 100; i++) {
        const char *url =
            apr_pstrcat(w->pool, URL "?" ISS "&sid=made-up-", apr_itoa(w->pool, i), NULL);
        ta_reply *reply = load_without_cookies(w, url);

        assert_true(reply->status == 200 || reply->reason == TA_REASON_STORE_UNAVAILABLE);
        refused += reply->status == 503;
    }
    assert_int_equal(refused, 95);
    assert_int_equal(load_without_cookies(w, URL "?" ISS "&sid=sid-2")->status, 503);
    assert_true(backchannel_is_logged_in(other));
    assert_int_equal(load(proven, URL "?" ISS "&sid=sid-1", "iframe")->status, 200);
    assert_false(backchannel_is_logged_in(proven));
    w->now++;
    assert_int_equal(load_without_cookies(w, URL "?" ISS "&sid=sid-2")->status, 200);
    assert_false(backchannel_is_logged_in(other));
}

/* Those that find somebody are not among them. */
static void test_searches_that_find_are_not_limited(void **state)
{
    world *w = *state;

    w->port.end_all_searches = 1;
    w->now += 2000;
    for (int i = 0; i < 20; i++) {
        const char *sid = apr_psprintf(w->pool, "sid-%d", i);
        browser *b = backchannel_log_in(w, "alice", sid);

        assert_int_equal(
            load_without_cookies(w, apr_pstrcat(w->pool, URL "?" ISS "&sid=", sid, NULL))->status,
            200);
        assert_false(backchannel_is_logged_in(b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_iss_and_sid_end_that_session_without_a_cookie),
        TEST(test_a_sid_ends_its_own_session_whatever_cookie_comes_along),
        TEST(test_a_bare_request_ends_what_its_cookie_names_and_nothing_else),
        TEST(test_a_link_logs_nobody_out),
        TEST(test_another_providers_frame_ends_nothing),
        TEST(test_what_is_not_the_providers_is_refused),
        TEST(test_a_provider_without_issuer_has_no_sessions_to_name),
        TEST(test_a_store_that_fails_says_so),
        TEST(test_an_id_that_no_provider_has_ends_nothing),
        TEST(test_each_way_is_told_once),
        TEST(test_searches_for_nothing_are_limited),
        TEST(test_searches_that_find_are_not_limited),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
