/*
 * Filters: who is allowed, and who only resembles somebody who is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_cstr.h>

#include "util/filter.h"

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

/* A port whose "expressions" are texts to be found inside the value; "(" is a wrong one. */
static void *compile(apr_pool_t *p, const char *pattern, const char **error)
{
    if (strcmp(pattern, "(") == 0) {
        *error = "missing )";
        return NULL;
    }
    return apr_pstrdup(p, pattern);
}

static int match(const void *regex, const char *text)
{
    return strstr(text, regex) != NULL;
}

static const ta_regex_port port = {.compile = compile, .match = match};

static ta_filter *of_list(const char *list)
{
    ta_filter *filter = ta_filter_make(pool, &port);

    assert_null(ta_filter_add_list(pool, filter, list));
    return filter;
}

static ta_filter *of_word(const char *word)
{
    ta_filter *filter = ta_filter_make(pool, &port);

    assert_null(ta_filter_add(pool, filter, word));
    return filter;
}

static void an_empty_filter_matches_nothing(void **state)
{
    ta_filter *filter = ta_filter_make(pool, &port);

    (void)state;
    assert_false(ta_filter_match(filter, "x"));
    assert_false(ta_filter_match(filter, ""));
    assert_false(ta_filter_match_email(filter, "a@b"));
}

static void values_are_compared_exactly(void **state)
{
    ta_filter *filter = of_word("admins");

    (void)state;
    assert_true(ta_filter_match(filter, "admins"));
    assert_false(ta_filter_match(filter, "Admins"));
    assert_false(ta_filter_match(filter, "admins2"));
    assert_false(ta_filter_match(filter, "admin"));
    assert_false(ta_filter_match(filter, " admins"));
    assert_false(ta_filter_match(filter, ""));
}

static void no_value_is_never_allowed(void **state)
{
    (void)state;
    assert_false(ta_filter_match(of_word("x"), NULL));
    assert_false(ta_filter_match(of_word("/x/"), NULL));
    assert_false(ta_filter_match_email(of_word("*@x"), NULL));
}

static void each_word_allows_one_value(void **state)
{
    ta_filter *filter = ta_filter_make(pool, &port);

    (void)state;
    assert_null(ta_filter_add(pool, filter, "a"));
    assert_null(ta_filter_add(pool, filter, "b c"));
    assert_null(ta_filter_add(pool, filter, "/dev/"));
    assert_true(ta_filter_match(filter, "a"));
    assert_true(ta_filter_match(filter, "b c"));
    assert_true(ta_filter_match(filter, "developers"));
    assert_false(ta_filter_match(filter, "b"));
    assert_false(ta_filter_match(filter, "a,b c"));
}

/* A word does not change when its owner does. */
static void words_are_copied(void **state)
{
    char word[] = "admins";
    ta_filter *filter = of_word(word);

    (void)state;
    word[0] = 'x';
    assert_true(ta_filter_match(filter, "admins"));
}

static void slashes_alone_make_no_expression(void **state)
{
    (void)state;
    assert_true(ta_filter_match(of_word("/"), "/"));
    assert_true(ta_filter_match(of_word("//"), "//"));
    assert_false(ta_filter_match(of_word("//"), "x"));
    assert_true(ta_filter_match(of_word("/admins"), "/admins"));
    assert_false(ta_filter_match(of_word("/admins"), "admins"));
    assert_false(ta_filter_match(of_word("admins/"), "admins"));
    assert_true(ta_filter_match(of_word("/a/"), "cat"));
}

static void a_wrong_expression_is_reported(void **state)
{
    ta_filter *filter = ta_filter_make(pool, &port);
    const char *error = ta_filter_add(pool, filter, "/(/");

    (void)state;
    assert_non_null(error);
    assert_non_null(strstr(error, "/(/"));
    assert_non_null(strstr(error, "missing )"));
    assert_non_null(ta_filter_add_list(pool, filter, " /(/ "));
    assert_non_null(ta_filter_add(pool, ta_filter_make(pool, NULL), "/x/"));
    assert_int_equal(filter->items->nelts, 0);
}

static void a_list_holds_values_between_commas(void **state)
{
    ta_filter *filter = of_list(" a@x.example ,b@x.example,, \tc d@x.example\n,");

    (void)state;
    assert_int_equal(filter->items->nelts, 3);
    assert_true(ta_filter_match(filter, "a@x.example"));
    assert_true(ta_filter_match(filter, "b@x.example"));
    assert_true(ta_filter_match(filter, "c d@x.example"));
    assert_false(ta_filter_match(filter, ""));
    assert_int_equal(of_list("")->items->nelts, 0);
    assert_int_equal(of_list(" , ")->items->nelts, 0);
}

static void a_list_may_be_one_expression(void **state)
{
    ta_filter *filter = of_list(" /a,b/ ");

    (void)state;
    assert_int_equal(filter->items->nelts, 1);
    assert_true(ta_filter_match(filter, "xa,bx"));
    assert_false(ta_filter_match(filter, "a"));
}

static void an_expression_among_values_is_reported(void **state)
{
    ta_filter *filter = ta_filter_make(pool, &port);

    (void)state;
    assert_non_null(ta_filter_add_list(pool, filter, "a, /b/ ,c"));
}

static void a_domain_allows_its_addresses(void **state)
{
    ta_filter *filter = of_list("*@example.com, boss@other.example");

    (void)state;
    assert_true(ta_filter_match_email(filter, "alice@example.com"));
    assert_true(ta_filter_match_email(filter, "Alice@EXAMPLE.com"));
    assert_true(ta_filter_match_email(filter, "\"a@b\"@example.com"));
    assert_true(ta_filter_match_email(filter, "boss@other.example"));
    assert_false(ta_filter_match_email(filter, "Boss@other.example"));
    assert_false(ta_filter_match_email(filter, "other@other.example"));
}

static void addresses_that_resemble_the_domain_are_refused(void **state)
{
    static const char *const emails[] = {
        "alice@evil-example.com",
        "alice@sub.example.com",
        "alice@example.com.evil",
        "alice@example.com@evil",
        "alice@example.co",
        "example.com",
        "@example.com",
        "alice@",
        "",
        "alice@example.com ",
        "alice@example.com,b@evil",
    };
    ta_filter *filter = of_word("*@example.com");

    (void)state;
    for (size_t i = 0; i < COUNT(emails); i++) {
        assert_false(ta_filter_match_email(filter, emails[i]));
    }
}

static void an_empty_domain_allows_nobody(void **state)
{
    ta_filter *filter = of_word("*@");

    (void)state;
    assert_false(ta_filter_match_email(filter, "alice@"));
    assert_false(ta_filter_match_email(filter, "alice@example.com"));
    assert_false(ta_filter_match_email(of_word("*"), "alice@example.com"));
    assert_false(ta_filter_match_email(of_word("*@*"), "alice@example.com"));
    assert_false(ta_filter_match_email(of_word("*.example.com"), "alice@example.com"));
    assert_false(ta_filter_match_email(of_word("a@example.com"), "b@example.com"));
}

static void a_domain_means_nothing_to_other_values(void **state)
{
    (void)state;
    assert_false(ta_filter_match(of_word("*@example.com"), "alice@example.com"));
    assert_true(ta_filter_match(of_word("*@example.com"), "*@example.com"));
}

static void expressions_see_the_whole_address(void **state)
{
    ta_filter *filter = of_word("/e@ex/");

    (void)state;
    assert_true(ta_filter_match_email(filter, "alice@example.com"));
    assert_false(ta_filter_match_email(filter, "bob@example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_filter_matches_nothing),
        cmocka_unit_test(values_are_compared_exactly),
        cmocka_unit_test(no_value_is_never_allowed),
        cmocka_unit_test(each_word_allows_one_value),
        cmocka_unit_test(words_are_copied),
        cmocka_unit_test(slashes_alone_make_no_expression),
        cmocka_unit_test(a_wrong_expression_is_reported),
        cmocka_unit_test(a_list_holds_values_between_commas),
        cmocka_unit_test(a_list_may_be_one_expression),
        cmocka_unit_test(an_expression_among_values_is_reported),
        cmocka_unit_test(a_domain_allows_its_addresses),
        cmocka_unit_test(addresses_that_resemble_the_domain_are_refused),
        cmocka_unit_test(an_empty_domain_allows_nobody),
        cmocka_unit_test(a_domain_means_nothing_to_other_values),
        cmocka_unit_test(expressions_see_the_whole_address),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
