/*
 * The text builder: its limit holds, and nothing is ever cut silently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/text.h"

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

static void an_empty_text_is_the_empty_string(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 10);
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_string_equal(result, "");
}

static void pieces_are_joined(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 100);
    ta_text_append(&text, "one");
    ta_text_append(&text, NULL);
    ta_text_append_bytes(&text, ", two and more", 5);
    ta_text_append_bytes(&text, NULL, 0);
    ta_text_append_format(&text, ", %d%s", 3, "!");
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_string_equal(result, "one, two, 3!");
    assert_int_equal(text.len, strlen(result));
}

static void bytes_may_hold_a_nul(void **state)
{
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 8);
    ta_text_append_bytes(&text, "a\0b", 3);
    ta_text_append(&text, "c");
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.data, "a\0bc", 5);
}

static void what_fills_the_limit_fits(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 6);
    ta_text_append(&text, "abc");
    ta_text_append_format(&text, "%s", "def");
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_string_equal(result, "abcdef");
}

static void one_byte_too_many_is_refused_as_a_whole(void **state)
{
    const char *untouched = "untouched";
    const char *result = untouched;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 6);
    ta_text_append(&text, "abc");
    ta_text_append(&text, "defg");
    assert_int_equal(ta_text_finish(&text, &result), APR_ENOSPC);
    assert_ptr_equal(result, untouched);
    assert_string_equal(text.data, "abc");
}

static void one_formatted_byte_too_many_is_refused(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 6);
    ta_text_append_format(&text, "%s", "abcdefg");
    assert_int_equal(ta_text_finish(&text, &result), APR_ENOSPC);
    assert_null(result);
}

/* A short piece behind a long one that did not fit would make another text out of the two. */
static void an_overflow_stays(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 4);
    ta_text_append(&text, "too long");
    ta_text_append(&text, "x");
    ta_text_append_format(&text, "%d", 1);
    assert_int_equal(text.len, 0);
    assert_int_equal(ta_text_finish(&text, &result), APR_ENOSPC);
}

static void a_limit_of_nothing_holds_nothing(void **state)
{
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 0);
    ta_text_append(&text, "");
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_string_equal(result, "");
    ta_text_append(&text, "x");
    assert_int_equal(ta_text_finish(&text, &result), APR_ENOSPC);
}

static void a_text_grows_up_to_its_limit(void **state)
{
    const apr_size_t limit = 100000;
    const char *result = NULL;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, limit);
    for (apr_size_t i = 0; i < limit; i++) {
        char c = (char)('a' + i % 26);

        ta_text_append_bytes(&text, &c, 1);
    }
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    assert_int_equal(strlen(result), limit);
    assert_true(text.capacity <= limit + 1);
    for (apr_size_t i = 0; i < limit; i++) {
        assert_int_equal(result[i], 'a' + i % 26);
    }
}

static void the_first_line_is_found_and_trimmed(void **state)
{
    static const struct {
        const char *text;
        const char *line; /* NULL: there is none */
    } cases[] = {
        {"secret", "secret"},
        {"  secret \t\r\nmore\n", "secret"},
        {"\n \t\r\n\nsecret", "secret"},
        {"two words\n", "two words"},
        {"", NULL},
        {" \r\n\t\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *line = ta_text_first_line(apr_pstrdup(pool, cases[i].text));

        if (cases[i].line) {
            assert_string_equal(line, cases[i].line);
        } else {
            assert_null(line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_found_and_trimmed),
        cmocka_unit_test(an_empty_text_is_the_empty_string),
        cmocka_unit_test(pieces_are_joined),
        cmocka_unit_test(bytes_may_hold_a_nul),
        cmocka_unit_test(what_fills_the_limit_fits),
        cmocka_unit_test(one_byte_too_many_is_refused_as_a_whole),
        cmocka_unit_test(one_formatted_byte_too_many_is_refused),
        cmocka_unit_test(an_overflow_stays),
        cmocka_unit_test(a_limit_of_nothing_holds_nothing),
        cmocka_unit_test(a_text_grows_up_to_its_limit),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
