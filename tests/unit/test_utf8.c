/*
 * UTF-8: what is a character, and what only looks like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "util/utf8.h"

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

/* From a block of its exact size, so that reading beyond the end is seen. */
static apr_size_t read_exactly(const char *bytes, apr_size_t len, apr_uint32_t *character)
{
    char *copy = malloc(len ? len : 1);
    apr_size_t result;

    memcpy(copy, bytes, len);
    result = ta_utf8_read(copy, len, character);
    free(copy);
    return result;
}

static void characters_of_every_length_are_read(void **state)
{
    static const struct {
        const char *bytes;
        apr_uint32_t character;
    } cases[] = {
        {"A", 'A'},
        {"\x7f", 0x7f},
        {"\xc2\x80", 0x80},
        {"\xdf\xbf", 0x7ff},
        {"\xe0\xa0\x80", 0x800},
        {"\xe2\x82\xac", 0x20ac},
        {"\xed\x9f\xbf", 0xd7ff},
        {"\xee\x80\x80", 0xe000},
        {"\xef\xbf\xbf", 0xffff},
        {"\xf0\x90\x80\x80", 0x10000},
        {"\xf0\x9f\x98\x80", 0x1f600},
        {"\xf4\x8f\xbf\xbf", 0x10ffff},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        apr_uint32_t character;

        assert_int_equal(read_exactly(cases[i].bytes, strlen(cases[i].bytes), &character),
                         strlen(cases[i].bytes));
        assert_int_equal(character, cases[i].character);
    }
}

static void a_nul_is_a_character(void **state)
{
    apr_uint32_t character = 1;

    (void)state;
    assert_int_equal(read_exactly("\0", 1, &character), 1);
    assert_int_equal(character, 0);
}

/* An overlong slash or quote passes a check of bytes and becomes one behind it. */
static void malformed_bytes_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "\x80", /* continuation alone */
        "\xbf",
        "\xc0\xaf", /* overlong '/' */
        "\xc1\xbf",
        "\xe0\x80\xaf",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\xaf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3", /* cut off */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(", /* a byte that continues nothing */
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        apr_uint32_t character = 1;

        assert_int_equal(read_exactly(cases[i], strlen(cases[i]), &character), 0);
        assert_int_equal(character, 0);
    }
}

static void a_text_is_valid_when_all_of_it_is(void **state)
{
    (void)state;
    assert_true(ta_utf8_is_valid("", 0));
    assert_true(ta_utf8_is_valid(NULL, 0));
    assert_true(ta_utf8_is_valid("gr\xc3\xbc\xc3\x9f dich", 10));
    assert_false(ta_utf8_is_valid("ok \xff", 4));
    assert_false(ta_utf8_is_valid("gr\xc3", 3));
    assert_false(ta_utf8_is_valid("\xff ok", 4));
}

static void right_to_left_is_told_by_its_letters(void **state)
{
    (void)state;
    assert_true(ta_utf8_has_right_to_left("\xd7\xa9"));          /* Hebrew */
    assert_true(ta_utf8_has_right_to_left("abc \xff \xd8\xa7")); /* Arabic, behind others */
    assert_true(ta_utf8_has_right_to_left("\xf0\x9e\xa4\x80"));  /* Adlam */
    assert_false(ta_utf8_has_right_to_left(""));
    assert_false(
        ta_utf8_has_right_to_left("Gr\xc3\xbc\xc3\x9f dich \xe6\xbc\xa2 \xf0\x9f\x99\x82"));
    assert_false(ta_utf8_has_right_to_left("\xd8\x9c \xe2\x80\x8f \xd7")); /* marks, cut off */
}

/* The letters at both ends of each block count, their neighbours do not. */
static void right_to_left_ends_with_its_blocks(void **state)
{
    static const char *const inside[] = {
        "\xd6\x90",         "\xe0\xa3\xbf",     "\xef\xac\x9d",     "\xef\xb7\xbf",
        "\xef\xb9\xb0",     "\xef\xbb\xbf",     "\xf0\x90\xa0\x80", "\xf0\x90\xbf\xbf",
        "\xf0\x9e\xa0\x80", "\xf0\x9e\xbf\xbf",
    };
    static const char *const outside[] = {
        "\xd6\x8f",         "\xe0\xa4\x80",     "\xef\xac\x9c",     "\xef\xb8\x80",
        "\xef\xb9\xaf",     "\xef\xbc\x80",     "\xf0\x90\x9f\xbf", "\xf0\x91\x80\x80",
        "\xf0\x9e\x9f\xbf", "\xf0\x9f\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(inside); i++) {
        assert_true(ta_utf8_has_right_to_left(inside[i]));
        assert_false(ta_utf8_has_right_to_left(outside[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_every_length_are_read),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(a_text_is_valid_when_all_of_it_is),
        cmocka_unit_test(right_to_left_is_told_by_its_letters),
        cmocka_unit_test(right_to_left_ends_with_its_blocks),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
