/*
 * What somebody hears who is not signed in: people who go to a page are sent to the login, and
 * everybody else gets a 401 that says where the login is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "util/json.h"
#include "world.h"

#define PAGE WORLD_APP "/page?x=1"

/* What no redirect may be an answer to: each is a request that nobody sees as a page. */
static const visit no_navigations[] = {
    {.url = PAGE, .method = "POST", .body = "a=b"},
    {.url = PAGE, .method = "PUT"},
    {.url = PAGE, .method = "OPTIONS"},
    {.url = PAGE, .accept = "application/json"},
    {.url = PAGE, .accept = "*/*"},
    {.url = PAGE, .accept = ""},
    {.url = PAGE, .requested_with = "XMLHttpRequest"},
    {.url = PAGE, .upgrade = "websocket"},
    {.url = PAGE, .purpose = "prefetch"},
    {.url = PAGE, .purpose = "prefetch;prerender"},
    {.url = PAGE, .fetch_mode = "cors", .fetch_dest = "empty"},
    {.url = PAGE, .fetch_mode = "no-cors", .fetch_dest = "image"},
    {.url = PAGE, .fetch_mode = "navigate", .fetch_dest = "iframe"},
    {.url = PAGE, .fetch_mode = "navigate"},
    {.url = PAGE, .fetch_dest = "document"},
    {.url = PAGE, .fetch_mode = "navigate", .fetch_dest = "document", .purpose = "prefetch"},
};

static const visit navigations[] = {
    {.url = PAGE},
    {.url = PAGE, .method = "HEAD"},
    {.url = PAGE, .fetch_mode = "navigate", .fetch_dest = "document"},
    {.url = PAGE, .fetch_mode = "navigate", .fetch_dest = "document", .accept = "*/*"},
};

static void assert_401(const browser *b, const ta_reply *reply)
{
    assert_refused(b, reply, TA_REASON_LOGIN_REQUIRED);
    assert_int_equal(reply->challenge, 1);
    assert_int_equal(reply->cookies->nelts, 0);
}

static void test_only_navigations_are_sent_to_the_login(void **state)
{
    browser *b = browser_make(*state);

    for (size_t i = 0; i < COUNT(no_navigations); i++) {
        assert_401(b, browser_send(b, &no_navigations[i]));
    }
    for (size_t i = 0; i < COUNT(navigations); i++) {
        assert_leads_to(browser_send(b, &navigations[i]), 302,
                        "/tinyauth/login?return=%2Fpage%3Fx%3D1");
    }
    assert_int_equal(b->jar->nelts, 0);
}

/* With TinyauthAutoRedirect the same requests must not reach the provider, which would log
 * people in behind their backs. */
static void test_only_navigations_start_a_login(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->app->site.auto_redirect = WORLD_ID;
    for (size_t i = 0; i < COUNT(no_navigations); i++) {
        assert_401(b, browser_send(b, &no_navigations[i]));
    }
    assert_int_equal(b->jar->nelts, 0);
    for (size_t i = 0; i < COUNT(navigations); i++) {
        ta_reply *reply = browser_send(b, &navigations[i]);

        assert_int_equal(reply->status, 302);
        assert_holds(reply->location, WORLD_ISSUER "/authorize?");
    }
}

static void test_deny_answers_401_to_everybody(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->app->scope.unauthenticated = TA_UNAUTHENTICATED_DENY;
    for (size_t i = 0; i < COUNT(navigations); i++) {
        assert_401(b, browser_send(b, &navigations[i]));
    }
    for (size_t i = 0; i < COUNT(no_navigations); i++) {
        assert_401(b, browser_send(b, &no_navigations[i]));
    }
}

static void test_login_sends_everybody_to_the_login_page(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->app->scope.unauthenticated = TA_UNAUTHENTICATED_LOGIN;
    for (size_t i = 0; i < COUNT(no_navigations); i++) {
        assert_leads_to(browser_send(b, &no_navigations[i]), 302,
                        "/tinyauth/login?return=%2Fpage%3Fx%3D1");
    }
    /* and no further: the provider hears only of those who go to a page */
    w->app->site.auto_redirect = WORLD_ID;
    for (size_t i = 0; i < COUNT(no_navigations); i++) {
        ta_reply *reply = browser_send(b, &no_navigations[i]);

        assert_leads_to(reply, 302, "/tinyauth/login?return=%2Fpage%3Fx%3D1");
        assert_int_equal(reply->cookies->nelts, 0);
    }
}

static void test_the_401_for_people_links_to_the_login(void **state)
{
    browser *b = browser_make(*state);
    visit v = {.url = PAGE, .method = "POST"};
    ta_reply *reply = browser_send(b, &v);

    assert_string_equal(reply->content_type, "text/html; charset=utf-8");
    assert_non_null(reply->policy);
    /* a form was open too long: what it would have done must not be done by a link */
    assert_string_equal(browser_link(b, reply, "/tinyauth/login"),
                        WORLD_APP "/tinyauth/login?return=%2F");
}

static void test_the_401_for_programs_says_where_the_login_is(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    visit v = {.url = PAGE, .accept = "application/json"};
    ta_reply *reply = browser_send(b, &v);
    ta_bytes body = {(const unsigned char *)reply->body, strlen(reply->body)};
    const ta_json *json;

    assert_string_equal(reply->content_type, "application/problem+json");
    assert_int_equal(ta_json_parse_object(w->pool, body, &json), APR_SUCCESS);
    assert_string_equal(ta_json_string(json, "login"), WORLD_APP "/tinyauth/login?return=%2F");
    assert_string_equal(ta_json_string(json, "reason"), "login-required");
    assert_string_equal(ta_json_string(json, "request_id"), "request-1");
    assert_int_equal(browser_get(b, ta_json_string(json, "login"))->status, 200);
}

static void test_the_scope_says_which_providers_the_login_offers(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    world_add_provider(w, "other", "https://other.example.net");
    world_add_provider(w, "third", "https://third.example.net");
    w->app->scope.providers = apr_array_make(w->pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(w->app->scope.providers, const char *) = "other";
    APR_ARRAY_PUSH(w->app->scope.providers, const char *) = "third";
    reply = browser_get(b, PAGE);
    assert_leads_to(reply, 302, "/tinyauth/login?return=%2Fpage%3Fx%3D1&providers=other%20third");
    reply = browser_follow(b, reply);
    assert_non_null(browser_link(b, reply, "provider=other"));
    assert_non_null(browser_link(b, reply, "provider=third"));
    assert_null(browser_link(b, reply, "provider=" WORLD_ID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_navigations_are_sent_to_the_login),
        TEST(test_only_navigations_start_a_login),
        TEST(test_deny_answers_401_to_everybody),
        TEST(test_login_sends_everybody_to_the_login_page),
        TEST(test_the_401_for_people_links_to_the_login),
        TEST(test_the_401_for_programs_says_where_the_login_is),
        TEST(test_the_scope_says_which_providers_the_login_offers),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
