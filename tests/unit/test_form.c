/*
 * Forms and queries: what is read, with which limits.
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

#include "util/form.h"

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

static apr_status_t parse_bytes(const char *text, apr_size_t len, ta_form **form)
{
    unsigned char *copy = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(copy, text, len);
    rv = ta_form_parse(pool, (ta_bytes){.data = copy, .len = len}, form);
    free(copy);
    return rv;
}

static const ta_form *parse(const char *text)
{
    ta_form *form;

    assert_int_equal(parse_bytes(text, strlen(text), &form), APR_SUCCESS);
    return form;
}

static void assert_refused(const char *text, apr_size_t len, apr_status_t status)
{
    ta_form *form;

    assert_int_equal(parse_bytes(text, len, &form), status);
    assert_null(form);
}

static void fields_are_decoded(void **state)
{
    const ta_form *form = parse("a=1&b=x+y%20z&c%3d=%26%3D%2B&d=gr%C3%bc");

    (void)state;
    assert_int_equal(form->fields->nelts, 4);
    assert_string_equal(ta_form_get(form, "a"), "1");
    assert_string_equal(ta_form_get(form, "b"), "x y z");
    assert_string_equal(ta_form_get(form, "c="), "&=+");
    assert_string_equal(ta_form_get(form, "d"), "gr\xc3\xbc");
    assert_null(ta_form_get(form, "A"));
    assert_null(ta_form_get(NULL, "a"));
}

static void odd_shapes_are_read(void **state)
{
    const ta_form *form = parse("&&a&b=&=c&d=e=f&");

    (void)state;
    assert_int_equal(form->fields->nelts, 4);
    assert_string_equal(ta_form_get(form, "a"), "");
    assert_string_equal(ta_form_get(form, "b"), "");
    assert_string_equal(ta_form_get(form, ""), "c");
    assert_string_equal(ta_form_get(form, "d"), "e=f");
    assert_int_equal(parse("")->fields->nelts, 0);
    assert_int_equal(parse("&")->fields->nelts, 0);
}

static void nothing_gives_no_fields(void **state)
{
    ta_form *form;

    (void)state;
    assert_int_equal(ta_form_parse(pool, (ta_bytes){.len = 0}, &form), APR_SUCCESS);
    assert_int_equal(form->fields->nelts, 0);
}

/* state=mine&state=theirs: who counts can refuse it. */
static void doubled_names_are_counted(void **state)
{
    const ta_form *form = parse("state=mine&code=x&st%61te=theirs");

    (void)state;
    assert_int_equal(ta_form_count(form, "state"), 2);
    assert_int_equal(ta_form_count(form, "code"), 1);
    assert_int_equal(ta_form_count(form, "error"), 0);
    assert_int_equal(ta_form_count(NULL, "state"), 0);
    assert_string_equal(ta_form_get(form, "state"), "mine");
}

static void broken_escapes_are_refused(void **state)
{
    static const char *const cases[] = {"a=%", "a=%4",   "a=%zz", "a=%4g", "a=%g4",     "%4=a",
                                        "%=a", "a=%%41", "a=%+1", "a=% 1", "ok=1&a=%2", "a=%4&b=1"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(cases[i], strlen(cases[i]), APR_EINVAL);
    }
}

/* "admin%00x" is "admin" for everybody who reads C strings. */
static void a_nul_is_refused(void **state)
{
    (void)state;
    assert_refused("a=x%00y", 7, APR_EINVAL);
    assert_refused("a=x\0y", 5, APR_EINVAL);
    assert_refused("a%00=x", 6, APR_EINVAL);
    assert_refused("a=%00", 5, APR_EINVAL);
}

static void text_that_is_no_utf8_is_refused(void **state)
{
    static const char *const cases[] = {"a=%ff", "a=\xff", "%C3=a", "a=%C0%AF", "a=%ED%A0%80"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_refused(cases[i], strlen(cases[i]), APR_EINVAL);
    }
}

static void bytes_are_limited(void **state)
{
    char *text = apr_palloc(pool, TA_FORM_BYTES + 1);
    ta_form *form;

    (void)state;
    memset(text, 'x', TA_FORM_BYTES + 1);
    assert_int_equal(parse_bytes(text, TA_FORM_BYTES, &form), APR_SUCCESS);
    assert_refused(text, TA_FORM_BYTES + 1, APR_ENOSPC);
}

static void fields_are_limited(void **state)
{
    const char *text = "x=1";

    (void)state;
    for (int i = 1; i < TA_FORM_FIELDS; i++) {
        text = apr_pstrcat(pool, text, "&x=1", NULL);
    }
    assert_int_equal(ta_form_count(parse(text), "x"), TA_FORM_FIELDS);
    text = apr_pstrcat(pool, text, "&x", NULL);
    assert_refused(text, strlen(text), APR_ENOSPC);
}

static void what_is_written_reads_the_same(void **state)
{
    const char *query = NULL;
    const ta_form *form;
    ta_text text;

    (void)state;
    ta_text_init(&text, pool, 200);
    ta_form_append(&text, "absent", NULL);
    ta_form_append(&text, "a&b", "c=d e+f%");
    ta_form_append(&text, "empty", "");
    ta_form_append(&text, "absent", NULL);
    ta_form_append(&text, "u", "\xc3\xbc");
    assert_int_equal(ta_text_finish(&text, &query), APR_SUCCESS);
    assert_string_equal(query, "a%26b=c%3Dd%20e%2Bf%25&empty=&u=%C3%BC");
    form = parse(query);
    assert_int_equal(form->fields->nelts, 3);
    assert_string_equal(ta_form_get(form, "a&b"), "c=d e+f%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_decoded),
        cmocka_unit_test(odd_shapes_are_read),
        cmocka_unit_test(nothing_gives_no_fields),
        cmocka_unit_test(doubled_names_are_counted),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(bytes_are_limited),
        cmocka_unit_test(fields_are_limited),
        cmocka_unit_test(what_is_written_reads_the_same),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
