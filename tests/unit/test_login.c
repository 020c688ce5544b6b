/*
 * How a login begins: on which host, with which provider, and where it is not begun at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/login.h"
#include "world.h"

#define LOGIN  "https://auth.example.com"
#define SECOND "https://second.example.com"
#define DIRECT WORLD_APP "/tinyauth/login?provider=" WORLD_ID

#define POCKET_ICON "M4 3.5h16v11L12 21l-8-6.5z" /* its outline */

/* Makes a host forget its session: from then on logins there lead nowhere. */
static void lose_session(browser *b, const char *host)
{
    for (int i = 0; i < b->jar->nelts; i++) {
        jar_cookie *cookie = &APR_ARRAY_IDX(b->jar, i, jar_cookie);

        if (strcmp(cookie->name, "__Host-tinyauth") == 0 && strcmp(cookie->host, host) == 0) {
            cookie->expires = 1;
        }
    }
}

static void test_the_login_page_links_to_every_provider(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    world_add_provider(w, "other", "https://other.example.net");
    reply = browser_get(b, WORLD_APP "/tinyauth/login?return=/page?a=1%26b=2");
    assert_int_equal(reply->status, 200);
    assert_int_equal(b->jar->nelts, 0);
    assert_holds(reply->body, "The other");
    assert_string_equal(url_parameter(w->pool, browser_link(b, reply, "provider=other"), "return"),
                        "/page?a=1&b=2");
    assert_non_null(browser_link(b, reply, "provider=" WORLD_ID));
}

/* Whatever the administrator calls it: by its id or by its name it is a Pocket ID. */
static void test_a_pocket_id_has_its_own_icon(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *named, *other, *page = WORLD_APP "/tinyauth/login";

    w->provider->id = "home";
    w->provider->name = "pocket id at home";
    named = browser_get(b, page)->body;
    w->provider->name = "accounts at home";
    other = browser_get(b, page)->body;
    assert_holds(named, POCKET_ICON);
    assert_lacks(other, POCKET_ICON);
}

static void test_the_authorization_request_has_fresh_values_every_time(void **state)
{
    static const char *const fresh[] = {"state", "nonce", "code_challenge"};
    world *w = *state;
    browser *b = browser_make(w);
    const char *first = browser_get(b, DIRECT)->location;
    const char *second = browser_get(b, DIRECT)->location;

    for (size_t i = 0; i < COUNT(fresh); i++) {
        const char *value = url_parameter(w->pool, first, fresh[i]);

        assert_int_equal(strlen(value), 43);
        assert_string_not_equal(value, url_parameter(w->pool, second, fresh[i]));
    }
    assert_string_equal(url_parameter(w->pool, first, "redirect_uri"),
                        WORLD_APP "/api/oauth/callback/" WORLD_ID);
    assert_string_equal(url_parameter(w->pool, first, "scope"), "openid email profile groups");
    assert_null(url_parameter(w->pool, first, "prompt"));
    assert_null(url_parameter(w->pool, first, "response_mode"));
}

static void test_prompt_login_is_passed_on_and_nothing_else(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_string_equal(
        url_parameter(w->pool, browser_get(b, DIRECT "&prompt=login")->location, "prompt"),
        "login");
    assert_null(url_parameter(w->pool, browser_get(b, DIRECT "&prompt=none")->location, "prompt"));
}

static void test_an_unknown_provider_begins_no_login(void **state)
{
    static const char *const ids[] = {"", "unknown", "POCKETID", "pocketid ", "../pocketid"};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(ids); i++) {
        const char *url = url_with(w->pool, WORLD_APP "/tinyauth/login", "provider", ids[i]);

        assert_refused(b, browser_get(b, url), TA_REASON_PROVIDER_UNKNOWN);
    }
    assert_int_equal(b->jar->nelts, 0);
}

/* A link, an image or a prefetch of anybody's page must not log somebody in. */
static void test_only_a_navigation_goes_to_the_provider(void **state)
{
    static const visit visits[] = {
        {.url = DIRECT, .purpose = "prefetch"},
        {.url = DIRECT, .fetch_mode = "no-cors", .fetch_dest = "image"},
        {.url = DIRECT, .fetch_mode = "navigate", .fetch_dest = "iframe"},
        {.url = DIRECT, .fetch_mode = "cors", .fetch_dest = "empty"},
        {.url = DIRECT, .accept = "application/json"},
        {.url = DIRECT, .requested_with = "XMLHttpRequest"},
    };
    world *w = *state;
    browser *b = browser_make(w);

    w->app->site.auto_redirect = WORLD_ID;
    for (size_t i = 0; i < COUNT(visits); i++) {
        ta_reply *reply = browser_send(b, &visits[i]);

        /* the page, or for programs its twin */
        assert_int_equal(reply->status, visits[i].accept ? 401 : 200);
        assert_null(reply->location);
        assert_int_equal(reply->cookies->nelts, 0);
    }
    assert_int_equal(browser_get(b, DIRECT)->status, 302);
}

static void test_a_provider_that_is_down_is_an_error_page_with_a_way_back(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    w->op->down = "/";
    reply = browser_get(b, DIRECT "&return=/page");
    assert_refused(b, reply, TA_REASON_PROVIDER_UNREACHABLE);
    assert_int_equal(b->jar->nelts, 0);
    assert_non_null(browser_link(b, reply, "/tinyauth/login?return=%2Fpage"));
    assert_true(world_has_logged(w, "TA0020"));
}

static void test_with_auto_redirect_no_login_page_is_seen(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    world_add_provider(w, "other", "https://other.example.net");
    w->app->site.auto_redirect = "other";
    reply = browser_get(b, WORLD_APP "/page");
    assert_holds(reply->location, "https://other.example.net/authorize?");
    assert_passed(browser_walk(b, reply), "alice");
}

static void test_a_scope_without_the_automatic_provider_shows_a_page(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    world_add_provider(w, "other", "https://other.example.net");
    w->app->site.auto_redirect = "other";
    w->app->scope.providers = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(w->app->scope.providers, const char *) = WORLD_ID;
    reply = browser_get(b, WORLD_APP "/page");
    assert_int_equal(reply->status, 200);
    assert_null(browser_link(b, reply, "provider=other"));
    assert_passed(browser_walk(b, reply), "alice");
    assert_int_equal(w->op->tokens, 1);
}

static void test_who_is_signed_in_passes_the_login_page(void **state)
{
    browser *b = browser_make(*state);

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login?return=/other"), 302, "/other");
    assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login"), 302, "/");
    assert_int_equal(browser_get(b, WORLD_APP "/tinyauth/login?prompt=login")->status, 200);
}

/* The application says "log in" again and again to somebody who is. */
static void test_a_circle_ends_on_a_page_that_says_so(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply = NULL;
    int rounds;

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    for (rounds = 0; rounds < 20; rounds++) {
        reply = browser_get(b, WORLD_APP "/tinyauth/login?return=/page");
        if (!reply->location) {
            break;
        }
    }
    assert_in_range(rounds, 3, 8);
    assert_refused(b, reply, TA_REASON_LOGIN_LOOP);
    /* trying again is possible at once */
    assert_int_equal(browser_get(b, browser_link(b, reply, "/tinyauth/login"))->status, 302);
}

/* The session cookie does not arrive, the provider logs in without asking. */
static void test_a_circle_through_the_provider_ends_too(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply = NULL;

    w->app->site.auto_redirect = WORLD_ID;
    for (int i = 0; i < 40; i++) {
        reply = reply ? browser_follow(b, reply) : browser_get(b, WORLD_APP "/page");
        if (!reply->location) {
            break;
        }
        lose_session(b, "app.example.com");
    }
    assert_refused(b, reply, TA_REASON_LOGIN_LOOP);
    assert_in_range(w->op->tokens, 2, 8);
}

static void test_a_circle_between_two_hosts_ends_too(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply = NULL;

    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, SECOND, LOGIN);
    assert_passed(browser_log_in(b, SECOND "/page"), "alice");
    for (int i = 0; i < 60; i++) {
        lose_session(b, "second.example.com");
        reply =
            reply && reply->location ? browser_follow(b, reply) : browser_get(b, SECOND "/page");
        if (!reply->location) {
            break;
        }
    }
    assert_refused(b, reply, TA_REASON_LOGIN_LOOP);
}

/* A ticket lets somebody in on another host: only the login host gives any. */
static void test_a_question_is_answered_on_the_login_host_alone(void **state)
{
    world *w = *state;
    browser *b = browser_make(w), *asking = browser_make(w);
    const char *url, *there;

    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, SECOND, LOGIN);
    assert_passed(browser_log_in(b, SECOND "/page"), "alice");
    url = browser_get(asking, SECOND "/page")->location;
    assert_non_null(url_parameter(w->pool, url, "for"));
    there = apr_pstrcat(w->pool, SECOND, url + strlen(LOGIN), NULL);
    assert_holds(browser_get(b, there)->location, LOGIN "/tinyauth/login?");
    assert_holds(browser_get(b, url)->location, SECOND "/tinyauth/accept?");
}

static void test_a_cookie_domain_makes_one_login_for_all_its_hosts(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    world_add_site(w, LOGIN, LOGIN)->site.cookie_domain = "example.com";
    world_add_site(w, SECOND, LOGIN)->site.cookie_domain = "example.com";
    w->app->site.cookie_domain = "example.com";
    w->app->site.app_origin = LOGIN;
    reply = browser_get(b, SECOND "/page?x=1");
    assert_leads_to(reply, 302,
                    LOGIN "/tinyauth/login?return=https%3A%2F%2Fsecond.example.com%2Fpage%3Fx%3D1");
    assert_passed(browser_walk(b, reply), "alice");
    assert_string_equal(b->url, SECOND "/page?x=1");
    assert_string_equal(browser_cookie(b, "tinyauth-domain")->name, "__Secure-tinyauth-domain");
    assert_string_equal(browser_cookie(b, "tinyauth-domain")->host, "example.com");
    /* no further redirect on the next host, and one record for all */
    assert_passed(browser_get(b, WORLD_APP "/other"), "alice");
    assert_passed(browser_get(b, LOGIN "/"), "alice");
    assert_int_equal(world_records(w), 1);
}

/* "Log in as somebody else", and the providers of the scope, must not get lost on the way. */
static void test_a_shorter_lifetime_within_a_cookie_domain_asks_for_a_new_login(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_add_site(w, LOGIN, LOGIN)->site.cookie_domain = "example.com";
    w->app->site.cookie_domain = "example.com";
    w->app->site.app_origin = LOGIN;
    w->app->site.lifetime.absolute = 3600;
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    w->now += 3600;
    assert_passed(browser_get(b, LOGIN "/page"), "alice");
    assert_passed(browser_walk(b, browser_get(b, WORLD_APP "/page")), "alice");
    assert_string_equal(b->url, WORLD_APP "/page");
    assert_int_equal(w->op->tokens, 2);
}

static void test_a_cookie_domain_passes_on_what_the_login_is_to_heed(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *url;

    world_add_site(w, LOGIN, LOGIN)->site.cookie_domain = "example.com";
    world_add_site(w, SECOND, LOGIN)->site.cookie_domain = "example.com";
    assert_passed(browser_log_in(b, SECOND "/page"), "alice");
    url =
        browser_get(b, SECOND "/tinyauth/login?return=/page&prompt=login&providers=a+b")->location;
    assert_string_equal(url_parameter(w->pool, url, "prompt"), "login");
    assert_string_equal(url_parameter(w->pool, url, "providers"), "a b");
    url =
        browser_get(browser_make(w), SECOND "/tinyauth/login?return=" WORLD_APP "/page")->location;
    assert_string_equal(url_parameter(w->pool, url, "return"), WORLD_APP "/page");
}

static void test_a_domain_cookie_is_no_host_cookie_and_the_other_way_round(void **state)
{
    world *w = *state;
    browser *b = browser_make(w), *forger = browser_make(w);

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    w->app->site.cookie_domain = "example.com";
    forger->extra_cookies = apr_pstrcat(
        w->pool, "__Secure-tinyauth-domain=", browser_cookie(b, "__Host-tinyauth")->value, NULL);
    assert_int_equal(browser_get(forger, WORLD_APP "/page")->status, 302);
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    w->app->site.cookie_domain = NULL;
    forger->extra_cookies =
        apr_pstrcat(w->pool, "__Host-tinyauth=", browser_cookie(b, "tinyauth-domain")->value, NULL);
    assert_int_equal(browser_get(forger, WORLD_APP "/page")->status, 302);
}

static void test_a_foreign_name_of_the_host_leads_to_its_own_first(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    (void)browser_get(b, WORLD_APP "/page?x=1");
    ((ta_request *)(uintptr_t)b->env->request)->is_other_host = 1;
    assert_leads_to(ta_access_ask(b->env, &w->app->scope), 302, WORLD_APP "/page?x=1");
}

static void test_an_explicit_redirect_url_is_sent_as_it_was_written(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->provider->redirect_url = WORLD_APP "/api/oauth/callback/" WORLD_ID;
    w->app->site.app_origin = WORLD_APP;
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    assert_string_equal(ta_login_redirect_uri(b->env, w->provider), w->provider->redirect_url);
}

static void test_providers_are_offered_by_their_whole_ids(void **state)
{
    static const struct {
        const char *providers;
        int is_offered;
    } cases[] = {
        {"", 1},
        {"pocketid", 1},
        {"x pocketid", 1},
        {"pocketid x", 1},
        {"xpocketid", 0},
        {"pocketidx", 0},
        {"xpocketid pocketidx", 0},
        {"pocket id", 0},
        {"pocketid2 pocketid", 1},
        {" ", 0},
    };
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *page =
            url_with(w->pool, WORLD_APP "/tinyauth/login", "providers", cases[i].providers);
        const char *link = browser_link(b, browser_get(b, page), "provider=" WORLD_ID);

        assert_int_equal(link != NULL, cases[i].is_offered);
        if (!cases[i].is_offered) {
            assert_refused(b, browser_get(b, url_with(w->pool, page, "provider", WORLD_ID)),
                           TA_REASON_PROVIDER_UNKNOWN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_login_page_links_to_every_provider),
        TEST(test_a_pocket_id_has_its_own_icon),
        TEST(test_the_authorization_request_has_fresh_values_every_time),
        TEST(test_prompt_login_is_passed_on_and_nothing_else),
        TEST(test_an_unknown_provider_begins_no_login),
        TEST(test_only_a_navigation_goes_to_the_provider),
        TEST(test_a_provider_that_is_down_is_an_error_page_with_a_way_back),
        TEST(test_with_auto_redirect_no_login_page_is_seen),
        TEST(test_a_scope_without_the_automatic_provider_shows_a_page),
        TEST(test_who_is_signed_in_passes_the_login_page),
        TEST(test_a_circle_ends_on_a_page_that_says_so),
        TEST(test_a_circle_through_the_provider_ends_too),
        TEST(test_a_circle_between_two_hosts_ends_too),
        TEST(test_a_question_is_answered_on_the_login_host_alone),
        TEST(test_a_cookie_domain_makes_one_login_for_all_its_hosts),
        TEST(test_a_shorter_lifetime_within_a_cookie_domain_asks_for_a_new_login),
        TEST(test_a_cookie_domain_passes_on_what_the_login_is_to_heed),
        TEST(test_a_domain_cookie_is_no_host_cookie_and_the_other_way_round),
        TEST(test_a_foreign_name_of_the_host_leads_to_its_own_first),
        TEST(test_an_explicit_redirect_url_is_sent_as_it_was_written),
        TEST(test_providers_are_offered_by_their_whole_ids),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
