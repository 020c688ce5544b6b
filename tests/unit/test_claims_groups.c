/*
 * Which groups the claims give: every shape that providers send, and that no shape, name or
 * stale document makes somebody a member.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_general.h>

#include "identity.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct groups_case {
    const char *id_token;
    const char *userinfo;
    ta_groups_state state;
    const char *expected; /* with | between */
} groups_case;

static void assert_groups(apr_pool_t *p, const ta_provider *provider, const groups_case *cases,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_identity *identity =
            identity_read_good(p, provider, cases[i].id_token, cases[i].userinfo);

        if (identity->groups_state != cases[i].state) {
            print_error("%s\n", cases[i].userinfo);
        }
        assert_int_equal(identity->groups_state, cases[i].state);
        assert_string_equal(identity_groups(p, identity), cases[i].expected);
    }
}

static void test_groups_are_an_array_of_strings_or_one_string(void **state)
{
    static const groups_case cases[] = {
        {NULL, "{'groups':['a','b c','d,e','\303\244']}", TA_GROUPS_PRESENT, "a|b c|d,e|\303\244"},
        {NULL, "{'groups':[]}", TA_GROUPS_PRESENT, ""},
        {NULL, "{'groups':'admins'}", TA_GROUPS_PRESENT, "admins"},
        {NULL, "{'groups':''}", TA_GROUPS_PRESENT, ""},
        {NULL, "{'groups':['a','','b','a']}", TA_GROUPS_PRESENT, "a|b"},
        {NULL, "{'x':1}", TA_GROUPS_ABSENT, ""},
        {NULL, "{'groups':null}", TA_GROUPS_ABSENT, ""},
        {NULL, NULL, TA_GROUPS_ABSENT, ""},
    };
    ta_provider provider = identity_provider(*state);

    assert_groups(*state, &provider, cases, COUNT(cases));
}

/* Who may write "users,admins" as a name must not be an admin by it. */
static void test_a_string_is_one_group_commas_and_all(void **state)
{
    static const groups_case cases[] = {
        {NULL, "{'groups':'users,admins'}", TA_GROUPS_PRESENT, "users,admins"},
        {NULL, "{'groups':'users admins'}", TA_GROUPS_PRESENT, "users admins"},
        {NULL, "{'groups':'[\\u0022admins\\u0022]'}", TA_GROUPS_PRESENT, "[\"admins\"]"},
    };
    ta_provider provider = identity_provider(*state);

    assert_groups(*state, &provider, cases, COUNT(cases));
}

static void test_groups_of_another_shape_are_none(void **state)
{
    static const groups_case cases[] = {
        {NULL, "{'groups':7}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':true}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':{'admins':true}}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':['a',7]}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':['a',null]}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':['a',['b']]}", TA_GROUPS_MALFORMED, ""},
        {NULL, "{'groups':['a',{'name':'b'}]}", TA_GROUPS_MALFORMED, ""},
        {"{'groups':['a']}", "{'groups':7}", TA_GROUPS_MALFORMED, ""},
    };
    ta_provider provider = identity_provider(*state);

    assert_groups(*state, &provider, cases, COUNT(cases));
}

/* The ID token of the login says what was true then. */
static void test_groups_of_userinfo_win(void **state)
{
    static const groups_case cases[] = {
        {"{'groups':['admins']}", "{'groups':['users']}", TA_GROUPS_PRESENT, "users"},
        {"{'groups':['admins']}", "{'groups':[]}", TA_GROUPS_PRESENT, ""},
        {"{'groups':['admins']}", "{'groups':null}", TA_GROUPS_ABSENT, ""},
        {"{'groups':['admins']}", "{'x':1}", TA_GROUPS_PRESENT, "admins"},
        {"{'groups':['admins']}", NULL, TA_GROUPS_PRESENT, "admins"},
    };
    ta_provider provider = identity_provider(*state);

    assert_groups(*state, &provider, cases, COUNT(cases));
}

static void test_groups_claim_may_be_a_path(void **state)
{
    static const groups_case cases[] = {
        {NULL, "{'realm':{'app':{'roles':['a','b']}}}", TA_GROUPS_PRESENT, "a|b"},
        {NULL, "{'realm.app.roles':['whole']}", TA_GROUPS_PRESENT, "whole"},
        {NULL, "{'realm':{'roles':['a']}}", TA_GROUPS_ABSENT, ""},
        {"{'realm':{'app':{'roles':['a']}}}", "{'x':1}", TA_GROUPS_PRESENT, "a"},
        /* userinfo has the member: what is no longer in it is gone */
        {"{'realm':{'app':{'roles':['a']}}}", "{'realm':{'app':{}}}", TA_GROUPS_ABSENT, ""},
        {"{'realm':{'app':{'roles':['a']}}}", "{'realm':null}", TA_GROUPS_ABSENT, ""},
        {"{'realm':{'app':{'roles':['a']}}}", "{'realm.app':{'roles':['b']}}", TA_GROUPS_PRESENT,
         "b"},
        {"{'realm.app.roles':['a']}", "{'realm.app.roles':null}", TA_GROUPS_ABSENT, ""},
    };
    ta_provider provider = identity_provider(*state);

    provider.groups_claim = "realm.app.roles";
    assert_groups(*state, &provider, cases, COUNT(cases));
}

static void test_groups_claim_may_be_a_url(void **state)
{
    static const groups_case cases[] = {
        {NULL, "{'https://x.example/groups':['a']}", TA_GROUPS_PRESENT, "a"},
        {"{'https://x.example/groups':['a']}", "{'https://x.example/groups':['b']}",
         TA_GROUPS_PRESENT, "b"},
    };
    ta_provider provider = identity_provider(*state);

    provider.groups_claim = "https://x.example/groups";
    assert_groups(*state, &provider, cases, COUNT(cases));
}

/* Cutting would make members non-members, which is as good as a yes to "Require not". */
static void test_too_many_groups_are_refused_not_cut(void **state)
{
    ta_provider provider = identity_provider(*state);

    assert_int_equal(identity_read_good(*state, &provider, NULL,
                                        identity_numbered(*state, "groups", TA_CLAIMS_GROUPS))
                         ->groups->nelts,
                     TA_CLAIMS_GROUPS);
    identity_assert_refused(*state, &provider,
                            identity_numbered(*state, "groups", TA_CLAIMS_GROUPS + 1),
                            TA_REASON_TOKEN_MALFORMED);
}

static int set_up(void **state)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    *state = pool;
    return 0;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_are_an_array_of_strings_or_one_string),
        cmocka_unit_test(test_a_string_is_one_group_commas_and_all),
        cmocka_unit_test(test_groups_of_another_shape_are_none),
        cmocka_unit_test(test_groups_of_userinfo_win),
        cmocka_unit_test(test_groups_claim_may_be_a_path),
        cmocka_unit_test(test_groups_claim_may_be_a_url),
        cmocka_unit_test(test_too_many_groups_are_refused_not_cut),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
