/*
 * The Cookie header: ours are taken out in every spelling, the others stay as they were.
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
#include <apr_time.h>

#include "util/cookie.h"

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

#define PREFIX "TINYAUTH"

static apr_array_header_t *ours;

static int split(const char *header, const char **rest)
{
    char *copy = malloc(strlen(header) + 1);
    int found;

    memcpy(copy, header, strlen(header) + 1);
    ours = apr_array_make(pool, 2, sizeof(ta_cookie));
    found = ta_cookie_split(pool, copy, PREFIX, ours, rest);
    free(copy);
    return found;
}

static void assert_ours(int index, const char *name, const char *value)
{
    assert_true(index < ours->nelts);
    assert_string_equal(APR_ARRAY_IDX(ours, index, ta_cookie).name, name);
    assert_string_equal(APR_ARRAY_IDX(ours, index, ta_cookie).value, value);
}

static void our_cookies_are_taken_out(void **state)
{
    const char *rest;

    (void)state;
    assert_int_equal(split("a=1; __Host-TINYAUTH=one; b=2; TINYAUTH-login-x=two", &rest), 2);
    assert_string_equal(rest, "a=1; b=2");
    assert_int_equal(ours->nelts, 2);
    assert_ours(0, "__Host-TINYAUTH", "one");
    assert_ours(1, "TINYAUTH-login-x", "two");
}

static void nothing_is_left_of_ours_alone(void **state)
{
    static const char *const cases[] = {"TINYAUTH=x", "TINYAUTH=x; ", ";TINYAUTH=x;;",
                                        " ; TINYAUTH=x ; ",
                                        "TINYAUTH=x; __Secure-TINYAUTH-domain=y"};
    const char *rest = "";

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(split(cases[i], &rest) >= 1);
        assert_null(rest);
    }
    assert_int_equal(split("", &rest), 0);
    assert_null(rest);
    assert_int_equal(split(" ; ", &rest), 0);
    assert_null(rest);
}

/* What is forged in another spelling must reach the application no more than ours. */
static void every_spelling_of_our_name_is_taken_out(void **state)
{
    static const char *const names[] = {
        "TINYAUTH",          "tinyauth",        "TinyAuth-x",        "__Host-TINYAUTH",
        "__host-TINYAUTH",   "__HOST-tinyauth", "__Secure-TINYAUTH", "__secure-tinyauth-domain",
        " TINYAUTH",         "\tTINYAUTH",      "TINYAUTH ",         "\x0bTINYAUTH",
        "__Host-TINYAUTH\t",
    };
    const char *rest;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(split(apr_pstrcat(pool, "a=1;", names[i], "=forged; b=2", NULL), &rest),
                         1);
        assert_string_equal(rest, "a=1; b=2");
        assert_int_equal(ours->nelts, 1);
    }
}

static void names_keep_their_spelling(void **state)
{
    const char *rest;

    (void)state;
    split("__hOST-tINYAUTH=x", &rest);
    assert_ours(0, "__hOST-tINYAUTH", "x");
}

static void names_that_only_resemble_ours_stay(void **state)
{
    static const char *const headers[] = {
        "TINYAUT=1",
        "XTINYAUTH=1",
        "x=TINYAUTH=1",
        "__Host-x=TINYAUTH",
        "__Hosts-TINYAUTH=1",
        "=TINYAUTH",
        "__Host-__Host-TINYAUTH=1",
        "a; b=TINYAUTH",
    };
    const char *rest;

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_int_equal(split(headers[i], &rest), 0);
        assert_string_equal(rest, headers[i]);
        assert_int_equal(ours->nelts, 0);
    }
}

static void without_ours_the_header_stays_byte_for_byte(void **state)
{
    static const char *const headers[] = {
        "a=1", " a=1;b=2 ;  c = \"3\" ", ";;a=1;;", "a", "=x", "a=\"x y\", b=\xff\x01", "a==;b=;=",
    };
    const char *rest;

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_int_equal(split(headers[i], &rest), 0);
        assert_string_equal(rest, headers[i]);
    }
}

static void the_others_keep_their_bytes(void **state)
{
    const char *rest;

    (void)state;
    split("TINYAUTH=x;  a = \"1 2\" ;b=\xff\x01;TINYAUTH=y;c;=d;e==f= ", &rest);
    assert_string_equal(rest, "a = \"1 2\" ;b=\xff\x01;c;=d;e==f= ");
    split("a=1;TINYAUTH=x;b=2", &rest);
    assert_string_equal(rest, "a=1;b=2");
    split("a=1; ; TINYAUTH=x;; b=2;", &rest);
    assert_string_equal(rest, "a=1; b=2");
}

static void values_come_without_quotes_and_blanks(void **state)
{
    static const char *const cases[][2] = {
        {"TINYAUTH=\"x\"", "x"},   {"TINYAUTH= x ", "x"},           {"TINYAUTH=\"\"", ""},
        {"TINYAUTH=\"", "\""},     {"TINYAUTH=\"x", "\"x"},         {"TINYAUTH=x\"", "x\""},
        {"TINYAUTH= \"x\" ", "x"}, {"TINYAUTH=a=b==", "a=b=="},     {"TINYAUTH=", ""},
        {"TINYAUTH", ""},          {"TINYAUTH=\"\"x\"\"", "\"x\""},
    };
    const char *rest;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(split(cases[i][0], &rest), 1);
        assert_ours(0, cases[i][0][8] == '=' ? "TINYAUTH" : cases[i][0], cases[i][1]);
        assert_null(rest);
    }
}

/* An application that believes in quotes would otherwise see our cookie inside one of its own. */
static void a_quote_hides_no_cookie_of_ours(void **state)
{
    const char *rest;

    (void)state;
    assert_int_equal(split("a=\"x; TINYAUTH=secret; b=y\"", &rest), 1);
    assert_ours(0, "TINYAUTH", "secret");
    assert_string_equal(rest, "a=\"x; b=y\"");
}

static void two_cookies_of_one_name_are_both_kept(void **state)
{
    const char *rest;

    (void)state;
    assert_int_equal(split("TINYAUTH=1; TINYAUTH=2", &rest), 2);
    assert_ours(0, "TINYAUTH", "1");
    assert_ours(1, "TINYAUTH", "2");
}

static void the_number_of_ours_is_limited(void **state)
{
    const char *header = "a=1";
    const char *rest;

    (void)state;
    for (int i = 0; i < TA_COOKIE_OURS + 3; i++) {
        header = apr_psprintf(pool, "%s; TINYAUTH%d=x", header, i);
    }
    assert_int_equal(split(header, &rest), TA_COOKIE_OURS + 3);
    assert_int_equal(ours->nelts, TA_COOKIE_OURS);
    assert_string_equal(rest, "a=1");
}

static void a_value_that_is_too_long_is_dropped(void **state)
{
    char value[TA_COOKIE_VALUE_LEN + 2];
    const char *rest;

    (void)state;
    memset(value, 'x', sizeof(value));
    value[TA_COOKIE_VALUE_LEN + 1] = '\0';
    assert_int_equal(split(apr_pstrcat(pool, "TINYAUTH=", value, "; a=1", NULL), &rest), 1);
    assert_int_equal(ours->nelts, 0);
    assert_string_equal(rest, "a=1");
    value[TA_COOKIE_VALUE_LEN] = '\0';
    assert_int_equal(split(apr_pstrcat(pool, "TINYAUTH=", value, NULL), &rest), 1);
    assert_ours(0, "TINYAUTH", value);
}

/* A megabyte of semicolons, or of cookies, must not take long. */
static void long_headers_take_linear_time(void **state)
{
    static const char *const pieces[] = {";", "a;", "TINYAUTH;", " ", "=", "\""};
    apr_time_t start = apr_time_now();

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        const apr_size_t len = 2000000;
        char *header = malloc(len + 1);
        const char *rest;

        for (apr_size_t j = 0; j < len; j++) {
            header[j] = pieces[i][j % strlen(pieces[i])];
        }
        header[len] = '\0';
        split(header, &rest);
        free(header);
    }
    assert_true(apr_time_now() - start < apr_time_from_sec(5));
}

static void a_cookie_is_written_with_safe_attributes(void **state)
{
    ta_cookie_attributes attributes = {.secure = 1, .max_age = -1};

    (void)state;
    assert_string_equal(ta_cookie_write(pool, "__Host-TINYAUTH", "value", &attributes),
                        "__Host-TINYAUTH=value; Path=/; HttpOnly; SameSite=Lax; Secure");
    attributes = (ta_cookie_attributes){.domain = "example.com", .max_age = 600};
    assert_string_equal(ta_cookie_write(pool, "T", "v", &attributes),
                        "T=v; Path=/; HttpOnly; SameSite=Lax; Domain=example.com; Max-Age=600");
}

static void a_cookie_is_deleted_by_age_zero(void **state)
{
    ta_cookie_attributes attributes = {.secure = 1, .max_age = 0};

    (void)state;
    assert_string_equal(ta_cookie_write(pool, "T", "", &attributes),
                        "T=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_cookies_are_taken_out),
        cmocka_unit_test(nothing_is_left_of_ours_alone),
        cmocka_unit_test(every_spelling_of_our_name_is_taken_out),
        cmocka_unit_test(names_keep_their_spelling),
        cmocka_unit_test(names_that_only_resemble_ours_stay),
        cmocka_unit_test(without_ours_the_header_stays_byte_for_byte),
        cmocka_unit_test(the_others_keep_their_bytes),
        cmocka_unit_test(values_come_without_quotes_and_blanks),
        cmocka_unit_test(a_quote_hides_no_cookie_of_ours),
        cmocka_unit_test(two_cookies_of_one_name_are_both_kept),
        cmocka_unit_test(the_number_of_ours_is_limited),
        cmocka_unit_test(a_value_that_is_too_long_is_dropped),
        cmocka_unit_test(long_headers_take_linear_time),
        cmocka_unit_test(a_cookie_is_written_with_safe_attributes),
        cmocka_unit_test(a_cookie_is_deleted_by_age_zero),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
