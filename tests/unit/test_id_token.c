/*
 * The ID token's rules, each broken in turn: what a provider, or somebody in its name, could
 * sign and we must not take for a login.
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

#include "oidc/id_token.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ISSUER       "https://id.example.com"
#define CLIENT       "3654a746-35d4-4321-ac61-0bdcff2b4055"
#define NONCE        "kRMnY9-UcLsgTPPzbN1ghGkBqMJ2vYaZNHLVCd9kQ9o"
#define NOW          1787396405

/* OIDC Core appendix A.3: an access token and its at_hash for RS256 */
#define ACCESS_TOKEN "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
#define HASH_256     "77QmUPtjPfzWtF2AnpK9RQ"
#define HASH_384     "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs"
#define HASH_512     "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"

/* Payloads in parts, so that a test can leave one out or put in another; ' stands for ". */
#define ISS       "'iss':'" ISSUER "',"
#define SUB       "'sub':'f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e',"
#define AUD       "'aud':['" CLIENT "'],"
#define EXP       "'exp':1787400000,"
#define IAT       "'iat':1787396400,"
#define WITH(aud) "{" ISS SUB aud EXP IAT "'nonce':'" NONCE "'}"
#define GOOD(all) "{" ISS SUB AUD EXP IAT "'nonce':'" NONCE "'" all "}"

/* As Pocket ID 2.14 signs it. */
static const char pocket_id[] =
    "{'iss':'" ISSUER "','sub':'f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e','aud':['" CLIENT "'],"
    "'exp':1787400000,'iat':1787396400,'rat':1787396390,'auth_time':1787396380,"
    "'nonce':'" NONCE "','at_hash':'" HASH_256 "','jti':'8d0c','amr':['phr'],'type':'id-token',"
    "'name':'Tim Cook','given_name':'Tim','family_name':'Cook','display_name':'Tim Cook',"
    "'preferred_username':'tim','email':'tim.cook@test.com','email_verified':true,"
    "'groups':['developers','designers']}";

typedef struct token_case {
    const char *what;
    const char *payload;
    ta_reason expected; /* TA_REASON_NONE: it is taken */
} token_case;

static const ta_provider provider = {.id = "pocketid", .issuer = ISSUER, .client_id = CLIENT};

static const ta_id_token_expected login = {
    .provider = &provider,
    .nonce = NONCE,
    .access_token = ACCESS_TOKEN,
    .now = NOW,
};

/* A token with the payload in a block of its exact size; the caller frees the payload. */
static ta_jws make_jws(const char *payload, const char *algorithm, const char *typ)
{
    size_t len = strlen(payload);
    unsigned char *copy = malloc(len > 0 ? len : 1);
    ta_jws jws = {
        .algorithm = ta_algorithm_find(algorithm),
        .typ = typ,
        .payload = {.data = copy, .len = len},
    };

    for (size_t i = 0; i < len; i++) {
        copy[i] = payload[i] == '\'' ? '"' : (unsigned char)payload[i];
    }
    return jws;
}

static void assert_token(apr_pool_t *p, const char *what, const ta_jws *jws,
                         const ta_id_token_expected *expected, ta_reason reason)
{
    const ta_json *claims = (const ta_json *)"not touched";
    ta_fault fault = {.reason = TA_REASON_NONE};
    apr_status_t status = ta_id_token_check(p, jws, expected, &claims, &fault);

    if (fault.reason != reason) {
        print_error("%s: reason %d (%s), expected %d\n", what, fault.reason,
                    fault.detail ? fault.detail : "none", reason);
    }
    assert_int_equal(fault.reason, reason);
    assert_int_equal(status, reason == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
    assert_int_equal(claims != NULL, reason == TA_REASON_NONE);
    free((void *)(uintptr_t)jws->payload.data);
}

static void assert_cases(apr_pool_t *p, const ta_id_token_expected *expected,
                         const token_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_jws jws = make_jws(cases[i].payload, "RS256", NULL);

        assert_token(p, cases[i].what, &jws, expected, cases[i].expected);
    }
}

static void test_token_of_pocket_id_is_taken(void **state)
{
    ta_jws jws = make_jws(pocket_id, "RS256", "JWT");
    const ta_json *claims;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_id_token_check(*state, &jws, &login, &claims, &fault), APR_SUCCESS);
    assert_int_equal(fault.reason, TA_REASON_NONE);
    assert_string_equal(ta_json_string(claims, "preferred_username"), "tim");
    free((void *)(uintptr_t)jws.payload.data);
}

static void test_payload_must_be_an_object(void **state)
{
    static const token_case cases[] = {
        {"empty", "", TA_REASON_ID_TOKEN_MALFORMED},
        {"array", "[1]", TA_REASON_ID_TOKEN_MALFORMED},
        {"text", "'token'", TA_REASON_ID_TOKEN_MALFORMED},
        {"null", "null", TA_REASON_ID_TOKEN_MALFORMED},
        {"cut", "{" ISS, TA_REASON_ID_TOKEN_MALFORMED},
        {"duplicate keys", GOOD(",'sub':'admin'"), TA_REASON_ID_TOKEN_MALFORMED},
        {"two nonces", GOOD(",'nonce':'other'"), TA_REASON_ID_TOKEN_MALFORMED},
        {"deep nesting", GOOD(",'x':[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"),
         TA_REASON_ID_TOKEN_MALFORMED},
        {"empty object", "{}", TA_REASON_ID_TOKEN_ISSUER},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

/* The key that signs ID tokens signs the provider's other tokens, too. */
static void test_header_type_of_another_token_is_refused(void **state)
{
    static const struct {
        const char *typ;
        ta_reason expected;
    } cases[] = {
        {NULL, TA_REASON_NONE},
        {"JWT", TA_REASON_NONE},
        {"jwt", TA_REASON_NONE},
        {"ID+JWT", TA_REASON_NONE},
        {"application/id+jwt", TA_REASON_NONE},
        {"application/jwt", TA_REASON_NONE},
        {"", TA_REASON_NONE},
        {"at+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"AT+JWT", TA_REASON_ID_TOKEN_TYPE},
        {"application/at+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"Application/At+Jwt", TA_REASON_ID_TOKEN_TYPE},
        {"logout+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"application/logout+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"secevent+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"dpop+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"+jwt", TA_REASON_ID_TOKEN_TYPE},
        {"xid+jwt", TA_REASON_ID_TOKEN_TYPE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_jws jws = make_jws(GOOD(""), "RS256", cases[i].typ);

        assert_token(*state, cases[i].typ ? cases[i].typ : "none", &jws, &login, cases[i].expected);
    }
}

static void test_claimed_type_of_another_token_is_refused(void **state)
{
    static const token_case cases[] = {
        {"Pocket ID's ID token", GOOD(",'type':'id-token'"), TA_REASON_NONE},
        {"Keycloak's ID token", GOOD(",'typ':'ID'"), TA_REASON_NONE},
        {"Cognito's ID token", GOOD(",'token_use':'id'"), TA_REASON_NONE},
        {"a type of something else", GOOD(",'type':{'a':'access'}"), TA_REASON_NONE},
        {"Pocket ID's access token", GOOD(",'type':'oauth-access-token'"), TA_REASON_ID_TOKEN_TYPE},
        {"in capitals", GOOD(",'type':'ACCESS'"), TA_REASON_ID_TOKEN_TYPE},
        {"Pocket ID's refresh token", GOOD(",'type':'refresh-token'"), TA_REASON_ID_TOKEN_TYPE},
        {"Keycloak's access token", GOOD(",'typ':'Bearer'"), TA_REASON_ID_TOKEN_TYPE},
        {"Keycloak's logout token", GOOD(",'typ':'Logout'"), TA_REASON_ID_TOKEN_TYPE},
        {"Cognito's access token", GOOD(",'token_use':'access'"), TA_REASON_ID_TOKEN_TYPE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

static void test_iss_is_exact(void **state)
{
    static const token_case cases[] = {
        {"none", "{" SUB AUD EXP IAT "'nonce':'" NONCE "'}", TA_REASON_ID_TOKEN_ISSUER},
        {"slash", "{'iss':'" ISSUER "/'," SUB AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_ISSUER},
        {"case", "{'iss':'https://ID.example.com'," SUB AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_ISSUER},
        {"prefix", "{'iss':'https://id.example.co'," SUB AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_ISSUER},
        {"other", "{'iss':'https://evil.example'," SUB AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_ISSUER},
        {"array", "{'iss':['" ISSUER "']," SUB AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_ISSUER},
    };
    ta_provider without = provider;
    ta_id_token_expected plain = login;
    ta_jws jws = make_jws(GOOD(""), "RS256", NULL);

    assert_cases(*state, &login, cases, COUNT(cases));
    /* nothing to hold it against is not the same as fitting */
    without.issuer = NULL;
    plain.provider = &without;
    assert_token(*state, "provider without issuer", &jws, &plain, TA_REASON_ID_TOKEN_ISSUER);
}

static void test_sub_is_a_usable_string(void **state)
{
    static const token_case cases[] = {
        {"none", "{" ISS AUD EXP IAT "'nonce':'" NONCE "'}", TA_REASON_ID_TOKEN_SUBJECT},
        {"empty", "{" ISS "'sub':''," AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_SUBJECT},
        {"number", "{" ISS "'sub':7," AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_SUBJECT},
        {"null", "{" ISS "'sub':null," AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_SUBJECT},
        {"control", "{" ISS "'sub':'a\\nb'," AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_ID_TOKEN_SUBJECT},
        {"UTF-8", "{" ISS "'sub':'K\303\266nig'," AUD EXP IAT "'nonce':'" NONCE "'}",
         TA_REASON_NONE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

/* A token that another application got must not log its user in here. */
static void test_aud_is_our_client_id_and_nobody_else(void **state)
{
    static const token_case cases[] = {
        {"string", WITH("'aud':'" CLIENT "',"), TA_REASON_NONE},
        {"array", WITH("'aud':['" CLIENT "'],"), TA_REASON_NONE},
        {"twice ours", WITH("'aud':['" CLIENT "','" CLIENT "'],"), TA_REASON_NONE},
        {"none", WITH(""), TA_REASON_ID_TOKEN_AUDIENCE},
        {"null", WITH("'aud':null,"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"empty string", WITH("'aud':'',"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"empty array", WITH("'aud':[],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"other", WITH("'aud':'other',"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"other in array", WITH("'aud':['other'],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"several", WITH("'aud':['" CLIENT "','other'],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"several, ours last", WITH("'aud':['other','" CLIENT "'],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"access token of Pocket ID", WITH("'aud':['" CLIENT "','" ISSUER "'],"),
         TA_REASON_ID_TOKEN_AUDIENCE},
        {"number", WITH("'aud':7,"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"number in array", WITH("'aud':['" CLIENT "',7],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"nested", WITH("'aud':[['" CLIENT "']],"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"object", WITH("'aud':{'" CLIENT "':1},"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"prefix", WITH("'aud':'3654a746',"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"list in a string", WITH("'aud':'" CLIENT " other',"), TA_REASON_ID_TOKEN_AUDIENCE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

static void test_azp_is_our_client_id_when_present(void **state)
{
    static const token_case cases[] = {
        {"ours", GOOD(",'azp':'" CLIENT "'"), TA_REASON_NONE},
        {"null", GOOD(",'azp':null"), TA_REASON_NONE},
        {"other", GOOD(",'azp':'other'"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"empty", GOOD(",'azp':''"), TA_REASON_ID_TOKEN_AUDIENCE},
        {"array", GOOD(",'azp':['" CLIENT "']"), TA_REASON_ID_TOKEN_AUDIENCE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

/* Five minutes of clock skew at most: NOW is 1787396405. */
static void test_exp_is_present_and_in_the_future(void **state)
{
#define EXPIRING(exp) "{" ISS SUB AUD exp IAT "'nonce':'" NONCE "'}"
    static const token_case cases[] = {
        {"now", EXPIRING("'exp':1787396405,"), TA_REASON_NONE},
        {"299 seconds ago", EXPIRING("'exp':1787396106,"), TA_REASON_NONE},
        {"300 seconds ago", EXPIRING("'exp':1787396105,"), TA_REASON_ID_TOKEN_EXPIRED},
        {"1970", EXPIRING("'exp':0,"), TA_REASON_ID_TOKEN_EXPIRED},
        {"fraction", EXPIRING("'exp':1787400000.5,"), TA_REASON_NONE},
        {"after 2038", EXPIRING("'exp':4102444800,"), TA_REASON_NONE},
        {"none", EXPIRING(""), TA_REASON_ID_TOKEN_TIME},
        {"null", EXPIRING("'exp':null,"), TA_REASON_ID_TOKEN_TIME},
        {"string", EXPIRING("'exp':'1787400000',"), TA_REASON_ID_TOKEN_TIME},
        {"true", EXPIRING("'exp':true,"), TA_REASON_ID_TOKEN_TIME},
        {"1e300", EXPIRING("'exp':1e300,"), TA_REASON_ID_TOKEN_TIME},
        {"beyond 64 bits", EXPIRING("'exp':99999999999999999999,"), TA_REASON_ID_TOKEN_TIME},
        {"negative", EXPIRING("'exp':-1,"), TA_REASON_ID_TOKEN_TIME},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

static void test_iat_is_present_and_not_in_the_future(void **state)
{
#define ISSUED(iat) "{" ISS SUB AUD EXP iat "'nonce':'" NONCE "'}"
    static const token_case cases[] = {
        {"in 300 seconds", ISSUED("'iat':1787396705,"), TA_REASON_NONE},
        {"in 301 seconds", ISSUED("'iat':1787396706,"), TA_REASON_ID_TOKEN_TIME},
        {"long ago", ISSUED("'iat':1,"), TA_REASON_NONE},
        {"none", ISSUED(""), TA_REASON_ID_TOKEN_TIME},
        {"string", ISSUED("'iat':'1787396400',"), TA_REASON_ID_TOKEN_TIME},
        {"negative", ISSUED("'iat':-5,"), TA_REASON_ID_TOKEN_TIME},
        {"1e300", ISSUED("'iat':1e300,"), TA_REASON_ID_TOKEN_TIME},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

static void test_nbf_has_come_when_present(void **state)
{
    static const token_case cases[] = {
        {"now", GOOD(",'nbf':1787396405"), TA_REASON_NONE},
        {"in 300 seconds", GOOD(",'nbf':1787396705"), TA_REASON_NONE},
        {"in 301 seconds", GOOD(",'nbf':1787396706"), TA_REASON_ID_TOKEN_TIME},
        {"string", GOOD(",'nbf':'1'"), TA_REASON_ID_TOKEN_TIME},
        {"null", GOOD(",'nbf':null"), TA_REASON_NONE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

/* A stolen token of another login must not be injected into this one. */
static void test_nonce_is_present_and_equal(void **state)
{
    static const token_case cases[] = {
        {"none", "{" ISS SUB AUD EXP IAT "'x':1}", TA_REASON_ID_TOKEN_NONCE},
        {"null", "{" ISS SUB AUD EXP IAT "'nonce':null}", TA_REASON_ID_TOKEN_NONCE},
        {"empty", "{" ISS SUB AUD EXP IAT "'nonce':''}", TA_REASON_ID_TOKEN_NONCE},
        {"other", "{" ISS SUB AUD EXP IAT "'nonce':'x" NONCE "'}", TA_REASON_ID_TOKEN_NONCE},
        {"prefix", "{" ISS SUB AUD EXP IAT "'nonce':'kRMnY9'}", TA_REASON_ID_TOKEN_NONCE},
        {"array", "{" ISS SUB AUD EXP IAT "'nonce':['" NONCE "']}", TA_REASON_ID_TOKEN_NONCE},
    };

    assert_cases(*state, &login, cases, COUNT(cases));
}

static void test_refreshed_token_needs_no_nonce(void **state)
{
    static const token_case cases[] = {
        {"none", "{" ISS SUB AUD EXP IAT "'x':1}", TA_REASON_NONE},
        {"some", GOOD(""), TA_REASON_NONE},
    };
    ta_id_token_expected refresh = login;

    refresh.nonce = NULL;
    assert_cases(*state, &refresh, cases, COUNT(cases));
}

/* Somebody who swaps the access token that came with it is found out. */
static void test_at_hash_is_right_when_present(void **state)
{
    static const struct {
        const char *algorithm;
        const char *payload;
        ta_reason expected;
    } cases[] = {
        {"RS256", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_NONE},
        {"PS256", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_NONE},
        {"ES256", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_NONE},
        {"RS384", GOOD(",'at_hash':'" HASH_384 "'"), TA_REASON_NONE},
        {"ES512", GOOD(",'at_hash':'" HASH_512 "'"), TA_REASON_NONE},
        {"EdDSA", GOOD(",'at_hash':'" HASH_512 "'"), TA_REASON_NONE},
        {"EdDSA", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_NONE},
        {"Ed25519", GOOD(",'at_hash':'" HASH_512 "'"), TA_REASON_NONE},
        {"Ed25519", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_NONE},
        {"RS256", GOOD(",'at_hash':null"), TA_REASON_NONE},
        {"EdDSA", GOOD(",'at_hash':'" HASH_384 "'"), TA_REASON_ID_TOKEN_HASH},
        {"RS512", GOOD(",'at_hash':'" HASH_256 "'"), TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':'" HASH_512 "'"), TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':'AAAAAAAAAAAAAAAAAAAAAA'"), TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':'" HASH_256 "=='"), TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':''"), TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':1"), TA_REASON_ID_TOKEN_HASH},
        /* the whole hash, and its other half */
        {"RS256", GOOD(",'at_hash':'77QmUPtjPfzWtF2AnpK9RWpXrWlrecdbLUyJDIb7S6Q'"),
         TA_REASON_ID_TOKEN_HASH},
        {"RS256", GOOD(",'at_hash':'aletaWt5x1stTIkMhvtLpA'"), TA_REASON_ID_TOKEN_HASH},
    };
    ta_id_token_expected without = login;
    ta_jws unchecked = make_jws(GOOD(",'at_hash':'x'"), "RS256", NULL);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_jws jws = make_jws(cases[i].payload, cases[i].algorithm, NULL);

        assert_token(*state, cases[i].payload, &jws, &login, cases[i].expected);
    }
    without.access_token = NULL;
    assert_token(*state, "no access token", &unchecked, &without, TA_REASON_NONE);
}

/* The log names expected and found, but a nonce is as good as a password for a moment. */
static void test_detail_shows_no_nonce_and_no_hash(void **state)
{
    static const char *const payloads[] = {
        "{" ISS SUB AUD EXP IAT "'nonce':'S3CRET'}",
        GOOD(",'at_hash':'S3CRET'"),
    };

    for (size_t i = 0; i < COUNT(payloads); i++) {
        ta_jws jws = make_jws(payloads[i], "RS256", NULL);
        ta_fault fault = {.reason = TA_REASON_NONE};
        const ta_json *claims;

        assert_int_equal(ta_id_token_check(*state, &jws, &login, &claims, &fault), APR_EGENERAL);
        assert_null(strstr(fault.detail, "S3CRET"));
        assert_null(strstr(fault.detail, NONCE));
        assert_null(strstr(fault.detail, ACCESS_TOKEN));
        free((void *)(uintptr_t)jws.payload.data);
    }
}

static void test_detail_shows_expected_and_found(void **state)
{
    ta_jws jws = make_jws("{'iss':'https://evil.example'}", "RS256", NULL);
    ta_fault fault = {.reason = TA_REASON_NONE};
    const ta_json *claims;

    assert_int_equal(ta_id_token_check(*state, &jws, &login, &claims, &fault), APR_EGENERAL);
    assert_non_null(strstr(fault.detail, "https://evil.example"));
    assert_non_null(strstr(fault.detail, ISSUER));
    free((void *)(uintptr_t)jws.payload.data);
}

static void test_signed_userinfo_has_our_iss_and_aud(void **state)
{
    static const token_case cases[] = {
        {"without times", "{" ISS SUB AUD "'groups':['a']}", TA_REASON_NONE},
        {"old", "{" ISS SUB AUD "'exp':1,'nonce':'x'}", TA_REASON_NONE},
        {"other iss", "{'iss':'https://evil.example'," SUB AUD "'x':1}", TA_REASON_ID_TOKEN_ISSUER},
        {"no iss", "{" SUB AUD "'x':1}", TA_REASON_ID_TOKEN_ISSUER},
        {"no sub", "{" ISS AUD "'x':1}", TA_REASON_ID_TOKEN_SUBJECT},
        {"other aud", "{" ISS SUB "'aud':'other'}", TA_REASON_ID_TOKEN_AUDIENCE},
        {"no aud", "{" ISS SUB "'x':1}", TA_REASON_ID_TOKEN_AUDIENCE},
        {"no object", "[]", TA_REASON_ID_TOKEN_MALFORMED},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_jws jws = make_jws(cases[i].payload, "RS256", NULL);
        const ta_json *claims = (const ta_json *)"not touched";
        ta_fault fault = {.reason = TA_REASON_NONE};
        apr_status_t status = ta_id_token_check_userinfo(*state, &jws, &provider, &claims, &fault);

        if (fault.reason != cases[i].expected) {
            print_error("%s\n", cases[i].what);
        }
        assert_int_equal(fault.reason, cases[i].expected);
        assert_int_equal(status, fault.reason == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
        assert_int_equal(claims != NULL, status == APR_SUCCESS);
        free((void *)(uintptr_t)jws.payload.data);
    }
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
        cmocka_unit_test(test_token_of_pocket_id_is_taken),
        cmocka_unit_test(test_payload_must_be_an_object),
        cmocka_unit_test(test_header_type_of_another_token_is_refused),
        cmocka_unit_test(test_claimed_type_of_another_token_is_refused),
        cmocka_unit_test(test_iss_is_exact),
        cmocka_unit_test(test_sub_is_a_usable_string),
        cmocka_unit_test(test_aud_is_our_client_id_and_nobody_else),
        cmocka_unit_test(test_azp_is_our_client_id_when_present),
        cmocka_unit_test(test_exp_is_present_and_in_the_future),
        cmocka_unit_test(test_iat_is_present_and_not_in_the_future),
        cmocka_unit_test(test_nbf_has_come_when_present),
        cmocka_unit_test(test_nonce_is_present_and_equal),
        cmocka_unit_test(test_refreshed_token_needs_no_nonce),
        cmocka_unit_test(test_at_hash_is_right_when_present),
        cmocka_unit_test(test_detail_shows_no_nonce_and_no_hash),
        cmocka_unit_test(test_detail_shows_expected_and_found),
        cmocka_unit_test(test_signed_userinfo_has_our_iss_and_aud),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
