/*
 * Logging out: what is over after it, and who cannot log somebody else out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/logout.h"
#include "world.h"

#define LOGOUT WORLD_APP "/tinyauth/logout"
#define LOGIN  "https://auth.example.com"
#define SECOND "https://second.example.org"

static browser *logged_in(world *w, const char *url)
{
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, url), "alice");
    return b;
}

/* What the page's form sends. */
static const char *form_of(browser *b, const char *logout)
{
    static const char field[] = "name=\"token\" value=\"";
    ta_reply *reply = browser_get(b, logout);
    const char *at = strstr(reply->body, field);
    const char *token;

    assert_int_equal(reply->status, 200);
    assert_non_null(at);
    at += sizeof(field) - 1;
    token = apr_pstrmemdup(b->world->pool, at, strcspn(at, "\""));
    world_keep_secret(b->world, token);
    return apr_pstrcat(b->world->pool, "token=", token, NULL);
}

static void assert_signed_out(browser *b, const char *url)
{
    ta_reply *reply = browser_get(b, url);

    assert_int_equal(reply->status, 302);
    assert_holds(reply->location, "/tinyauth/login?");
}

static void test_a_logout_ends_the_session_here_and_at_the_provider(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");
    ta_reply *reply = browser_post(b, LOGOUT, form_of(b, LOGOUT));
    const char *url = reply->location;

    assert_int_equal(reply->status, 303);
    assert_holds(url, WORLD_ISSUER "/end-session?");
    assert_string_equal(url_parameter(w->pool, url, "id_token_hint"), w->op->last_id_token);
    assert_string_equal(url_parameter(w->pool, url, "client_id"), w->op->client_id);
    assert_string_equal(url_parameter(w->pool, url, "post_logout_redirect_uri"),
                        WORLD_APP "/tinyauth/signed-out");
    assert_int_equal(strlen(url_parameter(w->pool, url, "state")), 43);
    assert_int_equal(world_records(w), 0);
    assert_int_equal(browser_cookies(b, "tinyauth"), 0);
    assert_signed_out(b, WORLD_APP "/page");
    assert_true(world_has_logged(w, "TA0060: user \"alice\" logged out"));
}

static void test_the_cookie_is_dead_when_it_is_replayed(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page"), *thief = browser_make(w);

    APR_ARRAY_PUSH(thief->jar, jar_cookie) = *browser_cookie(b, "__Host-tinyauth");
    assert_passed(browser_get(thief, WORLD_APP "/page"), "alice");
    (void)browser_post(b, LOGOUT, form_of(b, LOGOUT));
    assert_signed_out(thief, WORLD_APP "/page");
    w->now += 120;
    assert_signed_out(thief, WORLD_APP "/page");
    assert_int_equal(world_records(w), 0);
}

static void test_a_logout_anywhere_ends_the_login_on_all_hosts(void **state)
{
    static const char *const hosts[] = {LOGIN, WORLD_APP, SECOND};
    world *w = *state;

    w->app->site.app_origin = LOGIN;
    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, SECOND, LOGIN);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        const char *logout = apr_pstrcat(w->pool, hosts[i], "/tinyauth/logout", NULL);
        browser *b = logged_in(w, WORLD_APP "/page");
        browser *thief = browser_make(w);
        ta_reply *reply;

        assert_passed(browser_walk(b, browser_get(b, SECOND "/page")), "alice");
        assert_passed(browser_get(b, LOGIN "/page"), "alice");
        thief->jar = apr_array_copy(w->pool, b->jar);
        reply = browser_post(b, logout, form_of(b, logout));
        /* the hint is there whichever host it was */
        assert_string_equal(url_parameter(w->pool, reply->location, "id_token_hint"),
                            w->op->last_id_token);
        for (size_t j = 0; j < COUNT(hosts); j++) {
            const char *page = apr_pstrcat(w->pool, hosts[j], "/page", NULL);

            assert_int_equal(browser_get(b, page)->status, 302);
            assert_int_equal(browser_get(thief, page)->status, 302);
        }
    }
}

/* On the login host's own root there may be nothing. */
static void test_the_page_after_a_logout_leads_back_to_where_it_was_asked_for(void **state)
{
    static const char landing[] = LOGIN "/tinyauth/signed-out";
    world *w = *state;
    const char *sealed, *changed, *logout = SECOND "/tinyauth/logout";
    browser *b;
    char *forged;

    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, SECOND, LOGIN);
    b = logged_in(w, SECOND "/page");
    sealed = url_parameter(w->pool, browser_post(b, logout, form_of(b, logout))->location, "state");
    assert_non_null(
        browser_link(b, browser_get(b, url_with(w->pool, landing, "state", sealed)), SECOND "/"));
    forged = apr_pstrdup(w->pool, sealed);
    forged[0] = forged[0] == 'A' ? 'g' : 'A';
    changed = url_with(w->pool, landing, "state", forged);
    assert_null(browser_link(b, browser_get(b, changed), SECOND));
    assert_string_equal(browser_link(b, browser_get(b, changed), "/"), LOGIN "/");
    /* whoever copies it does not bring it to another host */
    changed = url_with(w->pool, WORLD_APP "/tinyauth/signed-out", "state", sealed);
    assert_null(browser_link(b, browser_get(b, changed), SECOND));
}

static void test_get_only_asks(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");
    visit head = {.url = LOGOUT, .method = "HEAD"};
    ta_reply *reply;

    assert_int_equal(browser_send(b, &head)->status, 200);
    reply = browser_get(b, apr_pstrcat(w->pool, LOGOUT "?", form_of(b, LOGOUT), NULL));
    assert_int_equal(reply->status, 200);
    assert_holds(reply->body, "alice");
    assert_passed(browser_get(b, WORLD_APP "/page"), "alice");
}

/* Browsers hold form-action against the redirect that follows the form, too. */
static void test_the_form_may_lead_to_the_provider_and_nowhere_else(void **state)
{
    browser *b = logged_in(*state, WORLD_APP "/page");
    ta_reply *reply = browser_get(b, LOGOUT);

    assert_holds(reply->policy, "form-action 'self' " WORLD_ISSUER);
    assert_lacks(reply->policy, WORLD_ISSUER "/");
}

/* Another site's form: it has no token, or the attacker's own. */
static void test_another_site_cannot_log_people_out(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page"), *attacker = logged_in(w, WORLD_APP "/page");
    const char *foreign = form_of(attacker, LOGOUT);
    const char *right = form_of(b, LOGOUT);
    const char *const bodies[] = {
        foreign,
        "token=",
        "token=x",
        "",
        "x=y",
        NULL,
        apr_pstrcat(w->pool, "token=", browser_cookie(b, "__Host-tinyauth")->value, NULL),
        apr_pstrcat(w->pool, "token=", browser_cookie(b, "-rounds")->value, NULL),
        apr_pstrcat(w->pool, foreign, "&", right, NULL),
        apr_pstrmemdup(w->pool, right, strlen(right) - 1),
    };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_refused(b, browser_post(b, LOGOUT, bodies[i]), TA_REASON_LOGOUT_TOKEN);
    }
    assert_passed(browser_get(b, WORLD_APP "/page"), "alice");
    assert_true(world_has_logged(w, "TA0061"));
    assert_int_equal(browser_post(b, LOGOUT, right)->status, 303);
}

static void test_the_form_of_the_session_before_is_refused(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");
    const char *old = form_of(b, LOGOUT);

    assert_passed(
        browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?prompt=login&return=/page")),
        "alice");
    assert_refused(b, browser_post(b, LOGOUT, old), TA_REASON_LOGOUT_TOKEN);
}

static void test_the_form_of_another_host_is_refused(void **state)
{
    world *w = *state;
    browser *b;

    w->app->site.app_origin = LOGIN;
    world_add_site(w, LOGIN, LOGIN);
    b = logged_in(w, WORLD_APP "/page");
    assert_refused(b, browser_post(b, LOGOUT, form_of(b, LOGIN "/tinyauth/logout")),
                   TA_REASON_LOGOUT_TOKEN);
}

static void test_a_provider_without_end_session_leads_to_our_own_page(void **state)
{
    world *w = *state;
    browser *b;

    w->op->path = "/.well-known/openid-configuration";
    w->op->body = "{'issuer':'" WORLD_ISSUER "','jwks_uri':'" WORLD_ISSUER "/keys',"
                  "'authorization_endpoint':'" WORLD_ISSUER "/authorize',"
                  "'token_endpoint':'" WORLD_ISSUER "/token',"
                  "'userinfo_endpoint':'" WORLD_ISSUER "/userinfo'}";
    b = logged_in(w, WORLD_APP "/page");
    assert_leads_to(browser_post(b, LOGOUT, form_of(b, LOGOUT)), 303, "/tinyauth/signed-out");
}

static void test_the_session_ends_here_whatever_the_provider_does(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");

    world_restart(w);
    w->op->down = "/";
    assert_leads_to(browser_post(b, LOGOUT, form_of(b, LOGOUT)), 303, "/tinyauth/signed-out");
    assert_int_equal(world_records(w), 0);
}

static unsigned records_when_asked;

/* The provider's discovery: how many sessions are there while it is asked? */
static apr_status_t count_records(void *context, apr_pool_t *p, const ta_http_request *request,
                                  ta_http_response **response, ta_fault *fault)
{
    world *w = context;

    records_when_asked = world_records(w);
    return world_http(w).send(context, p, request, response, fault);
}

/* However long a provider takes to answer: meanwhile the session is over. */
static void test_the_session_ends_before_the_provider_is_asked(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");
    const char *form = form_of(b, LOGOUT);

    world_restart(w);
    records_when_asked = 99;
    w->http.send = count_records;
    assert_holds(browser_post(b, LOGOUT, form)->location, WORLD_ISSUER "/end-session?");
    assert_int_equal(records_when_asked, 0);
}

/* Said to be logged out and not be it would be worse than to hear that it failed. */
static void test_a_store_that_fails_says_that_nobody_was_logged_out(void **state)
{
    world *w = *state;
    browser *b = logged_in(w, WORLD_APP "/page");
    const char *form = form_of(b, LOGOUT);
    ta_reply *reply;

    w->store.remove_status = APR_TIMEUP;
    reply = browser_post(b, LOGOUT, form);
    assert_refused(b, reply, TA_REASON_STORE_UNAVAILABLE);
    assert_int_equal(reply->cookies->nelts, 0);
    w->store.remove_status = APR_SUCCESS;
    assert_int_equal(browser_post(b, LOGOUT, form)->status, 303);
}

static void test_who_is_not_signed_in_is_signed_out_already(void **state)
{
    browser *b = browser_make(*state);

    assert_leads_to(browser_get(b, LOGOUT), 303, "/tinyauth/signed-out");
    assert_leads_to(browser_post(b, LOGOUT, "token=x"), 303, "/tinyauth/signed-out");
}

static void test_the_signed_out_page_needs_no_login_and_minds_no_state(void **state)
{
    static const char *const urls[] = {"", "?state=", "?state=x&state=y", "?state=%ff", "?x"};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(urls); i++) {
        ta_reply *reply =
            browser_get(b, apr_pstrcat(w->pool, WORLD_APP "/tinyauth/signed-out", urls[i], NULL));

        assert_int_equal(reply->status, 200);
        assert_string_equal(reply->content_type, "text/html; charset=utf-8");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_logout_ends_the_session_here_and_at_the_provider),
        TEST(test_the_cookie_is_dead_when_it_is_replayed),
        TEST(test_a_logout_anywhere_ends_the_login_on_all_hosts),
        TEST(test_the_page_after_a_logout_leads_back_to_where_it_was_asked_for),
        TEST(test_get_only_asks),
        TEST(test_the_form_may_lead_to_the_provider_and_nowhere_else),
        TEST(test_another_site_cannot_log_people_out),
        TEST(test_the_form_of_the_session_before_is_refused),
        TEST(test_the_form_of_another_host_is_refused),
        TEST(test_a_provider_without_end_session_leads_to_our_own_page),
        TEST(test_the_session_ends_here_whatever_the_provider_does),
        TEST(test_the_session_ends_before_the_provider_is_asked),
        TEST(test_a_store_that_fails_says_that_nobody_was_logged_out),
        TEST(test_who_is_not_signed_in_is_signed_out_already),
        TEST(test_the_signed_out_page_needs_no_login_and_minds_no_state),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
