/*
 * Userinfo: how it is asked for, which answers are answers, and that they are about the user
 * who logged in.
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

#include "oidc/userinfo.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define JSON         "application/json"
#define SUB          "f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e"

typedef struct answer_case {
    const char *what;
    int status;
    const char *content_type;
    const char *body; /* ' stands for " */
    ta_reason expected;
    const char *detail; /* must be in the detail, or NULL */
} answer_case;

/* The bytes of a text in a block of their exact size, which the caller frees. */
static ta_bytes exact_copy(const char *text)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len > 0 ? len : 1);

    for (size_t i = 0; i < len; i++) {
        copy[i] = text[i] == '\'' ? '"' : (unsigned char)text[i];
    }
    return (ta_bytes){.data = copy, .len = len};
}

static void free_bytes(ta_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static const ta_json *parse_claims(apr_pool_t *p, const char *text)
{
    ta_bytes bytes = exact_copy(text);
    const ta_json *claims;

    assert_int_equal(ta_json_parse_object(p, bytes, &claims), APR_SUCCESS);
    free_bytes(bytes);
    return claims;
}

static void assert_cases(apr_pool_t *p, const answer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const answer_case *c = &cases[i];
        ta_http_response response = {
            .status = c->status,
            .content_type = c->content_type,
            .body = exact_copy(c->body),
        };
        const ta_json *claims = (const ta_json *)"not touched";
        const char *jwt = "not touched";
        ta_fault fault = {.reason = TA_REASON_NONE};
        apr_status_t status = ta_userinfo_answer_parse(p, &response, &claims, &jwt, &fault);

        if (fault.reason != c->expected ||
            (c->detail && (!fault.detail || !strstr(fault.detail, c->detail)))) {
            print_error("%s: reason %d, detail %s\n", c->what, fault.reason,
                        fault.detail ? fault.detail : "(none)");
            fail();
        }
        assert_int_equal(status, c->expected == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
        /* one of the two, and none after a failure */
        assert_int_equal((claims != NULL) + (jwt != NULL), status == APR_SUCCESS);
        free_bytes(response.body);
    }
}

static void test_request_is_a_get_with_the_bearer(void **state)
{
    ta_metadata metadata = {.userinfo_endpoint = "https://id.example.com/api/oidc/userinfo"};
    ta_http_request request = {.basic = "left over", .form = "left over", .timeout_seconds = 7};

    (void)state;
    ta_userinfo_request(&metadata, "eyJ.at.x", &request);
    assert_string_equal(request.url, metadata.userinfo_endpoint);
    assert_string_equal(request.bearer, "eyJ.at.x");
    assert_non_null(strstr(request.accept, "application/json"));
    assert_non_null(strstr(request.accept, "application/jwt"));
    assert_null(request.basic);
    assert_null(request.form);
    assert_int_equal(request.timeout_seconds, 7);
}

static void test_answer_of_pocket_id_is_understood(void **state)
{
    ta_http_response response = {
        .status = 200,
        .content_type = JSON,
        .body = exact_copy("{'sub':'" SUB "','given_name':'Tim','family_name':'Cook',"
                           "'name':'Tim Cook','preferred_username':'tim',"
                           "'email':'tim.cook@test.com','email_verified':false,"
                           "'groups':['developers','designers']}"),
    };
    const ta_json *claims;
    const char *jwt;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_userinfo_answer_parse(*state, &response, &claims, &jwt, &fault),
                     APR_SUCCESS);
    free_bytes(response.body);
    assert_null(jwt);
    assert_string_equal(ta_json_string(claims, "preferred_username"), "tim");
}

static void test_signed_answer_is_left_to_be_verified(void **state)
{
    ta_http_response response = {
        .status = 200,
        .content_type = "application/jwt",
        .body = exact_copy("eyJ.eyJ.sig"),
    };
    const ta_json *claims;
    const char *jwt;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_userinfo_answer_parse(*state, &response, &claims, &jwt, &fault),
                     APR_SUCCESS);
    free_bytes(response.body);
    assert_null(claims);
    assert_string_equal(jwt, "eyJ.eyJ.sig");
}

/* What stands behind a NUL would be verified by nobody. */
static void test_signed_answer_with_nul_or_nothing_is_refused(void **state)
{
    static const unsigned char with_nul[] = "eyJ.eyJ.sig\0.more";
    ta_http_response response = {
        .status = 200,
        .content_type = "application/jwt",
        .body = {.data = with_nul, .len = sizeof(with_nul) - 1},
    };
    const ta_json *claims;
    const char *jwt;

    for (size_t i = 0; i < 2; i++) {
        ta_fault fault = {.reason = TA_REASON_NONE};

        assert_int_equal(ta_userinfo_answer_parse(*state, &response, &claims, &jwt, &fault),
                         APR_EGENERAL);
        assert_int_equal(fault.reason, TA_REASON_USERINFO_MALFORMED);
        assert_null(jwt);
        response.body.len = 0;
    }
}

static void test_media_type_is_json_or_jwt(void **state)
{
    static const answer_case cases[] = {
        {"JSON", 200, JSON, "{'sub':'a'}", TA_REASON_NONE, NULL},
        {"a kind of JSON", 200, "application/scim+json", "{'sub':'a'}", TA_REASON_NONE, NULL},
        {"none", 200, "", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED, NULL},
        {"HTML", 200, "text/html", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED, "text/html"},
        {"text", 200, "text/plain", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED, NULL},
        {"not application", 200, "text/long-enough+json", "{'sub':'a'}",
         TA_REASON_USERINFO_MALFORMED, NULL},
        {"no name", 200, "application/+json", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED, NULL},
        {"another", 200, "application/octet-stream", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED,
         NULL},
        {"longer", 200, "application/jsonp", "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED, NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_json_must_be_an_object(void **state)
{
    static const answer_case cases[] = {
        {"empty", 200, JSON, "", TA_REASON_USERINFO_MALFORMED, "no JSON object"},
        {"array", 200, JSON, "[{'sub':'a'}]", TA_REASON_USERINFO_MALFORMED, NULL},
        {"two subs", 200, JSON, "{'sub':'a','sub':'b'}", TA_REASON_USERINFO_MALFORMED, NULL},
        {"a JWT that says it is JSON", 200, JSON, "eyJ.eyJ.sig", TA_REASON_USERINFO_MALFORMED,
         NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_definite_no_is_told_from_do_not_know(void **state)
{
    static const answer_case cases[] = {
        {"401", 401, JSON, "{'error':'invalid_token','error_description':'expired'}",
         TA_REASON_USERINFO_REFUSED, "invalid_token"},
        {"403", 403, "text/html", "<h1>", TA_REASON_USERINFO_REFUSED, "403"},
        {"429", 429, JSON, "{'error':'Too many requests'}", TA_REASON_PROVIDER_UNREACHABLE,
         "Too many requests"},
        {"500", 500, "", "", TA_REASON_PROVIDER_UNREACHABLE, "500"},
        {"503", 503, "text/html", "<h1>", TA_REASON_PROVIDER_UNREACHABLE, NULL},
        {"redirect", 302, "text/html", "", TA_REASON_USERINFO_MALFORMED, "302"},
        {"wrong URL", 404, JSON, "{'error':'not found'}", TA_REASON_USERINFO_MALFORMED, "404"},
        {"no content", 204, "", "", TA_REASON_USERINFO_MALFORMED, NULL},
        {"claims with another status", 202, JSON, "{'sub':'a'}", TA_REASON_USERINFO_MALFORMED,
         NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void assert_subject(apr_pool_t *p, const char *json, const char *id_token_sub,
                           const char *expected)
{
    const char *sub = "not touched";
    ta_fault fault = {.reason = TA_REASON_NONE};
    apr_status_t status =
        ta_userinfo_check_subject(p, parse_claims(p, json), id_token_sub, &sub, &fault);

    if (expected == NULL) {
        assert_int_equal(status, APR_EGENERAL);
        assert_int_equal(fault.reason, TA_REASON_USERINFO_SUBJECT);
        assert_null(sub);
    } else {
        assert_int_equal(status, APR_SUCCESS);
        assert_int_equal(fault.reason, TA_REASON_NONE);
        assert_string_equal(sub, expected);
    }
}

/* An access token of somebody else, swapped in, would bring that user's claims. */
static void test_sub_is_present_and_equals_that_of_the_id_token(void **state)
{
    assert_subject(*state, "{'sub':'" SUB "'}", SUB, SUB);
    assert_subject(*state, "{'sub':'somebody-else'}", SUB, NULL);
    assert_subject(*state, "{'sub':'" SUB "x'}", SUB, NULL);
    assert_subject(*state, "{'sub':'f4b89dc2'}", SUB, NULL);
    assert_subject(*state, "{'name':'Tim'}", SUB, NULL);
    assert_subject(*state, "{'sub':''}", "", NULL);
    assert_subject(*state, "{'sub':null}", SUB, NULL);
    assert_subject(*state, "{'sub':['" SUB "']}", SUB, NULL);
    /* only plain OAuth has id, or numbers */
    assert_subject(*state, "{'id':'" SUB "'}", SUB, NULL);
    assert_subject(*state, "{'sub':7}", "7", NULL);
}

static void test_plain_oauth_has_sub_or_id(void **state)
{
    assert_subject(*state, "{'sub':'" SUB "','id':'other'}", NULL, SUB);
    assert_subject(*state, "{'id':'alice'}", NULL, "alice");
    assert_subject(*state, "{'id':583231}", NULL, "583231");
    assert_subject(*state, "{'sub':12}", NULL, "12");
    assert_subject(*state, "{'sub':null,'id':12}", NULL, "12");
    assert_subject(*state, "{'login':'alice'}", NULL, NULL);
    assert_subject(*state, "{'id':''}", NULL, NULL);
    assert_subject(*state, "{'id':true}", NULL, NULL);
    assert_subject(*state, "{'id':{'a':1}}", NULL, NULL);
    assert_subject(*state, "{'id':['a']}", NULL, NULL);
    /* half a subject: the other member is not asked */
    assert_subject(*state, "{'sub':'','id':'alice'}", NULL, NULL);
}

/* Numbers that a parser cuts to its largest one would all be the same user. */
static void test_numbers_beyond_64_bits_name_nobody(void **state)
{
    assert_subject(*state, "{'id':9223372036854775807}", NULL, "9223372036854775807");
    assert_subject(*state, "{'id':99999999999999999999999}", NULL, NULL);
    assert_subject(*state, "{'id':-99999999999999999999999}", NULL, NULL);
}

static void test_subject_has_no_control_characters(void **state)
{
    assert_subject(*state, "{'sub':'a\\nb'}", "a\nb", NULL);
    assert_subject(*state, "{'id':'a\\u0085b'}", NULL, NULL);
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
        cmocka_unit_test(test_request_is_a_get_with_the_bearer),
        cmocka_unit_test(test_answer_of_pocket_id_is_understood),
        cmocka_unit_test(test_signed_answer_is_left_to_be_verified),
        cmocka_unit_test(test_signed_answer_with_nul_or_nothing_is_refused),
        cmocka_unit_test(test_media_type_is_json_or_jwt),
        cmocka_unit_test(test_json_must_be_an_object),
        cmocka_unit_test(test_definite_no_is_told_from_do_not_know),
        cmocka_unit_test(test_sub_is_present_and_equals_that_of_the_id_token),
        cmocka_unit_test(test_plain_oauth_has_sub_or_id),
        cmocka_unit_test(test_numbers_beyond_64_bits_name_nobody),
        cmocka_unit_test(test_subject_has_no_control_characters),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
