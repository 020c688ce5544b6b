/*
 * URLs: what is parsed and normalised, and what a browser could read differently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static apr_pool_t *pool;

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() || apr_pool_create(&pool, NULL);
}

static int end_pool(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

static ta_url *parse(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    ta_url *url;
    apr_status_t rv;

    memcpy(copy, text, strlen(text) + 1);
    rv = ta_url_parse(pool, copy, &url);
    free(copy);
    assert_int_equal(rv, url ? APR_SUCCESS : APR_EINVAL);
    return url;
}

static void all_refused(const char *const *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parse(cases[i])) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
}

static void a_url_falls_into_its_parts(void **state)
{
    ta_url *url = parse("https://My.App-1_x.example.com:8443/a/b;c?x=1&y=%20?/");

    (void)state;
    assert_string_equal(url->text, "https://My.App-1_x.example.com:8443/a/b;c?x=1&y=%20?/");
    assert_string_equal(url->scheme, "https");
    assert_string_equal(url->host, "my.app-1_x.example.com");
    assert_int_equal(url->port, 8443);
    assert_string_equal(url->origin, "https://my.app-1_x.example.com:8443");
    assert_string_equal(url->path, "/a/b;c");
    assert_string_equal(url->query, "x=1&y=%20?/");
}

static void what_is_left_out_has_its_default(void **state)
{
    ta_url *url = parse("http://a");

    (void)state;
    assert_string_equal(url->path, "/");
    assert_null(url->query);
    assert_int_equal(url->port, 80);
    assert_int_equal(parse("https://a")->port, 443);
    url = parse("https://a?q");
    assert_string_equal(url->path, "/");
    assert_string_equal(url->query, "q");
    assert_string_equal(parse("https://a/?")->query, "");
}

static void one_origin_has_one_spelling(void **state)
{
    static const char *const cases[][2] = {
        {"https://EXAMPLE.com/x", "https://example.com"},
        {"HTTPS://example.com:443", "https://example.com"},
        {"https://example.com.", "https://example.com"},
        {"https://example.com.:443/", "https://example.com"},
        {"http://example.com:80", "http://example.com"},
        {"http://example.com:443", "http://example.com:443"},
        {"https://example.com:80", "https://example.com:80"},
        {"http://127.0.0.1:65535", "http://127.0.0.1:65535"},
        {"http://[::1]", "http://[::1]"},
        {"http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080"},
        {"http://[2001:DB8::A]", "http://[2001:db8::a]"},
        {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
        {"http://a1.b2", "http://a1.b2"},
        {"http://0x.example", "http://0x.example"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_url *url = parse(cases[i][0]);

        assert_non_null(url);
        assert_string_equal(url->origin, cases[i][1]);
    }
}

static void what_browsers_send_unencoded_is_a_url(void **state)
{
    (void)state;
    assert_string_equal(parse("https://a/x?filter[a]={1}|^`100%")->query, "filter[a]={1}|^`100%");
    assert_string_equal(parse("https://a/!$&'()*+,;=:@-._~")->path, "/!$&'()*+,;=:@-._~");
}

/* Each of them leads somewhere else in some browser than it seems to. */
static void return_addresses_of_attackers_are_refused(void **state)
{
    static const char *const cases[] = {
        "//evil",
        "/\\evil",
        "///evil",
        "\\\\evil",
        "http:evil",
        "http:/evil",
        "https:///evil",
        "https:\\\\evil",
        "https:/\\evil",
        "http://example.com\\@evil",
        "http://example.com\\.evil",
        "%09//evil",
        "\t//evil",
        "https://\tevil",
        "ht\ntp://evil",
        " https://evil",
        "https://evil ",
        "javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "httpss://example.com",
        "https+x://example.com",
        "https://user@host/",
        "https://user:secret@host/",
        "https://example.com:80@evil/",
        "https://example.com@evil",
        "https://@evil",
        "https://\xc3\xbc.example/",
        "https://example.com/\xc3\xbc",
        "https://ex%61mple.com/",
        "https://example.com%2eevil",
        "https://a/#fragment",
        "https://a#@evil",
        "https://a/\"onload=",
        "https://a/<b>",
        "https://a/\\evil",
        "https://a/?\\evil",
        "https://a/\t",
        "https://a/ b",
        "https://a/\x7f",
        "https://a/\x01",
        "example.com",
        "/path",
        "",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
}

static void malformed_hosts_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://",
        "https:///",
        "https://?",
        "https://:443",
        "https://.",
        "https://..",
        "https://a..b",
        "https://.a",
        "https://a..",
        "https://a,b",
        "https://a b",
        "https://a*b",
        "https://a'b",
        "https://[",
        "https://[]",
        "https://[::1",
        "https://::1]",
        "https://::1",
        "https://[::1]x",
        "https://x[::1]",
        "https://[::g]",
        "https://[1.2.3.4]",
        "https://[::1%25eth0]",
        "https://[::1%eth0]",
        "https://[example]",
        "https://[[::1]]",
        "https://1:2:3:4:5:6:7:8",
        "https://[:::1]",
        "https://a[b]",
        "https://a]",
        "https://$a",
        "https://a~b",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
}

/* Browsers go to 127.0.0.1 for all of these. */
static void numbers_in_disguise_are_refused(void **state)
{
    static const char *const cases[] = {
        "http://2130706433", "http://127.1",       "http://0x7f.1",      "http://0177.0.0.1",
        "http://0x7f000001", "http://127.0.0.1.1", "http://127.0.0.256", "http://127.0.0.0x1",
        "http://1.2.3",      "http://a.1",         "http://0x",          "http://127.0.0.01",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
}

static void malformed_ports_are_refused(void **state)
{
    static const char *const cases[] = {
        "https://a:",       "https://a:0",     "https://a:65536",      "https://a:99999",
        "https://a:123456", "https://a:-1",    "https://a:+80",        "https://a:8x",
        "https://a:x",      "https://a:080",   "https://a:80:",        "https://a:80:1",
        "https://[::1]:",   "https://[::1]:0", "https://a:4294967739", "https://a:/",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
    assert_int_equal(parse("https://a:1")->port, 1);
    assert_int_equal(parse("https://a:65535")->port, 65535);
}

static const char *filled(const char *begin, char filler, apr_size_t len)
{
    char *text = apr_palloc(pool, len + 1);

    memset(text, filler, len);
    memcpy(text, begin, strlen(begin));
    text[len] = '\0';
    return text;
}

static void lengths_are_limited(void **state)
{
    ta_url *url;

    (void)state;
    assert_non_null(parse(filled("https://a/", 'x', 8192)));
    assert_null(parse(filled("https://a/", 'x', 8193)));
    assert_non_null(parse(filled("https://", 'x', 8 + 253)));
    assert_null(parse(filled("https://", 'x', 8 + 254)));
    assert_int_equal(ta_url_parse(pool, NULL, &url), APR_EINVAL);
    assert_null(url);
}

static void an_origin_is_made_of_parts(void **state)
{
    (void)state;
    assert_string_equal(ta_url_origin(pool, "https", "EXAMPLE.com.", 443), "https://example.com");
    assert_string_equal(ta_url_origin(pool, "http", "example.com", 8080),
                        "http://example.com:8080");
    assert_string_equal(ta_url_origin(pool, "http", "::1", 80), "http://[::1]");
    assert_string_equal(ta_url_origin(pool, "http", "[0::1]", 81), "http://[::1]:81");
}

static void no_origin_is_made_of_anything_else(void **state)
{
    static const char *const hosts[] = {
        "",       ".",    "a/b",      "a?b", "a@b",  "a:80", "a b",
        "a\r\nb", "a\\b", "[::1]:80", "[",   "a..b", "%61",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        assert_null(ta_url_origin(pool, "https", hosts[i], 443));
    }
    assert_null(ta_url_origin(pool, "https", NULL, 443));
    assert_null(ta_url_origin(pool, "https", "a", 0));
}

static void loopback_hosts_are_known(void **state)
{
    static const char *const loopback[] = {"127.0.0.1", "127.255.0.3",   "[::1]",
                                           "localhost", "app.localhost", "a.b.localhost"};
    static const char *const others[] = {
        "127.evil.example", "127.0.0.1.evil.example", "128.0.0.1",  "10.127.0.1", "[::2]",   "[::]",
        "localhost.evil",   "evillocalhost",          ".localhost", "",           "0.0.0.0",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(loopback); i++) {
        assert_true(ta_url_host_is_loopback(loopback[i]));
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(ta_url_host_is_loopback(others[i]));
    }
}

static void everything_but_unreserved_characters_is_encoded(void **state)
{
    (void)state;
    assert_string_equal(ta_url_encode(pool, "AZaz09-._~"), "AZaz09-._~");
    assert_string_equal(ta_url_encode(pool, ""), "");
    assert_string_equal(ta_url_encode(pool, "a b+c&d=e%f/?#"), "a%20b%2Bc%26d%3De%25f%2F%3F%23");
    assert_string_equal(ta_url_encode(pool, "\r\n\xc3\xbc\xff"), "%0D%0A%C3%BC%FF");
}

static void a_query_is_added(void **state)
{
    (void)state;
    assert_string_equal(ta_url_add_query(pool, "https://a/b", "c=d"), "https://a/b?c=d");
    assert_string_equal(ta_url_add_query(pool, "https://a/b?x=y", "c=d"), "https://a/b?x=y&c=d");
    assert_string_equal(ta_url_add_query(pool, "/b", "c=d"), "/b?c=d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_falls_into_its_parts),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(one_origin_has_one_spelling),
        cmocka_unit_test(what_browsers_send_unencoded_is_a_url),
        cmocka_unit_test(return_addresses_of_attackers_are_refused),
        cmocka_unit_test(malformed_hosts_are_refused),
        cmocka_unit_test(numbers_in_disguise_are_refused),
        cmocka_unit_test(malformed_ports_are_refused),
        cmocka_unit_test(lengths_are_limited),
        cmocka_unit_test(an_origin_is_made_of_parts),
        cmocka_unit_test(no_origin_is_made_of_anything_else),
        cmocka_unit_test(loopback_hosts_are_known),
        cmocka_unit_test(everything_but_unreserved_characters_is_encoded),
        cmocka_unit_test(a_query_is_added),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
