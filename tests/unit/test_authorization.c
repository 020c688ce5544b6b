/*
 * The way to the provider and back: what is sent, and which answers are believed.
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

#include "oidc/authorization.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ISSUER       "https://id.example.com"
#define REDIRECT     "https://tinyauth.example.com/api/oauth/callback/pocketid"

/* RFC 7636 appendix B */
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static const ta_provider provider = {
    .id = "pocketid",
    .issuer = ISSUER,
    .client_id = "client & co",
    .scopes = "openid email profile groups",
};

static const ta_metadata metadata = {
    .issuer = ISSUER,
    .authorization_endpoint = ISSUER "/authorize",
};

static const ta_metadata promising = {
    .issuer = ISSUER,
    .authorization_endpoint = ISSUER "/authorize",
    .response_iss_promised = 1,
};

static const ta_metadata plain_oauth = {
    .authorization_endpoint = ISSUER "/authorize",
};

static const ta_authorization_request request = {
    .provider = &provider,
    .metadata = &metadata,
    .redirect_uri = REDIRECT,
    .state = "9lUEBvTEGVrNbVSdC2fE1cWyHKnN9B0J6cQvCq2d6dA",
    .nonce = "kRMnY9-UcLsgTPPzbN1ghGkBqMJ2vYaZNHLVCd9kQ9o",
    .code_verifier = VERIFIER,
};

typedef struct response_case {
    const char *what;
    const char *query;
    ta_reason expected; /* TA_REASON_NONE: it is taken */
} response_case;

/* Reads a query from a block of its exact size, which is gone afterwards. */
static ta_form *read_form(apr_pool_t *p, const char *query)
{
    size_t len = strlen(query);
    unsigned char *copy = malloc(len > 0 ? len : 1);
    ta_form *form;

    memcpy(copy, query, len);
    assert_int_equal(ta_form_parse(p, (ta_bytes){.data = copy, .len = len}, &form), APR_SUCCESS);
    free(copy);
    return form;
}

/* The query of a URL, read again. */
static ta_form *query_of(apr_pool_t *p, const char *url)
{
    assert_non_null(url);
    assert_non_null(strchr(url, '?'));
    return read_form(p, strchr(url, '?') + 1);
}

static void assert_parameter(const ta_form *form, const char *name, const char *value)
{
    assert_int_equal(ta_form_count(form, name), value != NULL ? 1 : 0);
    if (value != NULL) {
        assert_string_equal(ta_form_get(form, name), value);
    }
}

static ta_authorization_response *parse_good(apr_pool_t *p, const char *query)
{
    ta_authorization_response *response;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_authorization_response_parse(p, read_form(p, query), &response, &fault),
                     APR_SUCCESS);
    assert_int_equal(fault.reason, TA_REASON_NONE);
    assert_non_null(response);
    return response;
}

static void assert_parse_cases(apr_pool_t *p, const response_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_authorization_response *response = (ta_authorization_response *)"not touched";
        ta_fault fault = {.reason = TA_REASON_NONE};
        apr_status_t status =
            ta_authorization_response_parse(p, read_form(p, cases[i].query), &response, &fault);

        if (fault.reason != cases[i].expected) {
            print_error("%s: reason %d\n", cases[i].what, fault.reason);
        }
        assert_int_equal(fault.reason, cases[i].expected);
        assert_int_equal(status, fault.reason == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
        assert_int_equal(response == NULL, fault.reason != TA_REASON_NONE);
    }
}

static void assert_check_cases(apr_pool_t *p, const ta_metadata *expected,
                               const response_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_fault fault = {.reason = TA_REASON_NONE};
        apr_status_t status =
            ta_authorization_response_check(p, parse_good(p, cases[i].query), expected, &fault);

        if (fault.reason != cases[i].expected) {
            print_error("%s: reason %d\n", cases[i].what, fault.reason);
        }
        assert_int_equal(fault.reason, cases[i].expected);
        assert_int_equal(status, fault.reason == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
    }
}

static void test_challenge_of_rfc_7636_appendix_b(void **state)
{
    assert_string_equal(ta_authorization_challenge(*state, VERIFIER), CHALLENGE);
}

static void test_request_has_exactly_what_the_protocol_asks_for(void **state)
{
    const char *url = ta_authorization_url(*state, &request);
    ta_form *form = query_of(*state, url);

    assert_int_equal(strncmp(url, ISSUER "/authorize?", strlen(ISSUER "/authorize?")), 0);
    assert_parameter(form, "response_type", "code");
    assert_parameter(form, "client_id", "client & co");
    assert_parameter(form, "redirect_uri", REDIRECT);
    assert_parameter(form, "scope", "openid email profile groups");
    assert_parameter(form, "state", request.state);
    assert_parameter(form, "nonce", request.nonce);
    assert_parameter(form, "code_challenge", CHALLENGE);
    assert_parameter(form, "code_challenge_method", "S256");
    assert_int_equal(form->fields->nelts, 8);
}

/* The verifier is what an attacker who reads the URL must not learn. */
static void test_request_does_not_show_the_verifier(void **state)
{
    assert_null(strstr(ta_authorization_url(*state, &request), VERIFIER));
}

static void test_prompt_is_sent_when_asked_for(void **state)
{
    ta_authorization_request with_prompt = request;

    with_prompt.prompt = "select_account";
    assert_parameter(query_of(*state, ta_authorization_url(*state, &with_prompt)), "prompt",
                     "select_account");
}

static void test_nonce_is_sent_where_scope_has_openid(void **state)
{
    ta_provider without = provider;
    ta_authorization_request plain = request;

    without.scopes = "email profile xopenid";
    plain.provider = &without;
    assert_parameter(query_of(*state, ta_authorization_url(*state, &plain)), "nonce", NULL);
    plain.nonce = NULL;
    assert_non_null(ta_authorization_url(*state, &plain));
}

static void test_query_of_the_endpoint_is_kept(void **state)
{
    ta_metadata with_query = metadata;
    ta_authorization_request to_query = request;
    const char *url;

    with_query.authorization_endpoint = ISSUER "/authorize?tenant=a%20b";
    to_query.metadata = &with_query;
    url = ta_authorization_url(*state, &to_query);
    assert_parameter(query_of(*state, url), "tenant", "a b");
    assert_parameter(query_of(*state, url), "state", request.state);
}

/* A login without state, nonce or PKCE is not begun at all. */
static void test_no_request_without_its_protections(void **state)
{
    static const size_t offsets[] = {
        offsetof(ta_authorization_request, state),
        offsetof(ta_authorization_request, nonce),
        offsetof(ta_authorization_request, code_verifier),
    };

    for (size_t i = 0; i < COUNT(offsets); i++) {
        ta_authorization_request unsafe = request;

        *(const char **)((char *)&unsafe + offsets[i]) = NULL;
        assert_null(ta_authorization_url(*state, &unsafe));
    }
}

static char *many(apr_pool_t *p, size_t count)
{
    char *text = apr_palloc(p, count + 1);

    memset(text, 'a', count);
    text[count] = '\0';
    return text;
}

static void test_url_beyond_8_kb_is_none(void **state)
{
    ta_metadata long_endpoint = metadata;
    ta_authorization_request long_request = request;
    size_t rest = 8192 - strlen(ta_authorization_url(*state, &request));
    size_t base = strlen(metadata.authorization_endpoint);

    long_request.metadata = &long_endpoint;
    long_endpoint.authorization_endpoint =
        apr_pstrcat(*state, metadata.authorization_endpoint, many(*state, rest), NULL);
    assert_int_equal(strlen(long_endpoint.authorization_endpoint), base + rest);
    assert_int_equal(strlen(ta_authorization_url(*state, &long_request)), 8192);
    long_endpoint.authorization_endpoint =
        apr_pstrcat(*state, metadata.authorization_endpoint, many(*state, rest + 1), NULL);
    assert_null(ta_authorization_url(*state, &long_request));
    long_request = request;
    long_request.redirect_uri = many(*state, 9000);
    assert_null(ta_authorization_url(*state, &long_request));
}

static void test_response_of_pocket_id_is_understood(void **state)
{
    ta_authorization_response *response = parse_good(
        *state, "code=abc.def-1%2B2&iss=https%3A%2F%2Fid.example.com&scope=openid+email&state=xyz");

    assert_string_equal(response->code, "abc.def-1+2");
    assert_string_equal(response->state, "xyz");
    assert_string_equal(response->iss, ISSUER);
    assert_null(response->error);
    assert_null(response->error_description);
    response = parse_good(*state, "state=xyz&error=login_required&error_description=Log+in");
    assert_null(response->code);
    assert_string_equal(response->error, "login_required");
    assert_string_equal(response->error_description, "Log in");
}

static void test_unknown_parameters_are_ignored(void **state)
{
    static const response_case cases[] = {
        {"unknown twice", "code=c&state=s&x=1&x=2&session_state=q", TA_REASON_NONE},
        {"descriptions twice", "error=e&state=s&error_description=a&error_description=b",
         TA_REASON_NONE},
    };

    assert_parse_cases(*state, cases, COUNT(cases));
}

/* Which of two would be checked, and which used? */
static void test_duplicated_parameters_are_refused(void **state)
{
    static const response_case cases[] = {
        {"code", "code=a&code=b&state=s", TA_REASON_RESPONSE_MALFORMED},
        {"code, equal", "code=a&code=a&state=s", TA_REASON_RESPONSE_MALFORMED},
        {"code, one empty", "code=a&code=&state=s", TA_REASON_RESPONSE_MALFORMED},
        {"state", "code=a&state=s&state=t", TA_REASON_RESPONSE_MALFORMED},
        {"iss", "code=a&state=s&iss=i&iss=j", TA_REASON_RESPONSE_MALFORMED},
        {"error", "error=a&error=b&state=s", TA_REASON_RESPONSE_MALFORMED},
        {"encoded name", "code=a&c%6fde=b&state=s", TA_REASON_RESPONSE_MALFORMED},
    };

    assert_parse_cases(*state, cases, COUNT(cases));
}

static void test_code_and_error_together_are_refused(void **state)
{
    static const response_case cases[] = {
        {"both", "code=a&error=access_denied&state=s", TA_REASON_RESPONSE_MALFORMED},
        {"error without a value", "code=a&error=&state=s", TA_REASON_NONE},
        {"code without a value", "code=&error=access_denied&state=s", TA_REASON_NONE},
    };

    assert_parse_cases(*state, cases, COUNT(cases));
}

static void test_missing_state_or_code_is_refused(void **state)
{
    static const response_case cases[] = {
        {"no state", "code=a", TA_REASON_STATE_MISSING},
        {"empty state", "code=a&state=", TA_REASON_STATE_MISSING},
        {"error without state", "error=server_error", TA_REASON_STATE_MISSING},
        {"nothing", "", TA_REASON_STATE_MISSING},
        {"no code", "state=s", TA_REASON_CODE_MISSING},
        {"empty code", "state=s&code=", TA_REASON_CODE_MISSING},
        {"other case", "state=s&CODE=a", TA_REASON_CODE_MISSING},
    };

    assert_parse_cases(*state, cases, COUNT(cases));
}

/* The mix-up attack: a code of one provider is brought to another. */
static void test_iss_must_equal_the_issuer_when_present(void **state)
{
    static const response_case cases[] = {
        {"equal", "code=a&state=s&iss=https://id.example.com", TA_REASON_NONE},
        {"absent", "code=a&state=s", TA_REASON_NONE},
        {"other", "code=a&state=s&iss=https://evil.example", TA_REASON_ISSUER_MISMATCH},
        {"slash", "code=a&state=s&iss=https://id.example.com/", TA_REASON_ISSUER_MISMATCH},
        {"case", "code=a&state=s&iss=https://ID.example.com", TA_REASON_ISSUER_MISMATCH},
        {"prefix", "code=a&state=s&iss=https://id.example.co", TA_REASON_ISSUER_MISMATCH},
        {"other with error", "error=e&state=s&iss=https://evil.example", TA_REASON_ISSUER_MISMATCH},
    };

    assert_check_cases(*state, &metadata, cases, COUNT(cases));
    assert_check_cases(*state, &promising, cases, 1);
}

static void test_iss_must_be_present_when_promised(void **state)
{
    static const response_case cases[] = {
        {"present", "code=a&state=s&iss=https://id.example.com", TA_REASON_NONE},
        {"absent", "code=a&state=s", TA_REASON_ISSUER_MISMATCH},
        {"empty", "code=a&state=s&iss=", TA_REASON_ISSUER_MISMATCH},
        {"error without iss is the error", "error=login_required&state=s",
         TA_REASON_PROVIDER_ERROR},
    };

    assert_check_cases(*state, &promising, cases, COUNT(cases));
}

static void test_iss_is_ignored_without_issuer(void **state)
{
    static const response_case cases[] = {
        {"any iss", "code=a&state=s&iss=https://id.example.com", TA_REASON_NONE},
        {"error", "error=e&state=s&iss=https://id.example.com", TA_REASON_PROVIDER_ERROR},
    };

    assert_check_cases(*state, &plain_oauth, cases, COUNT(cases));
}

static const char *quoted_error(apr_pool_t *p, const char *query, const char **detail)
{
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_authorization_response_check(p, parse_good(p, query), &metadata, &fault),
                     APR_EGENERAL);
    assert_int_equal(fault.reason, TA_REASON_PROVIDER_ERROR);
    *detail = fault.detail;
    return fault.quoted;
}

static void test_error_of_the_provider_is_told_in_its_words(void **state)
{
    const char *detail;

    assert_string_equal(quoted_error(*state, "state=s&error=login_required", &detail),
                        "login_required");
    assert_non_null(strstr(detail, "login_required"));
    assert_string_equal(
        quoted_error(*state, "state=s&error=e&error_description=K%C3%B6nig+%3Cb%3E", &detail),
        "e: K\303\266nig <b>");
    assert_non_null(strstr(detail, "<b>"));
    assert_null(strstr(detail, "\303"));
}

/* One line of the log stays one line. */
static void test_error_of_the_provider_makes_no_log_line_of_its_own(void **state)
{
    const char *detail;

    quoted_error(*state, "state=s&error=a%0Ab&error_description=c%0D%0Ad", &detail);
    assert_null(strpbrk(detail, "\r\n"));
}

static void test_quoted_error_is_at_most_300_bytes_and_whole_characters(void **state)
{
    const char *detail;
    const char *quoted;

    quoted = quoted_error(
        *state, apr_pstrcat(*state, "state=s&error=e&error_description=", many(*state, 400), NULL),
        &detail);
    assert_int_equal(strlen(quoted), 300);
    /* the 300th byte is the second of three */
    quoted =
        quoted_error(*state,
                     apr_pstrcat(*state, "state=s&error=e&error_description=", many(*state, 295),
                                 "%E2%82%AC%E2%82%AC", NULL),
                     &detail);
    assert_int_equal(strlen(quoted), 298);
    assert_int_equal(quoted[297], 'a');
    quoted =
        quoted_error(*state,
                     apr_pstrcat(*state, "state=s&error=e&error_description=", many(*state, 294),
                                 "%E2%82%AC%E2%82%AC", NULL),
                     &detail);
    assert_int_equal(strlen(quoted), 300);
}

static void test_checks_work_without_a_fault(void **state)
{
    ta_authorization_response *response = parse_good(*state, "error=e&state=s");

    assert_int_equal(ta_authorization_response_check(*state, response, &metadata, NULL),
                     APR_EGENERAL);
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
        cmocka_unit_test(test_challenge_of_rfc_7636_appendix_b),
        cmocka_unit_test(test_request_has_exactly_what_the_protocol_asks_for),
        cmocka_unit_test(test_request_does_not_show_the_verifier),
        cmocka_unit_test(test_prompt_is_sent_when_asked_for),
        cmocka_unit_test(test_nonce_is_sent_where_scope_has_openid),
        cmocka_unit_test(test_query_of_the_endpoint_is_kept),
        cmocka_unit_test(test_no_request_without_its_protections),
        cmocka_unit_test(test_url_beyond_8_kb_is_none),
        cmocka_unit_test(test_response_of_pocket_id_is_understood),
        cmocka_unit_test(test_unknown_parameters_are_ignored),
        cmocka_unit_test(test_duplicated_parameters_are_refused),
        cmocka_unit_test(test_code_and_error_together_are_refused),
        cmocka_unit_test(test_missing_state_or_code_is_refused),
        cmocka_unit_test(test_iss_must_equal_the_issuer_when_present),
        cmocka_unit_test(test_iss_must_be_present_when_promised),
        cmocka_unit_test(test_iss_is_ignored_without_issuer),
        cmocka_unit_test(test_error_of_the_provider_is_told_in_its_words),
        cmocka_unit_test(test_error_of_the_provider_makes_no_log_line_of_its_own),
        cmocka_unit_test(test_quoted_error_is_at_most_300_bytes_and_whole_characters),
        cmocka_unit_test(test_checks_work_without_a_fault),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
