/*
 * Lists with weights: read as RFC 9110 writes them, and whatever else comes is not wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "util/preference.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_reads(const char *list, const char *name, int weight)
{
    ta_preference found;

    assert_int_equal(ta_preference_next(&list, &found), 1);
    assert_int_equal(found.len, strlen(name));
    assert_memory_equal(found.name, name, found.len);
    assert_int_equal(found.weight, weight);
    assert_int_equal(ta_preference_next(&list, &found), 0);
}

static void an_element_has_a_name_and_a_weight(void **state)
{
    (void)state;
    assert_reads("de", "de", 1000);
    assert_reads(" \tde \t", "de", 1000);
    assert_reads("de;q=0.5", "de", 500);
    assert_reads("de ; q=0.5 ", "de", 500);
    assert_reads("de;Q=0.123", "de", 123);
    assert_reads("de;q=1", "de", 1000);
    assert_reads("de;q=1.000", "de", 1000);
    assert_reads("de;q=0", "de", 0);
    assert_reads("de;q=0.", "de", 0);
    assert_reads("text/html;level=1;q=0.4", "text/html", 400);
    assert_reads("de;qs=0.2;q=0.3", "de", 300); /* another parameter that begins like it */
    assert_reads("de;q;qq=0.2", "de", 1000);
    assert_reads(",, de,,", "de", 1000);
}

static void a_weight_that_cannot_be_read_is_none(void **state)
{
    static const char *const lists[] = {"de;q=",   "de;q=2",   "de;q=1.1",    "de;q=1.001",
                                        "de;q=-1", "de;q=0.x", "de;q=0.1234", "de;q=.5",
                                        "de;q=05", "de;q=1x"};

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        assert_reads(lists[i], "de", 0);
    }
}

static void a_list_is_read_to_its_end(void **state)
{
    static const char *const names[] = {"a", "b", "", "d"};
    static const int weights[] = {100, 1000, 300, 1000};
    const char *list = "a;q=0.1,b , ;q=0.3,d";
    ta_preference found;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(ta_preference_next(&list, &found), 1);
        assert_int_equal(found.len, strlen(names[i]));
        assert_memory_equal(found.name, names[i], found.len);
        assert_int_equal(found.weight, weights[i]);
    }
    assert_int_equal(ta_preference_next(&list, &found), 0);
}

static void nothing_is_an_empty_list(void **state)
{
    static const char *const lists[] = {NULL, "", " ", ",", " , "};
    ta_preference found;

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        const char *list = lists[i];

        assert_int_equal(ta_preference_next(&list, &found), 0);
        assert_int_equal(ta_preference_weight(lists[i], "a"), 0);
    }
}

static void a_name_is_found_whole_and_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(ta_preference_weight("TEXT/Html;q=0.7", "text/html"), 700);
    assert_int_equal(ta_preference_weight("text/htm, text/html5, */*", "text/html"), 0);
    assert_int_equal(ta_preference_weight("a;q=0.2, a;q=0.9, a;q=0.5", "a"), 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_has_a_name_and_a_weight),
        cmocka_unit_test(a_weight_that_cannot_be_read_is_none),
        cmocka_unit_test(a_list_is_read_to_its_end),
        cmocka_unit_test(nothing_is_an_empty_list),
        cmocka_unit_test(a_name_is_found_whole_and_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
