/*
 * Reading and writing JSON: types, members, paths, times, texts.
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

#include "util/json.h"

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

/* Parses from a block of its exact size, which is gone afterwards. */
static apr_status_t parse_bytes(const char *text, apr_size_t len, const ta_json **result)
{
    unsigned char *copy = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(copy, text, len);
    rv = ta_json_parse(pool, (ta_bytes){.data = copy, .len = len}, result);
    free(copy);
    return rv;
}

static const ta_json *parse(const char *text)
{
    const ta_json *result;

    if (parse_bytes(text, strlen(text), &result) != APR_SUCCESS) {
        fail_msg("refused: %s", text);
    }
    return result;
}

static void every_type_is_read(void **state)
{
    const ta_json *root = parse(" {\"s\":\"x\", \"n\":1.5, \"i\":-7, \"t\":true, \"f\":false,\r\n"
                                "\t\"z\":null, \"a\":[1,2], \"o\":{}} ");

    (void)state;
    assert_int_equal(ta_json_type_of(root), TA_JSON_OBJECT);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "s")), TA_JSON_STRING);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "n")), TA_JSON_NUMBER);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "i")), TA_JSON_NUMBER);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "t")), TA_JSON_BOOLEAN);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "z")), TA_JSON_NULL);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "a")), TA_JSON_ARRAY);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "o")), TA_JSON_OBJECT);
    assert_int_equal(ta_json_type_of(ta_json_get(root, "none")), TA_JSON_NULL);
    assert_int_equal(ta_json_type_of(NULL), TA_JSON_NULL);
}

static void a_root_may_be_any_value(void **state)
{
    (void)state;
    assert_int_equal(ta_json_type_of(parse("[]")), TA_JSON_ARRAY);
    assert_int_equal(ta_json_type_of(parse("\"x\"")), TA_JSON_STRING);
    assert_int_equal(ta_json_type_of(parse("12")), TA_JSON_NUMBER);
    assert_int_equal(ta_json_type_of(parse("true\n")), TA_JSON_BOOLEAN);
    assert_null(parse("null"));
}

static void an_object_is_asked_for(void **state)
{
    static const char *const others[] = {"[]", "\"x\"", "12", "true", "null", "[{}]"};
    const ta_json *result;

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        ta_bytes bytes = {.data = (const unsigned char *)others[i], .len = strlen(others[i])};

        assert_int_equal(ta_json_parse_object(pool, bytes, &result), APR_EINVAL);
        assert_null(result);
    }
    assert_int_equal(ta_json_parse_object(
                         pool, (ta_bytes){.data = (const unsigned char *)"{}", .len = 2}, &result),
                     APR_SUCCESS);
    assert_non_null(result);
}

static void members_are_found_by_their_exact_name(void **state)
{
    const ta_json *root = parse("{\"Sub\":\"a\",\"sub\":\"b\",\"\":\"c\"}");

    (void)state;
    assert_string_equal(ta_json_string(root, "sub"), "b");
    assert_string_equal(ta_json_string(root, "Sub"), "a");
    assert_string_equal(ta_json_string(root, ""), "c");
    assert_null(ta_json_string(root, "SUB"));
    assert_null(ta_json_get(NULL, "sub"));
    assert_null(ta_json_get(parse("[\"sub\"]"), "sub"));
    assert_null(ta_json_get(parse("\"sub\""), "sub"));
}

/* A number or an array that reads like the expected text is not that text. */
static void only_strings_are_texts(void **state)
{
    const ta_json *root = parse("{\"n\":1,\"b\":true,\"a\":[\"x\"],\"o\":{},\"z\":null}");

    (void)state;
    assert_null(ta_json_string(root, "n"));
    assert_null(ta_json_string(root, "b"));
    assert_null(ta_json_string(root, "a"));
    assert_null(ta_json_string(root, "o"));
    assert_null(ta_json_string(root, "z"));
    assert_null(ta_json_text(NULL));
}

static void only_the_literal_true_is_true(void **state)
{
    const ta_json *root =
        parse("{\"t\":true,\"f\":false,\"s\":\"true\",\"n\":1,\"z\":null,\"a\":[true]}");

    (void)state;
    assert_true(ta_json_is_true(root, "t"));
    assert_false(ta_json_is_true(root, "f"));
    assert_false(ta_json_is_true(root, "s"));
    assert_false(ta_json_is_true(root, "n"));
    assert_false(ta_json_is_true(root, "z"));
    assert_false(ta_json_is_true(root, "a"));
    assert_false(ta_json_is_true(root, "none"));
}

static void a_path_leads_into_nested_objects(void **state)
{
    const ta_json *root = parse("{\"a\":{\"b\":{\"c\":\"deep\"}},\"s\":\"x\"}");

    (void)state;
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "a.b.c")), "deep");
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "s")), "x");
    assert_null(ta_json_path(pool, root, "a.b.d"));
    assert_null(ta_json_path(pool, root, "a.x.c"));
    assert_null(ta_json_path(pool, root, "s.x"));
    assert_null(ta_json_path(pool, root, "a."));
    assert_null(ta_json_path(pool, root, ".a"));
    assert_null(ta_json_path(pool, root, ""));
    assert_null(ta_json_path(pool, NULL, "a"));
}

static void a_name_with_dots_goes_before_a_path(void **state)
{
    const ta_json *root = parse("{\"https://x.example/groups\":\"whole\",\"a.b\":\"whole\","
                                "\"a\":{\"b\":\"nested\",\"c.d\":\"inner\"},"
                                "\"x.y\":{\"z\":\"behind\"},\"x\":{\"y\":{\"z\":\"split\"}}}");

    (void)state;
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "https://x.example/groups")),
                        "whole");
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "a.b")), "whole");
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "a.c.d")), "inner");
    assert_string_equal(ta_json_text(ta_json_path(pool, root, "x.y.z")), "behind");
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        apr_int64_t seconds;
    } cases[] = {
        {"0", 0},
        {"1700000000", 1700000000},
        {"1700000000.9", 1700000000},
        {"1.7e9", 1700000000},
        {"4294967296", APR_INT64_C(4294967296)}, /* beyond 2038 and 2106 */
        {"253402300799", APR_INT64_C(253402300799)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const ta_json *root = parse(apr_pstrcat(pool, "{\"exp\":", cases[i].text, "}", NULL));
        apr_int64_t seconds = -1;

        assert_int_equal(ta_json_seconds(root, "exp", &seconds), APR_SUCCESS);
        assert_int_equal(seconds, cases[i].seconds);
    }
}

/* An expiry of 1e300 never comes, and as an integer it is anything. */
static void other_times_are_refused(void **state)
{
    static const char *const cases[] = {
        "-1",
        "-0.5",
        "253402300800",
        "253402300799.5",
        "1e300",
        "-1e300",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "\"1700000000\"",
        "true",
        "[1]",
        "{}",
    };
    apr_int64_t seconds = 42;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const ta_json *root = parse(apr_pstrcat(pool, "{\"exp\":", cases[i], "}", NULL));

        assert_int_equal(ta_json_seconds(root, "exp", &seconds), APR_EINVAL);
    }
    assert_int_equal(ta_json_seconds(parse("{}"), "exp", &seconds), APR_ENOENT);
    assert_int_equal(ta_json_seconds(parse("{\"exp\":null}"), "exp", &seconds), APR_ENOENT);
    assert_int_equal(seconds, 42);
}

static void arrays_are_read_up_to_their_end(void **state)
{
    const ta_json *array = parse("[\"a\",null,\"c\"]");

    (void)state;
    assert_int_equal(ta_json_length(array), 3);
    assert_string_equal(ta_json_text(ta_json_item(array, 0)), "a");
    assert_null(ta_json_item(array, 1));
    assert_string_equal(ta_json_text(ta_json_item(array, 2)), "c");
    assert_null(ta_json_item(array, 3));
    assert_null(ta_json_item(array, (apr_size_t)-1));
    assert_int_equal(ta_json_length(parse("{\"a\":1}")), 0);
    assert_int_equal(ta_json_length(NULL), 0);
    assert_null(ta_json_item(parse("{\"a\":1}"), 0));
    assert_null(ta_json_item(parse("\"abc\""), 0));
}

typedef struct seen {
    int left;
    const char *names;
} seen;

static int see(void *context, const char *name, const ta_json *value)
{
    seen *s = context;

    s->names = apr_pstrcat(pool, s->names, name, ta_json_type_of(value) ? " " : "(null) ", NULL);
    return --s->left;
}

static void each_member_is_visited_until_told_to_stop(void **state)
{
    const ta_json *root = parse("{\"a\":1,\"b\":null,\"c\":{\"d\":1}}");
    seen all = {.left = 99, .names = ""}, two = {.left = 2, .names = ""};

    (void)state;
    ta_json_each(root, see, &all);
    assert_string_equal(all.names, "a b(null) c ");
    ta_json_each(root, see, &two);
    assert_string_equal(two.names, "a b(null) ");
    ta_json_each(parse("[1]"), see, &two);
    ta_json_each(NULL, see, &two);
    assert_string_equal(two.names, "a b(null) ");
}

static void scalars_become_texts(void **state)
{
    static const char *const cases[][2] = {
        {"\"x\"", "x"},
        {"\"\"", ""},
        {"true", "true"},
        {"false", "false"},
        {"42", "42"},
        {"-42", "-42"},
        {"9223372036854775808", "9223372036854775808"},
        {"1.50", "1.50"},
        {"1E2", "1E2"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(ta_json_scalar(pool, parse(cases[i][0])), cases[i][1]);
    }
    assert_null(ta_json_scalar(pool, parse("null")));
    assert_null(ta_json_scalar(pool, parse("[]")));
    assert_null(ta_json_scalar(pool, parse("{}")));
    assert_null(ta_json_scalar(pool, NULL));
}

/* json-c makes 18446744073709551615 of every larger number: all those users would be one. */
static void numbers_beyond_64_bits_name_nobody(void **state)
{
    (void)state;
    assert_null(ta_json_scalar(pool, parse("18446744073709551616")));
    assert_null(ta_json_scalar(pool, parse("18446744073709551617")));
    assert_null(ta_json_scalar(pool, parse("-9223372036854775809")));
}

static const char *written(const char *string)
{
    const char *result = NULL;
    ta_text text;

    ta_text_init(&text, pool, 1000);
    ta_json_append_string(&text, string);
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    return result;
}

static void strings_are_written_escaped(void **state)
{
    (void)state;
    assert_string_equal(written("plain & gr\xc3\xbc"), "\"plain & gr\xc3\xbc\"");
    assert_string_equal(written(""), "\"\"");
    assert_string_equal(written(NULL), "null");
    assert_string_equal(written("a\"b\\c"), "\"a\\u0022b\\u005cc\"");
    assert_string_equal(written("\n\x01\x1f"), "\"\\u000a\\u0001\\u001f\"");
    assert_string_equal(written("</script><!--"), "\"\\u003c/script\\u003e\\u003c!--\"");
    assert_string_equal(written("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"");
    assert_string_equal(written("a\xff\xc3z"), "\"a\\ufffd\\ufffdz\"");
}

static void what_is_written_reads_the_same(void **state)
{
    char all[256];

    (void)state;
    for (int i = 1; i < 0x80; i++) {
        all[i - 1] = (char)i;
    }
    memcpy(all + 0x7f, "\xc3\xbc\xf0\x9f\x98\x80\xe2\x80\xa8", 10);
    assert_string_equal(ta_json_text(parse(written(all))), all);
}

static void values_are_written_as_they_were_read(void **state)
{
    static const char document[] =
        "{\"a\":[1,-2.5,true,null,{}],\"b\":\"\u00fc\\\"/\\n\",\"c\":{\"d\":[]}}";
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 256);
    ta_json_append(&text, parse(document));
    assert_string_equal(text.data, document);
    ta_text_init(&text, pool, 256);
    ta_json_append(&text, NULL);
    assert_string_equal(text.data, "null");
}

static void a_document_ends_with_its_pool(void **state)
{
    static const unsigned char text[] = "{\"a\":[1,2,{\"b\":\"c\"}]}";
    const ta_json *result;
    apr_pool_t *child;

    (void)state;
    assert_int_equal(apr_pool_create(&child, pool), APR_SUCCESS);
    assert_int_equal(
        ta_json_parse(child, (ta_bytes){.data = text, .len = sizeof(text) - 1}, &result),
        APR_SUCCESS);
    apr_pool_destroy(child); /* leak checkers see it when nothing is freed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(a_root_may_be_any_value),
        cmocka_unit_test(an_object_is_asked_for),
        cmocka_unit_test(members_are_found_by_their_exact_name),
        cmocka_unit_test(only_strings_are_texts),
        cmocka_unit_test(only_the_literal_true_is_true),
        cmocka_unit_test(a_path_leads_into_nested_objects),
        cmocka_unit_test(a_name_with_dots_goes_before_a_path),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(arrays_are_read_up_to_their_end),
        cmocka_unit_test(each_member_is_visited_until_told_to_stop),
        cmocka_unit_test(scalars_become_texts),
        cmocka_unit_test(numbers_beyond_64_bits_name_nobody),
        cmocka_unit_test(strings_are_written_escaped),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(values_are_written_as_they_were_read),
        cmocka_unit_test(a_document_ends_with_its_pool),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
