/*
 * Open redirects: addresses that anybody may have written, and that must not lead anywhere but
 * to the application. Each of them is also tried through the login page, as an attacker would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/return_address.h"
#include "world.h"

/* What browsers, proxies and URL libraries read as another host, or run as a script. */
static const char *const foreign[] = {
    "",
    "//evil.example.net",
    "///evil.example.net",
    "////evil.example.net",
    "//evil.example.net/%2f..",
    "/\\evil.example.net",
    "\\/evil.example.net",
    "\\\\evil.example.net",
    "\\evil.example.net",
    "/\\/evil.example.net",
    "/\t/evil.example.net",
    "/\n/evil.example.net",
    "/\r/evil.example.net",
    "/\r\n/evil.example.net",
    "/\x0b/evil.example.net",
    "/\x01/evil.example.net",
    "/ /evil.example.net",
    "/\x7f"
    "/evil.example.net",
    "\t//evil.example.net",
    " //evil.example.net",
    "\n//evil.example.net",
    " /page",
    "/page ",
    "/page\r\nSet-Cookie: a=b",
    "%09//evil.example.net",
    "%2f%2fevil.example.net",
    "%5c%5cevil.example.net",
    "http:evil.example.net",
    "http:/evil.example.net",
    "http:///evil.example.net",
    "https:evil.example.net",
    "https:/evil.example.net",
    "https:///evil.example.net",
    "https:\\\\evil.example.net",
    "https:/\\evil.example.net",
    "http://evil.example.net",
    "https://evil.example.net/",
    "https://evil.example.net:443/",
    "HTTPS://evil.example.net/",
    "hTtPs://evil.example.net/",
    "https://app.example.com.evil.net/",
    "https://app.example.comevil.net/",
    "https://evil-app.example.com/",
    "https://evil-example.com/",
    "https://app.example.com@evil.net/",
    "https://app.example.com:443@evil.net/",
    "https://app.example.com%40evil.net/",
    "https://app.example.com%2f@evil.net/",
    "https://user@app.example.com/",
    "https://user:pass@app.example.com/",
    "https://@app.example.com/",
    "https://evil.net\\@app.example.com/",
    "https://evil.net#@app.example.com/",
    "https://evil.net?@app.example.com/",
    "https://evil.net;@app.example.com/",
    "https://app.example.com\\.evil.net/",
    "https://app.example.com\t.evil.net/",
    "https://app.example.com%00.evil.net/",
    "https://app.example.com:8443/",
    "https://app.example.com:0/",
    "https://app.example.com:99999/",
    "https://app.example.com:443:443/",
    "https://app.example.com:+443/",
    "https://app.example.com:/",
    "http://app.example.com/",
    "https://other.example.com/",
    "https://example.com/",
    "https://com/",
    "https://[::1]/",
    "https://[app.example.com]/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://",
    "https://#",
    "https://?",
    "https://./",
    "https://../",
    "https://\xd0\xb0"
    "pp.example.com/",
    "https://app\xe3\x80\x82"
    "example.com/",
    "https://app.example.com\xef\xbc\x8f@evil.net/",
    "https://xn--pp-7kc.example.com/",
    "https://app.example.com//evil.net",
    "https://app.example.com/\\evil.net",
    "https://app.example.com/../..//evil.net",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://app.example.com/",
    "blob:https://app.example.com/x",
    "view-source:https://app.example.com/",
    "mailto:a@example.com",
    "wss://app.example.com/",
    "page",
    "./page",
    "../page",
    "?x=1",
    "#x",
    ":",
    "@evil.net",
    ".evil.net",
    ";//evil.net",
    "/#/x",
    "/page#x",
    "/..//evil.net",
    "/.//evil.net",
    "/./page",
    "/../page",
    "/a/../b",
    "/a/..",
    "/a/.",
    "/%2e%2e/page",
    "/%2E%2E//evil.net",
    "/.%2e/page",
    "/%2e./page",
    "/%2e/page",
    "/a/%2e%2e?x",
    "/p\xc3\xa4"
    "ge",
    "/\xe2\x80\xae/page",
    "/%zz",
    "/%",
    "/%2",
    "/a%00b",
};

/* Our own pages, in every spelling that the server takes for them. */
static const char *const our_own[] = {
    "/tinyauth/login",
    "/tinyauth/login?return=%2F",
    "/tinyauth/logout",
    "/tinyauth/signed-out",
    "/tinyauth/unauthorized?d=x",
    "/tinyauth/error",
    "/tinyauth/accept?t=x",
    "/tinyauth//logout",
    "/tinyauth///logout",
    "/tiny%61uth/logout",
    "/tinyauth%2flogout",
    "/%74inyauth/logou%74",
    "/api/oauth/callback/pocketid",
    "/api/oauth/callback/pocketid?code=x&state=y",
    "/api//oauth/callback//pocketid",
    "/api/oauth/callback/%70ocketid",
    WORLD_APP "/tinyauth/logout",
    WORLD_APP "/api/oauth/callback/pocketid?code=x",
};

static const char *const legitimate[] = {
    "/",
    "/page",
    "/page/",
    "/page?x=1&y=2",
    "/?//evil.example.net",
    "/page?return=https://evil.example.net/",
    "/page?x=/../y",
    "/a//b",
    "/.well-known/x",
    "/..a/b..",
    "/...",
    "/a.b/c..d",
    "/%2f%2fevil.example.net",
    "/%5cevil.example.net",
    "/p%C3%A4ge%20with%20blanks",
    "/a;b=c/d,e~f!g$h'(i)*+",
    "/@user:x",
    "/tinyauth",
    "/tinyauth/",
    "/tinyauth/loginx",
    "/tinyauthx/login",
    "/x/tinyauth/login",
    "/TINYAUTH/login",
    "/api/oauth/callback/",
    "/api/oauth/callback/unknown",
    "/api/oauth/callback/pocketid/x",
    "/page?[a]={b}|c^d`e\"f<g>",
};

static ta_env *env_of(world *w)
{
    browser *b = browser_make(w);

    (void)browser_get(b, WORLD_APP "/");
    return b->env;
}

static const char *check(ta_env *env, const char *address)
{
    return ta_return_address_check(env, world_foreign(env->pool, address));
}

static void assert_all_refused(ta_env *env, const char *const *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *safe = check(env, addresses[i]);

        if (safe) {
            fail_msg("\"%s\" would lead to \"%s\"", addresses[i], safe);
        }
        assert_string_equal(ta_return_address_or_root(env, addresses[i]), "/");
    }
}

static void test_addresses_that_lead_elsewhere_are_refused(void **state)
{
    ta_env *env = env_of(*state);

    assert_all_refused(env, foreign, COUNT(foreign));
    assert_null(ta_return_address_check(env, NULL));
    assert_string_equal(ta_return_address_or_root(env, NULL), "/");
}

static void test_our_own_pages_are_refused(void **state)
{
    assert_all_refused(env_of(*state), our_own, COUNT(our_own));
}

static void test_addresses_of_the_application_are_kept(void **state)
{
    ta_env *env = env_of(*state);

    for (size_t i = 0; i < COUNT(legitimate); i++) {
        const char *safe = check(env, legitimate[i]);

        if (!safe) {
            fail_msg("\"%s\" was refused", legitimate[i]);
        }
        assert_string_equal(safe, legitimate[i]);
    }
}

static void test_whole_urls_of_this_origin_become_paths(void **state)
{
    ta_env *env = env_of(*state);

    assert_string_equal(check(env, WORLD_APP), "/");
    assert_string_equal(check(env, WORLD_APP "/page?x=1"), "/page?x=1");
    assert_string_equal(check(env, WORLD_APP "?x=1"), "/?x=1");
    assert_string_equal(check(env, "https://app.example.com:443/page"), "/page");
    assert_string_equal(check(env, "HTTPS://APP.Example.COM./page"), "/page");
}

/* The whole way: the login page, somebody who is signed in already, the callback. */
static void test_no_address_leads_a_login_elsewhere(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, WORLD_APP "/"), "alice");
    for (size_t i = 0; i < COUNT(foreign) + COUNT(our_own); i++) {
        const char *address = i < COUNT(foreign) ? foreign[i] : our_own[i - COUNT(foreign)];
        const char *login = url_with(w->pool, WORLD_APP "/tinyauth/login", "return", address);
        const char *direct = url_with(w->pool, login, "provider", WORLD_ID);
        browser *nobody = browser_make(w);

        w->now += 31;
        assert_leads_to(browser_get(b, login), 302, "/");
        assert_leads_to(browser_get(nobody, browser_start(nobody, direct)), 303, "/");
    }
}

static void test_a_form_that_cannot_be_read_leads_to_the_root(void **state)
{
    browser *b = browser_make(*state);

    assert_passed(browser_log_in(b, WORLD_APP "/"), "alice");
    assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login?return=%ff/page"), 302, "/");
    assert_leads_to(browser_get(b, WORLD_APP "/tinyauth/login?return=/page%00"), 302, "/");
}

static void test_other_hosts_count_only_where_the_cookie_reaches_them(void **state)
{
    static const char *const refused[] = {
        "https://evil-example.com/",
        "https://example.com.evil.net/",
        "https://appexample.com/",
        "http://other.example.com/",
        "https://user@other.example.com/",
        "https://other.example.com//evil.net",
        "https://other.example.com/tinyauth/logout",
        "https://xexample.com/",
    };
    world *w = *state;
    ta_env *env;

    w->app->site.cookie_domain = "example.com";
    env = env_of(w);
    assert_string_equal(check(env, "https://other.example.com/page?x"),
                        "https://other.example.com/page?x");
    assert_string_equal(check(env, "https://example.com:8443"), "https://example.com:8443/");
    assert_all_refused(env, refused, COUNT(refused));
    /* the domain is written, but does not cover this host: its cookie goes nowhere else */
    w->app->site.cookie_domain = "example.org";
    assert_null(check(env, "https://other.example.org/"));
    w->app->site.cookie_domain = "pp.example.com";
    assert_null(check(env, "https://x.pp.example.com/"));
}

/* Browsers send a backslash in a query as it is: a regular expression in a search, say. */
static void test_a_query_comes_back_with_what_a_browser_leaves_in_it(void **state)
{
    static const struct {
        const char *target;
        const char *expected;
    } cases[] = {
        {"/search?q=\\d+|\\w&x=%5c", "/search?q=%5Cd+|%5Cw&x=%5c"},
        {"/search?q=\xc3\xbc", "/search?q=%C3%BC"},
        {"/?\\evil.example.net", "/?%5Cevil.example.net"},
        {"/\\evil.example.net", "/"},
        {"/\\evil.example.net?q=\\d", "/"},
        {"//evil.example.net?q=\\d", "/"},
        {"/\xc3\xbc?q=\\d", "/"},
    };
    ta_env *env = env_of(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ((ta_request *)(uintptr_t)env->request)->target = cases[i].target;
        assert_string_equal(ta_return_address_of_request(env), cases[i].expected);
    }
}

static void test_a_long_address_is_refused_and_a_long_query_left_out(void **state)
{
    world *w = *state;
    ta_env *env = env_of(w);
    char address[TA_RETURN_ADDRESS_BYTES + 2];

    memset(address, 'a', sizeof(address));
    address[0] = '/';
    address[TA_RETURN_ADDRESS_BYTES] = '\0';
    assert_string_equal(check(env, address), address);
    address[TA_RETURN_ADDRESS_BYTES] = 'a';
    address[TA_RETURN_ADDRESS_BYTES + 1] = '\0';
    assert_null(check(env, address));
    ((ta_request *)(uintptr_t)env->request)->target = address;
    assert_string_equal(ta_return_address_of_request(env), "/");
    address[5] = '?';
    assert_string_equal(ta_return_address_of_request(env), "/aaaa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_addresses_that_lead_elsewhere_are_refused),
        TEST(test_our_own_pages_are_refused),
        TEST(test_addresses_of_the_application_are_kept),
        TEST(test_whole_urls_of_this_origin_become_paths),
        TEST(test_no_address_leads_a_login_elsewhere),
        TEST(test_a_form_that_cannot_be_read_leads_to_the_root),
        TEST(test_other_hosts_count_only_where_the_cookie_reaches_them),
        TEST(test_a_query_comes_back_with_what_a_browser_leaves_in_it),
        TEST(test_a_long_address_is_refused_and_a_long_query_left_out),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
