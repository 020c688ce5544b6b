/*
 * Who the user is: merging the two sources, and the ways in which claims could make somebody
 * a user or the owner of an e-mail address that they are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "identity.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SUB          IDENTITY_SUB

/* ID token (NULL: none), userinfo (NULL: none), and what a test expects of them; ' for ". */
typedef struct text_case {
    const char *what;
    const char *id_token;
    const char *userinfo;
    const char *expected; /* NULL: nothing */
} text_case;

static void assert_text(const char *what, const char *found, const char *expected)
{
    if ((found == NULL) != (expected == NULL) || (found && strcmp(found, expected) != 0)) {
        print_error("%s: \"%s\", expected \"%s\"\n", what, found ? found : "(null)",
                    expected ? expected : "(null)");
        fail();
    }
}

static const char *join_claims(apr_pool_t *p, const ta_identity *identity)
{
    const char *joined = "";

    for (int i = 0; i < identity->claims->nelts; i++) {
        const ta_claim *claim = &APR_ARRAY_IDX(identity->claims, i, ta_claim);

        joined = apr_pstrcat(p, joined, i > 0 ? "|" : "", claim->name, "=", claim->value, NULL);
    }
    return joined;
}

static void test_claims_of_pocket_id_are_understood(void **state)
{
    ta_provider provider = identity_provider(*state);
    ta_identity *identity = identity_read_good(
        *state, &provider,
        "{'iss':'https://id.example.com','sub':'" SUB "','aud':['client'],"
        "'exp':1787400000,'iat':1787396400,'rat':1787396390,'nonce':'n','at_hash':'h','jti':'j',"
        "'amr':['phr'],'type':'id-token','name':'Tim Cook','preferred_username':'tim',"
        "'groups':['developers','designers']}",
        "{'sub':'" SUB "','name':'Tim Cook','preferred_username':'tim',"
        "'email':'tim.cook@test.com','email_verified':true,'groups':['developers','designers']}");

    assert_string_equal(identity->user, "tim");
    assert_string_equal(identity->name, "Tim Cook");
    assert_string_equal(identity->email, "tim.cook@test.com");
    assert_true(identity->email_verified);
    assert_null(identity->sid);
    assert_int_equal(identity->groups_state, TA_GROUPS_PRESENT);
    assert_string_equal(identity_groups(*state, identity), "developers|designers");
    assert_string_equal(join_claims(*state, identity),
                        "sub=" SUB "|name=Tim Cook|preferred_username=tim|"
                        "email=tim.cook@test.com|email_verified=true|"
                        "iss=https://id.example.com|aud=client|amr=phr|type=id-token");
}

static void test_userinfo_wins_member_by_member(void **state)
{
    static const text_case cases[] = {
        {"both", "{'name':'old'}", "{'name':'new'}", "new"},
        {"ID token alone", "{'name':'old'}", "{'x':1}", "old"},
        {"userinfo alone", "{'x':1}", "{'name':'new'}", "new"},
        {"no userinfo", "{'name':'old'}", NULL, "old"},
        {"no ID token", NULL, "{'name':'new'}", "new"},
        {"taken away", "{'name':'old'}", "{'name':null}", NULL},
        {"emptied", "{'name':'old'}", "{'name':''}", NULL},
        {"no string", NULL, "{'name':{'a':'b'}}", NULL},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_text(
            cases[i].what,
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo)->name,
            cases[i].expected);
    }
}

static void test_first_user_claim_that_is_there_is_the_user(void **state)
{
    static const text_case cases[] = {
        {"user name", NULL,
         "{'preferred_username':'tim','email':'t@x.example','email_verified':true}", "tim"},
        {"verified e-mail", NULL, "{'email':'t@x.example','email_verified':true}", "t@x.example"},
        {"unverified e-mail", NULL, "{'email':'t@x.example','email_verified':false}", SUB},
        {"empty user name", NULL, "{'preferred_username':''}", SUB},
        {"user name null", "{'preferred_username':'old'}", "{'preferred_username':null}", SUB},
        {"nothing", NULL, "{'x':1}", SUB},
        {"neither source", NULL, NULL, SUB},
        {"number", NULL, "{'preferred_username':1001}", "1001"},
        {"true", NULL, "{'preferred_username':true}", SUB},
        {"array", NULL, "{'preferred_username':['admin']}", SUB},
        {"object", NULL, "{'preferred_username':{'a':'admin'}}", SUB},
        {"UTF-8", NULL, "{'preferred_username':'K\303\266nig'}", "K\303\266nig"},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_text(
            cases[i].what,
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo)->user,
            cases[i].expected);
    }
}

/* A newline in REMOTE_USER is a forged header for the application and a forged log line. */
static void test_user_with_control_characters_is_none(void **state)
{
    static const text_case cases[] = {
        {"newline", NULL, "{'preferred_username':'tim\\nRemote-Groups: admins'}", SUB},
        {"tab", NULL, "{'preferred_username':'a\\tb'}", SUB},
        {"DEL", NULL, "{'preferred_username':'a\\u007f'}", SUB},
        {"C1", NULL, "{'preferred_username':'a\\u0085b'}", SUB},
        {"first C1", NULL, "{'preferred_username':'a\\u0080'}", SUB},
        {"last C1", NULL, "{'preferred_username':'a\\u009f'}", SUB},
        {"not C1", NULL, "{'preferred_username':'a\\u00a0b'}", "a\302\240b"},
        {"e-mail", NULL, "{'email':'a\\nb@x.example','email_verified':true}", SUB},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_text(
            cases[i].what,
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo)->user,
            cases[i].expected);
    }
}

/* What was checked counts, not what stands in the documents now. */
static void test_user_claim_sub_is_the_checked_subject(void **state)
{
    ta_provider provider = identity_provider(*state);

    APR_ARRAY_IDX(provider.user_claims, 0, const char *) = "sub";
    assert_string_equal(identity_read_good(*state, &provider, "{'sub':'a'}", "{'sub':'b'}")->user,
                        SUB);
}

static void test_no_user_claim_at_all_is_refused(void **state)
{
    ta_provider provider = identity_provider(*state);

    provider.user_claims = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(provider.user_claims, const char *) = "upn";
    APR_ARRAY_PUSH(provider.user_claims, const char *) = "email";
    identity_assert_refused(*state, &provider, "{'email':'t@x.example','preferred_username':'tim'}",
                            TA_REASON_IDENTITY_EMPTY);
    assert_string_equal(identity_read_good(*state, &provider, NULL, "{'upn':'tim'}")->user, "tim");
}

static void test_user_claim_may_be_a_path(void **state)
{
    ta_provider provider = identity_provider(*state);

    APR_ARRAY_IDX(provider.user_claims, 0, const char *) = "account.login";
    assert_string_equal(
        identity_read_good(*state, &provider, NULL, "{'account':{'login':'tim'}}")->user, "tim");
}

/* Somebody who may write any address into a profile must not become its owner. */
static void test_email_counts_as_verified_only_when_said_so(void **state)
{
    static const struct {
        const char *id_token;
        const char *userinfo;
        int expected;
    } cases[] = {
        {NULL, "{'email':'a@x','email_verified':true}", 1},
        {NULL, "{'email':'a@x','email_verified':'true'}", 1},
        {"{'email':'a@x','email_verified':true}", NULL, 1},
        {"{'email':'a@x','email_verified':true}", "{'sub':'s'}", 1},
        {"{'email':'a@x','email_verified':true}", "{'email':'a@x'}", 1},
        {"{'email':'b@x','email_verified':false}", "{'email':'a@x','email_verified':true}", 1},
        {NULL, "{'email':'a@x'}", 0},
        {NULL, "{'email':'a@x','email_verified':false}", 0},
        {NULL, "{'email':'a@x','email_verified':null}", 0},
        {NULL, "{'email':'a@x','email_verified':1}", 0},
        {NULL, "{'email':'a@x','email_verified':'True'}", 0},
        {NULL, "{'email':'a@x','email_verified':'yes'}", 0},
        {NULL, "{'email':'a@x','email_verified':[true]}", 0},
        /* a flag that stands beside another address, or beside none */
        {"{'email':'b@x','email_verified':true}", "{'email':'a@x'}", 0},
        {"{'email':'a@x'}", "{'email_verified':true}", 0},
        {"{'email_verified':true}", "{'email':'a@x'}", 0},
        /* the fresher flag counts */
        {"{'email':'a@x','email_verified':true}", "{'email':'a@x','email_verified':false}", 0},
        {"{'email':'a@x','email_verified':true}", "{'email':'a@x','email_verified':null}", 0},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_identity *identity =
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo);

        if (identity->email_verified != cases[i].expected) {
            print_error("case %d\n", (int)i);
        }
        assert_string_equal(identity->email, "a@x");
        assert_int_equal(identity->email_verified, cases[i].expected);
        assert_string_equal(identity->user, cases[i].expected ? "a@x" : SUB);
    }
}

static void test_email_with_control_characters_is_none(void **state)
{
    ta_provider provider = identity_provider(*state);
    ta_identity *identity =
        identity_read_good(*state, &provider, NULL, "{'email':'a@x\\n','email_verified':true}");

    assert_null(identity->email);
    assert_false(identity->email_verified);
}

static void test_trusted_email_needs_no_verification(void **state)
{
    ta_provider provider = identity_provider(*state);
    ta_identity *identity;

    provider.trust_email = 1;
    identity =
        identity_read_good(*state, &provider, NULL, "{'email':'a@x','email_verified':false}");
    assert_true(identity->email_verified);
    assert_string_equal(identity->user, "a@x");
    /* trust in no address is no address */
    identity = identity_read_good(*state, &provider, NULL, "{'email':null}");
    assert_null(identity->email);
    assert_false(identity->email_verified);
}

static void test_sid_comes_from_the_id_token(void **state)
{
    static const text_case cases[] = {
        {"there", "{'sid':'s!d;,\\u00e4'}", "{'sid':'other'}", "s!d;,\303\244"},
        {"userinfo alone", "{'x':1}", "{'sid':'other'}", NULL},
        {"empty", "{'sid':''}", NULL, NULL},
        {"control", "{'sid':'a\\nb'}", NULL, NULL},
        {"number", "{'sid':7}", NULL, NULL},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_text(
            cases[i].what,
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo)->sid,
            cases[i].expected);
    }
}

static void test_too_many_values_are_refused_not_cut(void **state)
{
    ta_provider provider = identity_provider(*state);

    assert_int_equal(identity_read_good(*state, &provider, NULL,
                                        identity_numbered(*state, "x", TA_CLAIMS_VALUES))
                         ->claims->nelts,
                     TA_CLAIMS_VALUES);
    identity_assert_refused(*state, &provider, identity_numbered(*state, "x", TA_CLAIMS_VALUES + 1),
                            TA_REASON_TOKEN_MALFORMED);
}

static void test_too_long_names_are_refused_not_cut(void **state)
{
    ta_provider provider = identity_provider(*state);
    char *name = apr_palloc(*state, 258);

    memset(name, 'n', 257);
    name[257] = '\0';
    identity_assert_refused(*state, &provider, apr_pstrcat(*state, "{'", name, "':1}", NULL),
                            TA_REASON_TOKEN_MALFORMED);
    name[256] = '\0';
    assert_int_equal(
        identity_read_good(*state, &provider, NULL, apr_pstrcat(*state, "{'", name, "':1}", NULL))
            ->claims->nelts,
        1);
    identity_assert_refused(*state, &provider, apr_pstrcat(*state, "{'a':{'", name, "':1}}", NULL),
                            TA_REASON_TOKEN_MALFORMED);
    name[254] = '\0';
    assert_int_equal(identity_read_good(*state, &provider, NULL,
                                        apr_pstrcat(*state, "{'a':{'", name, "':1}}", NULL))
                         ->claims->nelts,
                     1);
    name[254] = 'n';
    name[255] = '\0';
    identity_assert_refused(*state, &provider, apr_pstrcat(*state, "{'a':{'", name, "':1}}", NULL),
                            TA_REASON_TOKEN_MALFORMED);
}

static void test_claims_are_listed_flat(void **state)
{
    static const text_case cases[] = {
        {"scalars", NULL, "{'a':'x','b':1,'c':1.50,'d':true,'e':false}",
         "a=x|b=1|c=1.50|d=true|e=false"},
        {"nothing", NULL, "{'a':null,'b':[],'c':{},'d':'','e':[null,'']}", ""},
        {"arrays", NULL, "{'a':['x','y',['z']]}", "a=x|a=y|a=z"},
        {"objects", NULL, "{'address':{'street':{'no':7},'city':'K'}}",
         "address.street.no=7|address.city=K"},
        {"objects in arrays", NULL, "{'a':[{'b':1},{'b':2,'c':3}],'d':4}", "a.b=1|a.b=2|a.c=3|d=4"},
        {"merged", "{'a':'old','b':'kept','c':'gone'}", "{'a':'new','c':null,'d':'more'}",
         "a=new|d=more|b=kept"},
        {"merged by members, not deeper", "{'a':{'x':1,'y':2}}", "{'a':{'x':3}}", "a.x=3"},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_identity *identity =
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo);

        assert_text(cases[i].what, join_claims(*state, identity), cases[i].expected);
    }
}

static void test_claims_of_the_protocol_and_groups_are_not_listed(void **state)
{
    static const text_case cases[] = {
        {"both sources", "{'nonce':'n','at_hash':'h','c_hash':'c','exp':1,'groups':['g']}",
         "{'iat':1,'nbf':1,'jti':'j','rat':1,'groups':['g'],'a':1}", "a=1"},
        {"at the top alone", NULL, "{'a':{'exp':1,'groups':'g'}}", "a.exp=1|a.groups=g"},
    };
    ta_provider provider = identity_provider(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_identity *identity =
            identity_read_good(*state, &provider, cases[i].id_token, cases[i].userinfo);

        assert_text(cases[i].what, join_claims(*state, identity), cases[i].expected);
    }
    provider.groups_claim = "realm.roles";
    assert_string_equal(join_claims(*state, identity_read_good(*state, &provider, NULL,
                                                               "{'realm':{'roles':['r'],'x':1}}")),
                        "realm.x=1");
}

/* {"": {"sub": …}} must not be listed as sub. */
static void test_nameless_member_lends_no_name(void **state)
{
    ta_provider provider = identity_provider(*state);

    assert_string_equal(
        join_claims(*state, identity_read_good(*state, &provider, NULL,
                                               "{'':{'sub':'admin'},'a':{'':'x'}}")),
        "a.=x");
}

static void test_plain_text_and_subjects(void **state)
{
    char *text = apr_palloc(*state, TA_CLAIMS_SUBJECT + 2);

    assert_false(ta_claims_is_plain(NULL));
    assert_false(ta_claims_is_plain(""));
    assert_true(ta_claims_is_plain(" ~\302\240\303\200"));
    assert_false(ta_claims_is_plain("\037"));
    assert_false(ta_claims_is_plain("x\177"));
    assert_false(ta_claims_is_plain("x\302\237"));
    assert_false(ta_claims_is_subject(NULL));
    assert_false(ta_claims_is_subject("a\nb"));
    memset(text, 's', TA_CLAIMS_SUBJECT + 1);
    text[TA_CLAIMS_SUBJECT + 1] = '\0';
    assert_false(ta_claims_is_subject(text));
    text[TA_CLAIMS_SUBJECT] = '\0';
    assert_true(ta_claims_is_subject(text));
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
        cmocka_unit_test(test_claims_of_pocket_id_are_understood),
        cmocka_unit_test(test_userinfo_wins_member_by_member),
        cmocka_unit_test(test_first_user_claim_that_is_there_is_the_user),
        cmocka_unit_test(test_user_with_control_characters_is_none),
        cmocka_unit_test(test_user_claim_sub_is_the_checked_subject),
        cmocka_unit_test(test_no_user_claim_at_all_is_refused),
        cmocka_unit_test(test_user_claim_may_be_a_path),
        cmocka_unit_test(test_email_counts_as_verified_only_when_said_so),
        cmocka_unit_test(test_email_with_control_characters_is_none),
        cmocka_unit_test(test_trusted_email_needs_no_verification),
        cmocka_unit_test(test_sid_comes_from_the_id_token),
        cmocka_unit_test(test_too_many_values_are_refused_not_cut),
        cmocka_unit_test(test_too_long_names_are_refused_not_cut),
        cmocka_unit_test(test_claims_are_listed_flat),
        cmocka_unit_test(test_claims_of_the_protocol_and_groups_are_not_listed),
        cmocka_unit_test(test_nameless_member_lends_no_name),
        cmocka_unit_test(test_plain_text_and_subjects),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
