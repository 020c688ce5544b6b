/*
 * Which URLs are ours, by which methods, and that everything else is the application's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/endpoint.h"
#include "world.h"

static const char *const everywhere[] = {
    "/tinyauth/login",        "/tinyauth/logout", "/tinyauth/signed-out",
    "/tinyauth/unauthorized", "/tinyauth/error",  "/tinyauth/accept",
};

static const char *const nowhere[] = {
    "",
    "/",
    "/tinyauth",
    "/tinyauth/",
    "/tinyauth/login/",
    "/tinyauth/login/x",
    "/tinyauth/loginx",
    "/tinyauth/Login",
    "/Tinyauth/login",
    "/tinyauthx/login",
    "/xtinyauth/login",
    "/x/tinyauth/login",
    "/tinyauth/login;x",
    "/tinyauth/login?x",
    "/tinyauth/other",
    "/api/oauth/callback",
    "/api/oauth/callback/",
    "/api/oauth/callback/unknown",
    "/api/oauth/callback/pocketid/",
    "/api/oauth/callback/pocketid/x",
    "/api/oauth/callback/POCKETID",
    "/api/oauth/callbackx/pocketid",
    "/tinyauth/backchannel-logout",
    "/tinyauth/backchannel-logout/",
    "/tinyauth/backchannel-logout/unknown",
    "/tinyauth/backchannel-logout/pocketid/",
    "/tinyauth/backchannel-logout/x/pocketid",
    "/tinyauth/frontchannel-logout",
    "/tinyauth/frontchannel-logout/",
    "/tinyauth/frontchannel-logout/unknown",
    "/tinyauth/frontchannel-logoutx/pocketid",
};

static void test_our_pages_are_found_on_every_host(void **state)
{
    world *w = *state;
    const ta_site *site = &w->app->site;

    for (size_t i = 0; i < COUNT(everywhere); i++) {
        assert_non_null(ta_endpoint_find(site, everywhere[i], 0));
        assert_non_null(ta_endpoint_find(site, everywhere[i], 1));
        assert_true(ta_endpoint_is_ours(site, everywhere[i]));
    }
    assert_non_null(ta_endpoint_find(site, "/api/oauth/callback/" WORLD_ID, 1));
    assert_null(ta_endpoint_find(site, "/api/oauth/callback/" WORLD_ID, 0));
    assert_non_null(ta_endpoint_find(site, "/tinyauth/backchannel-logout/" WORLD_ID, 1));
    assert_null(ta_endpoint_find(site, "/tinyauth/backchannel-logout/" WORLD_ID, 0));
    assert_non_null(ta_endpoint_find(site, "/tinyauth/frontchannel-logout/" WORLD_ID, 1));
    assert_null(ta_endpoint_find(site, "/tinyauth/frontchannel-logout/" WORLD_ID, 0));
}

static void test_everything_else_is_the_applications(void **state)
{
    world *w = *state;
    const ta_site *site = &w->app->site;

    for (size_t i = 0; i < COUNT(nowhere); i++) {
        if (ta_endpoint_find(site, world_foreign(w->pool, nowhere[i]), 1) ||
            ta_endpoint_is_ours(site, world_foreign(w->pool, nowhere[i]))) {
            fail_msg("\"%s\" is taken for ours", nowhere[i]);
        }
    }
}

static void test_an_asset_is_ours_by_its_very_name(void **state)
{
    static const char *const foreign[] = {
        "/tinyauth/assets/",
        "/tinyauth/assets",
        "/tinyauth/assets/logo-1.svgx",
        "/tinyauth/assets//logo-1.svg",
        "/tinyauth/assets/x/logo-1.svg",
        "/assets/logo-1.svg",
        "/elsewhere/assets/logo-1.svg",
    };
    static const ta_asset logo = {.name = "logo-1.svg",
                                  .type = "image/svg+xml",
                                  .bytes = {(const unsigned char *)"<svg/>", 6}};
    world *w = *state;
    ta_site *site = &w->app->site;
    ta_reply *reply;
    browser *b = browser_make(w);

    assert_null(ta_endpoint_find(site, "/tinyauth/assets/logo-1.svg", 1));
    site->assets = apr_array_make(w->pool, 1, sizeof(ta_asset *));
    APR_ARRAY_PUSH(site->assets, const ta_asset *) = &logo;
    assert_non_null(ta_endpoint_find(site, "/tinyauth/assets/logo-1.svg", 0));
    assert_true(ta_endpoint_is_ours(site, "/tinyauth//assets/logo-1.svg"));
    for (size_t i = 0; i < COUNT(foreign); i++) {
        assert_null(ta_endpoint_find(site, foreign[i], 1));
    }
    reply = browser_get(b, WORLD_APP "/tinyauth/assets/logo-1.svg");
    assert_int_equal(reply->status, 200);
    assert_ptr_equal(reply->asset, &logo);
    assert_string_equal(reply->content_type, "image/svg+xml");
    assert_string_equal(reply->policy, "default-src 'none'; sandbox");
    assert_null(reply->language);
}

static void test_another_path_moves_our_pages(void **state)
{
    world *w = *state;
    ta_site *site = &w->app->site;

    site->path = "/_auth/x";
    assert_non_null(ta_endpoint_find(site, "/_auth/x/login", 1));
    assert_null(ta_endpoint_find(site, "/tinyauth/login", 1));
    assert_false(ta_endpoint_is_ours(site, "/tinyauth/login"));
}

static void test_slashes_in_a_row_hide_no_page_of_ours(void **state)
{
    world *w = *state;
    const ta_site *site = &w->app->site;
    char slashes[400];

    assert_true(ta_endpoint_is_ours(site, "//tinyauth///logout"));
    assert_true(ta_endpoint_is_ours(site, "/api//oauth/callback///" WORLD_ID));
    memset(slashes, '/', sizeof(slashes));
    memcpy(slashes + sizeof(slashes) - 16, "tinyauth/logout", 16);
    assert_true(ta_endpoint_is_ours(site, slashes));
    memset(slashes, 'a', sizeof(slashes) - 1);
    assert_false(ta_endpoint_is_ours(site, slashes));
}

static void test_each_page_takes_its_methods_alone(void **state)
{
    static const struct {
        const char *path;
        const char *allow;
    } cases[] = {
        {"/tinyauth/login", "GET, HEAD"},
        {"/tinyauth/logout", "GET, HEAD, POST"},
        {"/tinyauth/signed-out", "GET, HEAD"},
        {"/tinyauth/unauthorized", "GET, HEAD"},
        {"/tinyauth/error", "GET, HEAD"},
        {"/tinyauth/accept", "GET"},
        {"/api/oauth/callback/" WORLD_ID, "GET"},
        {"/tinyauth/backchannel-logout/" WORLD_ID, "POST"},
        {"/tinyauth/frontchannel-logout/" WORLD_ID, "GET"},
    };
    static const char *const methods[] = {"GET", "HEAD", "POST",  "PUT", "DELETE", "get", "GE",
                                          "ET",  "EAD",  "POST,", ",",   " ",      "",    "TRACE"};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t j = 0; j < COUNT(methods); j++) {
            visit v = {.url = apr_pstrcat(w->pool, WORLD_APP, cases[i].path, NULL),
                       .method = methods[j]};
            ta_reply *reply = browser_send(b, &v);
            int allowed = j < 3 && strstr(cases[i].allow, methods[j]) != NULL;

            assert_int_equal(reply->status != 405, allowed);
            if (!allowed) {
                assert_string_equal(reply->allow, cases[i].allow);
            }
        }
    }
}

static void test_the_error_page_is_a_page_that_is_not_there(void **state)
{
    browser *b = browser_make(*state);

    assert_refused(b, browser_get(b, WORLD_APP "/tinyauth/error"), TA_REASON_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_our_pages_are_found_on_every_host),
        TEST(test_everything_else_is_the_applications),
        TEST(test_an_asset_is_ours_by_its_very_name),
        TEST(test_another_path_moves_our_pages),
        TEST(test_slashes_in_a_row_hide_no_page_of_ours),
        TEST(test_each_page_takes_its_methods_alone),
        TEST(test_the_error_page_is_a_page_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
