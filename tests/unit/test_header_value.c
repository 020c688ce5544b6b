/*
 * Claims in headers: no byte of a claim can end a header or make another item.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/header_value.h"

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

static const char *value_of(const char *claim)
{
    const char *result = NULL;
    ta_text text;

    ta_text_init(&text, pool, 4000);
    ta_header_value_append(&text, claim);
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    return result;
}

static const char *item_of(const char *item)
{
    const char *result = NULL;
    ta_text text;

    ta_text_init(&text, pool, 4000);
    ta_header_value_append_item(&text, item);
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    return result;
}

static void utf8_stays_as_it_is(void **state)
{
    static const char *const claims[] = {
        "",
        "alice",
        "J\xc3\xbcrgen M\xc3\xbcller",
        "\xe5\xb1\xb1\xe7\x94\xb0",
        "\xf0\x9f\x98\x80",
        "\xc2\xa0",
        "a,b%c;d=\"e\"",
        "~",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(claims); i++) {
        assert_string_equal(value_of(claims[i]), claims[i]);
    }
    assert_string_equal(value_of(NULL), "");
}

/* "alice\r\nRemote-Groups: admins" */
static void control_characters_are_encoded(void **state)
{
    (void)state;
    assert_string_equal(value_of("alice\r\nRemote-Groups: admins"),
                        "alice%0D%0ARemote-Groups: admins");
    assert_string_equal(value_of("a\x7f"
                                 "b"),
                        "a%7Fb");
    for (char c = 1; c < 0x20; c++) {
        char claim[] = "axb";

        claim[1] = c;
        assert_string_equal(value_of(claim), apr_psprintf(pool, "a%%%02Xb", (unsigned)c));
    }
}

static void c1_control_characters_are_encoded(void **state)
{
    (void)state;
    for (unsigned c = 0x80; c <= 0x9f; c++) {
        assert_string_equal(value_of(apr_psprintf(pool, "a\xc2%cb", (int)c)),
                            apr_psprintf(pool, "a%%C2%%%02Xb", c));
    }
    assert_string_equal(value_of("\xc2\xa0x"), "\xc2\xa0x");
}

/* A byte 0x85 or 0x0a hidden in what is no UTF-8 may be a line end to a lenient reader. */
static void bytes_that_are_no_utf8_are_encoded(void **state)
{
    (void)state;
    assert_string_equal(value_of("a\xff"
                                 "b"),
                        "a%FFb");
    assert_string_equal(value_of("a\x85"
                                 "b"),
                        "a%85b");
    assert_string_equal(value_of("a\xc3"), "a%C3");
    assert_string_equal(value_of("\xc0\x8a"), "%C0%8A");
    assert_string_equal(value_of("\xe2\x82\nx"), "%E2%82%0Ax");
    assert_string_equal(value_of("\xed\xa0\x80"), "%ED%A0%80");
}

/* HTTP trims them: " admin" would become "admin". */
static void blanks_at_the_ends_are_encoded(void **state)
{
    (void)state;
    assert_string_equal(value_of(" admin"), "%20admin");
    assert_string_equal(value_of("admin "), "admin%20");
    assert_string_equal(value_of("  a  b  "), "%20%20a  b%20%20");
    assert_string_equal(value_of(" "), "%20");
    assert_string_equal(value_of("   "), "%20%20%20");
    assert_string_equal(item_of(" a b "), "%20a b%20");
    assert_string_equal(value_of("\tadmin"), "%09admin");
}

static void items_are_joined_by_commas(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 100);
    ta_header_value_append_item(&text, "users");
    ta_header_value_append_item(&text, NULL);
    ta_header_value_append_item(&text, "staff members");
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_string_equal(result, "users,staff members");
}

/* A group called "users,admins" is one group. */
static void no_item_makes_another_item(void **state)
{
    (void)state;
    assert_string_equal(item_of("users,admins"), "users%2Cadmins");
    assert_string_equal(item_of("users%2Cadmins"), "users%252Cadmins");
    assert_string_equal(item_of("100%"), "100%25");
    assert_string_equal(item_of("a\nb\xff"), "a%0Ab%FF");
}

static void decoding_gives_the_item_back(void **state)
{
    char all[256], *decoded;
    const char *item;
    apr_size_t used = 0;

    (void)state;
    for (int i = 0; i < 255; i++) {
        all[i] = (char)(i + 1);
    }
    all[255] = '\0';
    item = item_of(all);
    decoded = apr_palloc(pool, strlen(item) + 1);
    for (; *item; item++) {
        if (*item == '%') {
            decoded[used++] = (char)apr_strtoi64(apr_pstrmemdup(pool, item + 1, 2), NULL, 16);
            item += 2;
        } else {
            decoded[used++] = *item;
        }
    }
    decoded[used] = '\0';
    assert_string_equal(decoded, all);
}

static void what_does_not_fit_is_refused(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 5);
    ta_header_value_append(&text, "abc\n");
    assert_int_equal(ta_text_finish(&text, &result), APR_ENOSPC);
    assert_null(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_stays_as_it_is),
        cmocka_unit_test(control_characters_are_encoded),
        cmocka_unit_test(c1_control_characters_are_encoded),
        cmocka_unit_test(bytes_that_are_no_utf8_are_encoded),
        cmocka_unit_test(blanks_at_the_ends_are_encoded),
        cmocka_unit_test(items_are_joined_by_commas),
        cmocka_unit_test(no_item_makes_another_item),
        cmocka_unit_test(decoding_gives_the_item_back),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
