/*
 * JSON from strangers: what is not JSON here, though some parser takes it.
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

static void assert_refused(const char *text, apr_size_t len)
{
    static const char sentinel;
    const ta_json *result = (const ta_json *)&sentinel;

    if (parse_bytes(text, len, &result) != APR_EINVAL) {
        fail_msg("accepted: %.60s", text);
    }
    assert_null(result);
}

static void all_refused(const char *const *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_refused(cases[i], strlen(cases[i]));
    }
}

static void what_ends_too_early_is_refused(void **state)
{
    static const char whole[] = "{\"a\":[1,\"\\u00fc\\ud83d\\ude00\",true],\"b\":{\"c\":-1.5e+3}}";

    (void)state;
    parse(whole);
    for (apr_size_t len = 0; len < sizeof(whole) - 1; len++) {
        assert_refused(whole, len);
    }
}

static void no_bytes_are_no_document(void **state)
{
    const ta_json *result;

    (void)state;
    assert_int_equal(ta_json_parse(pool, (ta_bytes){.len = 0}, &result), APR_EINVAL);
    assert_refused("  ", 2);
}

static void only_len_bytes_are_read(void **state)
{
    const ta_json *result;

    (void)state;
    assert_int_equal(parse_bytes("{}garbage", 2, &result), APR_SUCCESS);
}

static void trailing_text_is_refused(void **state)
{
    static const char *const cases[] = {"{}x", "{} {}", "{},", "{}]", "1 2", "\"a\"\"b\"", "{}//"};

    (void)state;
    all_refused(cases, COUNT(cases));
    assert_refused("{}\0", 3);
    assert_refused("{}\0{}", 5);
    parse("{} \t\r\n");
}

/* One parser takes the first, another one the last: {"sub":"mallory","sub":"alice"}. */
static void a_name_that_comes_twice_is_refused(void **state)
{
    static const char *const cases[] = {
        "{\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"sub\":\"a\",\"sub\":\"a\"}",
        "{\"a\":1,\"b\":2,\"a\":null}",
        "{\"s\\u0075b\":\"a\",\"sub\":\"b\"}",
        "{\"\":1,\"\":2}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "[[{\"b\":1,\"b\":2}]]",
        "{\"a\":{\"x\":1,\"y\":2},\"a\":{\"x\":1,\"y\":2,\"z\":3}}",
        "{\"a\":{\"x\":1,\"y\":2,\"z\":3},\"a\":1}",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
}

static void colons_in_strings_are_no_members(void **state)
{
    const ta_json *root = parse("{\"a:b\":\"c:d\\\":\",\"e\":{\"f\":[{\"a:b\":null},{\"g\":1}]}}");

    (void)state;
    assert_string_equal(ta_json_string(root, "a:b"), "c:d\":");
}

/* "admin\0" would be "admin" for everybody who reads C strings. */
static void a_nul_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"a\":\"x\\u0000y\"}", 16);
    assert_refused("{\"a\\u0000b\":1}", 14);
    assert_refused("{\"a\":\"x\0y\"}", 11);
    assert_refused("{\0\"a\":1}", 8);
    assert_string_equal(ta_json_string(parse("{\"a\":\"\\\\u0000\"}"), "a"), "\\u0000");
}

static void control_characters_in_strings_are_refused(void **state)
{
    (void)state;
    for (char c = 1; c < 0x20; c++) {
        char text[] = "{\"a\":\"x\"}";

        text[6] = c;
        assert_refused(text, sizeof(text) - 1);
    }
}

static void what_json_c_would_let_pass_is_refused(void **state)
{
    static const char *const cases[] = {
        "{'1':2}",     "['1']",         "{'':1}",      "[\"1']",         "{'a':1}",
        "{\"a\":'b'}", "[NaN]",         "[nan]",       "[Infinity]",     "[-Infinity]",
        "[inf]",       "[TRUE]",        "[True]",      "[nulll]",        "[nul]",
        "[truefalse]", "[1,]",          "[,1]",        "[1 2]",          "{\"a\":1,}",
        "{,}",         "{\"a\"}",       "{\"a\":}",    "{\"a\" 1}",      "{a:1}",
        "{1:2}",       "{\"a\"::1}",    "[1:2]",       "[/**/]",         "//\n[]",
        "[\v]",        "[\f]",          "[\xc2\xa0]",  "\xef\xbb\xbf{}", "[\"\\x41\"]",
        "[\"\\'\"]",   "[\"\\\n\"]",    "[\"\\u12\"]", "[\"\\u12g4\"]",  "[}",
        "{]",          "[\"\\U0041\"]", "[#]",         "[\"a]",          "]",
        "[\x7f]",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
}

static void numbers_follow_the_grammar(void **state)
{
    static const char *const wrong[] = {
        "01",  "-01",  "00",   "+1",   "-",    "--1",  "1.",    ".5",
        "-.5", "1.e1", "1e",   "1e+",  "1E-",  "0x10", "1e1.5", "1.2.3",
        "1f",  "[-]",  "[1e]", "[1.]", "[01]", "1-1",  "1e1e1",
    };
    static const char *const right[] = {"0",   "-0",   "10",     "0.5", "-0.5",
                                        "1e5", "1E+5", "1.5e-5", "0e0"};

    (void)state;
    all_refused(wrong, COUNT(wrong));
    for (size_t i = 0; i < COUNT(right); i++) {
        assert_int_equal(ta_json_type_of(parse(right[i])), TA_JSON_NUMBER);
    }
}

static void infinite_numbers_are_refused(void **state)
{
    static const char *const cases[] = {"1e999", "-1e999", "{\"a\":[1e400]}"};

    (void)state;
    all_refused(cases, COUNT(cases));
}

static void text_that_is_no_utf8_is_refused(void **state)
{
    static const char *const cases[] = {
        "[\"\xff\"]",     "[\"\xc0\xaf\"]", "[\"\xe0\x80\xaf\"]",     "[\"\xed\xa0\x80\"]",
        "[\"\xe2\x82\"]", "{\"\x80\":1}",   "[\"\xf4\x90\x80\x80\"]",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
    assert_string_equal(ta_json_text(parse("\"gr\xc3\xbc\"")), "gr\xc3\xbc");
}

/* json-c makes U+FFFD of each: two names would become one. */
static void half_surrogate_pairs_are_refused(void **state)
{
    static const char *const cases[] = {
        "[\"\\ud800\"]",        "[\"\\udc00\"]",        "[\"\\ud800x\"]",
        "[\"\\ud800\\n\"]",     "[\"\\ud800\\ud800\"]", "[\"\\udc00\\ud800\"]",
        "[\"\\ud800\\u0041\"]", "{\"\\uDBFF\":1}",      "[\"\\udc00\\udc00\"]",
        "[\"\\ud800\\ndc00\"]", "[\"\\ud800xudc00\"]",  "[\"\\ud800\\xdc00\"]",
        "[\"\\ud800\\udc0\"]",  "[\"\\ud800\\ue000\"]",
    };

    (void)state;
    all_refused(cases, COUNT(cases));
    assert_string_equal(ta_json_text(parse("\"\\ud83d\\uDE00\"")), "\xf0\x9f\x98\x80");
    assert_string_equal(ta_json_text(parse("\"\\ud7ff\\ue000\"")), "\xed\x9f\xbf\xee\x80\x80");
}

static const char *nested(const char *open, const char *inside, const char *close, int depth)
{
    const char *result = inside;

    for (int i = 0; i < depth; i++) {
        result = apr_pstrcat(pool, open, result, close, NULL);
    }
    return result;
}

static void nesting_is_limited(void **state)
{
    static const char *const insides[] = {"", "1", "[]"};

    (void)state;
    for (size_t i = 0; i < COUNT(insides); i++) {
        int depth = TA_JSON_DEPTH - (insides[i][0] == '[');
        const char *deep = nested("[", insides[i], "]", depth + 1);

        parse(nested("[", insides[i], "]", depth));
        assert_refused(deep, strlen(deep));
    }
    parse(nested("{\"a\":", "1", "}", TA_JSON_DEPTH));
    parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
    assert_refused(nested("{\"a\":", "1", "}", TA_JSON_DEPTH + 1), (TA_JSON_DEPTH + 1) * 6 + 1);
}

/* Recursion in the parser must not follow whoever wrote the text. */
static void a_mountain_of_brackets_is_refused(void **state)
{
    char *text = apr_palloc(pool, 1000000);

    (void)state;
    memset(text, '[', 1000000);
    assert_refused(text, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ends_too_early_is_refused),
        cmocka_unit_test(no_bytes_are_no_document),
        cmocka_unit_test(only_len_bytes_are_read),
        cmocka_unit_test(trailing_text_is_refused),
        cmocka_unit_test(a_name_that_comes_twice_is_refused),
        cmocka_unit_test(colons_in_strings_are_no_members),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(control_characters_in_strings_are_refused),
        cmocka_unit_test(what_json_c_would_let_pass_is_refused),
        cmocka_unit_test(numbers_follow_the_grammar),
        cmocka_unit_test(infinite_numbers_are_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(half_surrogate_pairs_are_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(a_mountain_of_brackets_is_refused),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
