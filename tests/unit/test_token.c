/*
 * Spending a code: how the request is made, and what each kind of answer means. A refusal
 * ends logins and sessions, so nothing else may look like one.
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

#include "oidc/token.h"
#include "util/form.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define REDIRECT     "https://tinyauth.example.com/api/oauth/callback/pocketid"
#define VERIFIER     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define JSON         "application/json"

/* A sound answer with other or further members; ' stands for ". */
#define GOOD(more) "{'access_token':'eyJ.at.x','token_type':'bearer'" more "}"

typedef struct answer_case {
    const char *what;
    int status;
    const char *content_type;
    const char *body;
    ta_reason expected;
    const char *detail; /* must be in the detail, or NULL */
} answer_case;

static const ta_provider provider = {
    .id = "pocketid",
    .client_id = "my client:1",
    .client_secret = "s%e+c:r&t \303\244",
};

/* Makes a request, and reads its form again. */
static ta_form *make_request(apr_pool_t *p, ta_token_auth auth, ta_http_request *request)
{
    ta_metadata metadata = {
        .token_endpoint = "https://id.example.com/api/oidc/token",
        .token_auth = auth,
    };
    ta_bytes bytes;
    ta_form *form;

    assert_int_equal(
        ta_token_request_code(p, &provider, &metadata, "the+code&x", REDIRECT, VERIFIER, request),
        APR_SUCCESS);
    bytes = (ta_bytes){(const unsigned char *)request->form, strlen(request->form)};
    assert_int_equal(ta_form_parse(p, bytes, &form), APR_SUCCESS);
    return form;
}

static void assert_field(const ta_form *form, const char *name, const char *value)
{
    assert_int_equal(ta_form_count(form, name), value != NULL ? 1 : 0);
    if (value != NULL) {
        assert_string_equal(ta_form_get(form, name), value);
    }
}

/* Reads an answer from a block of its exact size, which is gone afterwards. */
static apr_status_t parse(apr_pool_t *p, int status, const char *content_type, const char *body,
                          ta_tokens **tokens, ta_fault *fault)
{
    size_t len = strlen(body);
    unsigned char *copy = malloc(len > 0 ? len : 1);
    ta_http_response response = {.status = status, .content_type = content_type};
    apr_status_t result;

    for (size_t i = 0; i < len; i++) {
        copy[i] = body[i] == '\'' ? '"' : (unsigned char)body[i];
    }
    response.body = (ta_bytes){.data = copy, .len = len};
    result = ta_token_answer_parse(p, &response, tokens, fault);
    free(copy);
    return result;
}

static ta_tokens *parse_good(apr_pool_t *p, const char *body)
{
    ta_tokens *tokens;
    ta_fault fault = {.reason = TA_REASON_NONE};

    if (parse(p, 200, JSON, body, &tokens, &fault) != APR_SUCCESS) {
        print_error("%s: %s\n", body, fault.detail);
        fail();
    }
    assert_non_null(tokens);
    assert_non_null(tokens->access_token);
    return tokens;
}

static void assert_cases(apr_pool_t *p, const answer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const answer_case *c = &cases[i];
        ta_tokens *tokens = (ta_tokens *)"not touched";
        ta_fault fault = {.reason = TA_REASON_NONE};
        apr_status_t status = parse(p, c->status, c->content_type, c->body, &tokens, &fault);

        if (fault.reason != c->expected ||
            (c->detail && (!fault.detail || !strstr(fault.detail, c->detail)))) {
            print_error("%s: reason %d, detail %s\n", c->what, fault.reason,
                        fault.detail ? fault.detail : "(none)");
            fail();
        }
        assert_int_equal(status, APR_EGENERAL);
        assert_null(tokens);
    }
}

static void test_request_has_redirect_uri_and_code_verifier(void **state)
{
    ta_http_request request = {.timeout_seconds = 7, .ca_file = "/x.pem", .bearer = "left over"};
    ta_form *form = make_request(*state, TA_TOKEN_AUTH_BASIC, &request);

    assert_string_equal(request.url, "https://id.example.com/api/oidc/token");
    assert_string_equal(request.accept, "application/json");
    assert_null(request.bearer);
    assert_int_equal(request.timeout_seconds, 7);
    assert_string_equal(request.ca_file, "/x.pem");
    assert_field(form, "grant_type", "authorization_code");
    assert_field(form, "code", "the+code&x");
    assert_field(form, "redirect_uri", REDIRECT);
    assert_field(form, "code_verifier", VERIFIER);
}

/* A blank, '%', '+', ':' or '&' in them must reach the provider as it is. */
static void test_client_secret_basic_encodes_id_and_secret_first(void **state)
{
    ta_http_request request = {.url = NULL};
    ta_form *form = make_request(*state, TA_TOKEN_AUTH_BASIC, &request);

    assert_string_equal(request.basic, "my%20client%3A1:s%25e%2Bc%3Ar%26t%20%C3%A4");
    assert_field(form, "client_id", NULL);
    assert_field(form, "client_secret", NULL);
    assert_int_equal(form->fields->nelts, 4);
}

static void test_client_secret_post_and_none_use_the_form(void **state)
{
    static const ta_token_auth auths[] = {TA_TOKEN_AUTH_POST, TA_TOKEN_AUTH_NONE};

    for (size_t i = 0; i < COUNT(auths); i++) {
        ta_http_request request = {.basic = "left over"};
        ta_form *form = make_request(*state, auths[i], &request);

        assert_null(request.basic);
        assert_field(form, "client_id", provider.client_id);
        assert_field(form, "client_secret",
                     auths[i] == TA_TOKEN_AUTH_POST ? provider.client_secret : NULL);
    }
}

static void test_no_request_with_a_secret_that_is_missing(void **state)
{
    static const ta_token_auth needing[] = {TA_TOKEN_AUTH_BASIC, TA_TOKEN_AUTH_POST};
    ta_provider public_client = {.id = "pocketid", .client_id = "client"};

    for (size_t i = 0; i < COUNT(needing); i++) {
        ta_metadata metadata = {
            .token_endpoint = "https://id.example.com/token",
            .token_auth = needing[i],
        };
        ta_http_request request = {.url = NULL};

        assert_int_equal(ta_token_request_code(*state, &public_client, &metadata, "code", REDIRECT,
                                               VERIFIER, &request),
                         APR_EINVAL);
        assert_null(request.url);
    }
}

static void test_form_beyond_16_kb_is_refused(void **state)
{
    ta_metadata metadata = {.token_endpoint = "https://id.example.com/token"};
    ta_http_request request = {.url = NULL};
    char *code = apr_palloc(*state, 20001);

    memset(code, 'c', 20000);
    code[20000] = '\0';
    assert_int_equal(
        ta_token_request_code(*state, &provider, &metadata, code, REDIRECT, VERIFIER, &request),
        APR_ENOSPC);
    assert_null(request.form);
}

static void test_answer_of_pocket_id_is_understood(void **state)
{
    ta_tokens *tokens =
        parse_good(*state, "{'access_token':'eyJ.at.x','token_type':'bearer','expires_in':3599,"
                           "'scope':'openid profile email groups','id_token':'eyJ.id.x',"
                           "'refresh_token':'ory_rt_x'}");

    assert_string_equal(tokens->access_token, "eyJ.at.x");
    assert_string_equal(tokens->id_token, "eyJ.id.x");
    assert_string_equal(tokens->refresh_token, "ory_rt_x");
    assert_int_equal(tokens->expires_in, 3599);
}

static void test_answer_without_optional_members_is_fine(void **state)
{
    static const char *const bodies[] = {
        GOOD(""),
        GOOD(",'id_token':null,'refresh_token':null,'expires_in':null,'error':null"),
        GOOD(",'id_token':'','refresh_token':'','error':''"),
    };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        ta_tokens *tokens = parse_good(*state, bodies[i]);

        assert_null(tokens->id_token);
        assert_null(tokens->refresh_token);
        assert_int_equal(tokens->expires_in, -1);
    }
}

static void test_token_type_is_bearer_in_any_case_of_letters(void **state)
{
    static const answer_case cases[] = {
        {"mac", 200, JSON, "{'access_token':'a','token_type':'mac'}", TA_REASON_TOKEN_MALFORMED,
         "mac"},
        {"DPoP", 200, JSON, "{'access_token':'a','token_type':'DPoP'}", TA_REASON_TOKEN_MALFORMED,
         "DPoP"},
        {"longer", 200, JSON, "{'access_token':'a','token_type':'bearerx'}",
         TA_REASON_TOKEN_MALFORMED, NULL},
        {"none", 200, JSON, "{'access_token':'a'}", TA_REASON_TOKEN_MALFORMED, "(none)"},
        {"number", 200, JSON, "{'access_token':'a','token_type':1}", TA_REASON_TOKEN_MALFORMED,
         "token_type that is no string"},
    };

    parse_good(*state, "{'access_token':'a','token_type':'Bearer'}");
    parse_good(*state, "{'access_token':'a','token_type':'BEARER'}");
    assert_cases(*state, cases, COUNT(cases));
}

static void test_tokens_hold_any_printable_characters(void **state)
{
    ta_tokens *tokens =
        parse_good(*state, "{'access_token':' !#$%&()*+,-./:;<=>?@[]^_`{|}~','token_type':'bearer',"
                           "'refresh_token':' !#$%&()*+,-./:;<=>?@[]^_`{|}~'}");

    assert_string_equal(tokens->access_token, " !#$%&()*+,-./:;<=>?@[]^_`{|}~");
    assert_string_equal(tokens->refresh_token, " !#$%&()*+,-./:;<=>?@[]^_`{|}~");
}

/* The access token goes into a header: a newline in it would be a header of its own. */
static void test_access_token_with_control_characters_is_refused(void **state)
{
    static const answer_case cases[] = {
        {"newline", 200, JSON, "{'access_token':'a\\r\\nX: y','token_type':'bearer'}",
         TA_REASON_TOKEN_MALFORMED, "unprintable"},
        {"DEL", 200, JSON, "{'access_token':'a\\u007f','token_type':'bearer'}",
         TA_REASON_TOKEN_MALFORMED, "unprintable"},
        {"not ASCII", 200, JSON, "{'access_token':'\303\244','token_type':'bearer'}",
         TA_REASON_TOKEN_MALFORMED, "unprintable"},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_refresh_token_may_have_any_length(void **state)
{
    char *token = apr_palloc(*state, 200001);

    memset(token, 'r', 200000);
    token[200000] = '\0';
    assert_string_equal(parse_good(*state, apr_pstrcat(*state,
                                                       "{'access_token':'a','token_type':'bearer',"
                                                       "'refresh_token':'",
                                                       token, "'}", NULL))
                            ->refresh_token,
                        token);
}

static void test_expires_in_is_understood_or_unknown(void **state)
{
    static const struct {
        const char *body;
        apr_int64_t expected;
    } cases[] = {
        {GOOD(",'expires_in':3600"), 3600},
        {GOOD(",'expires_in':0"), 0},
        {GOOD(",'expires_in':3599.7"), 3599},
        {GOOD(",'expires_in':'3600'"), 3600},
        {GOOD(",'expires_in':31536000"), 31536000},
        {GOOD(",'expires_in':-1"), -1},
        {GOOD(",'expires_in':'-5'"), -1},
        {GOOD(",'expires_in':'3600s'"), -1},
        {GOOD(",'expires_in':''"), -1},
        {GOOD(",'expires_in':' 3600'"), -1},
        {GOOD(",'expires_in':'99999999999999999999999'"), -1},
        {GOOD(",'expires_in':253402300799"), -1},
        {GOOD(",'expires_in':1e300"), -1},
        {GOOD(",'expires_in':315360001"), -1},
        {GOOD(",'expires_in':[3600]"), -1},
        {GOOD(",'expires_in':true"), -1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        apr_int64_t found = parse_good(*state, cases[i].body)->expires_in;

        if (found != cases[i].expected) {
            print_error("%s\n", cases[i].body);
        }
        assert_int_equal(found, cases[i].expected);
    }
}

static void test_media_type_does_not_matter_where_the_body_is_json(void **state)
{
    static const char *const types[] = {"", "application/json", "application/x.y+json",
                                        "text/plain", "text/html"};

    for (size_t i = 0; i < COUNT(types); i++) {
        ta_tokens *tokens;
        ta_fault fault = {.reason = TA_REASON_NONE};

        assert_int_equal(parse(*state, 200, types[i], GOOD(""), &tokens, &fault), APR_SUCCESS);
    }
}

static void test_answers_that_cannot_be_read(void **state)
{
    static const answer_case cases[] = {
        {"HTML", 200, "text/html", "<!doctype html>", TA_REASON_TOKEN_MALFORMED, "text/html"},
        {"empty", 200, "", "", TA_REASON_TOKEN_MALFORMED, "not given"},
        {"array", 200, JSON, "[" GOOD("") "]", TA_REASON_TOKEN_MALFORMED, "no JSON object"},
        {"no access token", 200, JSON, "{'token_type':'bearer','id_token':'i'}",
         TA_REASON_TOKEN_MALFORMED, "no access_token"},
        {"empty access token", 200, JSON, "{'access_token':'','token_type':'bearer'}",
         TA_REASON_TOKEN_MALFORMED, "no access_token"},
        {"access token no string", 200, JSON, "{'access_token':7,'token_type':'bearer'}",
         TA_REASON_TOKEN_MALFORMED, "access_token that is no string"},
        {"id token no string", 200, JSON, GOOD(",'id_token':{}"), TA_REASON_TOKEN_MALFORMED,
         "id_token that is no string"},
        {"refresh token no string", 200, JSON, GOOD(",'refresh_token':1"),
         TA_REASON_TOKEN_MALFORMED, "refresh_token that is no string"},
        {"two access tokens", 200, JSON, GOOD(",'access_token':'other'"), TA_REASON_TOKEN_MALFORMED,
         "no JSON object"},
        {"redirect", 302, "text/html", "", TA_REASON_TOKEN_MALFORMED, "redirect"},
        {"redirect with tokens", 307, JSON, GOOD(""), TA_REASON_TOKEN_MALFORMED, "redirect"},
        {"created", 201, JSON, GOOD(""), TA_REASON_TOKEN_MALFORMED, "201"},
        {"not found", 404, "text/html", "<h1>", TA_REASON_TOKEN_MALFORMED, "404"},
        {"bad request with tokens", 400, JSON, GOOD(""), TA_REASON_TOKEN_MALFORMED, "400"},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_invalid_grant_and_access_denied_are_a_definite_no(void **state)
{
    static const answer_case cases[] = {
        {"spent code", 400, JSON,
         "{'error':'invalid_grant','error_description':'The authorization code has already been "
         "used.'}",
         TA_REASON_TOKEN_REFUSED, "already been used"},
        {"access denied", 403, JSON,
         "{'error':'access_denied','error_description':'You are not allowed to access this "
         "service.'}",
         TA_REASON_TOKEN_REFUSED, "access_denied"},
        {"sentence of Pocket ID 2.9", 400, JSON, "{'error':'Invalid code verifier'}",
         TA_REASON_TOKEN_REFUSED, "Invalid code verifier"},
        {"error with 200", 200, JSON, "{'error':'bad_verification_code'}", TA_REASON_TOKEN_REFUSED,
         "bad_verification_code"},
        {"error beside a token", 200, JSON, GOOD(",'error':'access_denied'"),
         TA_REASON_TOKEN_REFUSED, NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_refused_client_is_no_refused_login(void **state)
{
    static const answer_case cases[] = {
        {"401", 401, JSON, "{'error':'invalid_client'}", TA_REASON_CLIENT_REFUSED,
         "invalid_client"},
        {"400", 400, JSON, "{'error':'invalid_client'}", TA_REASON_CLIENT_REFUSED, NULL},
        {"200", 200, JSON, "{'error':'invalid_client'}", TA_REASON_CLIENT_REFUSED, NULL},
        {"unauthorized", 400, JSON, "{'error':'unauthorized_client'}", TA_REASON_CLIENT_REFUSED,
         NULL},
        {"401 with another error", 401, JSON, "{'error':'access_denied'}", TA_REASON_CLIENT_REFUSED,
         "access_denied"},
        {"401 with HTML", 401, "text/html", "<h1>", TA_REASON_CLIENT_REFUSED, "text/html"},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_provider_in_trouble_is_no_refused_login(void **state)
{
    static const answer_case cases[] = {
        {"429", 429, JSON, "{'error':'Too many requests','code':'rate_limited'}",
         TA_REASON_PROVIDER_UNREACHABLE, "429"},
        {"500", 500, JSON, "{'error':'server_error'}", TA_REASON_PROVIDER_UNREACHABLE, "500"},
        {"503", 503, "text/html", "<h1>", TA_REASON_PROVIDER_UNREACHABLE, "503"},
        {"5xx with a no", 502, JSON, "{'error':'invalid_grant'}", TA_REASON_PROVIDER_UNREACHABLE,
         NULL},
        {"busy", 400, JSON, "{'error':'temporarily_unavailable'}", TA_REASON_PROVIDER_UNREACHABLE,
         NULL},
        {"server error as 400", 400, JSON, "{'error':'server_error'}",
         TA_REASON_PROVIDER_UNREACHABLE, NULL},
        {"slow down", 400, JSON, "{'error':'slow_down'}", TA_REASON_PROVIDER_UNREACHABLE, NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_wrong_request_or_url_is_no_refused_login(void **state)
{
    static const answer_case cases[] = {
        {"concurrent refreshes", 400, JSON, "{'error':'invalid_request'}",
         TA_REASON_TOKEN_MALFORMED, "invalid_request"},
        {"scope", 400, JSON, "{'error':'invalid_scope'}", TA_REASON_TOKEN_MALFORMED, NULL},
        {"target", 400, JSON, "{'error':'invalid_target'}", TA_REASON_TOKEN_MALFORMED, NULL},
        {"grant type", 400, JSON, "{'error':'unsupported_grant_type'}", TA_REASON_TOKEN_MALFORMED,
         NULL},
        {"wrong URL", 404, JSON, "{'error':'API endpoint not found'}", TA_REASON_TOKEN_MALFORMED,
         "API endpoint not found"},
        {"error no string", 400, JSON, "{'error':{'message':'x'}}", TA_REASON_TOKEN_MALFORMED,
         NULL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void test_details_never_hold_a_token(void **state)
{
    static const char *const bodies[] = {
        "{'access_token':'T0KEN','token_type':'mac'}",
        "{'access_token':'T0KEN\\n','token_type':'bearer'}",
        "{'access_token':'T0KEN','refresh_token':'T0KEN','error':'x','token_type':'bearer'}",
        "{'access_token':'T0KEN','token_type':'bearer','id_token':['T0KEN']}",
        "T0KEN",
    };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        for (int status = 200; status < 600; status += 100) {
            ta_tokens *tokens;
            ta_fault fault = {.reason = TA_REASON_NONE};

            assert_int_equal(parse(*state, status, JSON, bodies[i], &tokens, &fault), APR_EGENERAL);
            assert_null(strstr(fault.detail, "T0KEN"));
            assert_null(fault.quoted);
        }
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
        cmocka_unit_test(test_request_has_redirect_uri_and_code_verifier),
        cmocka_unit_test(test_client_secret_basic_encodes_id_and_secret_first),
        cmocka_unit_test(test_client_secret_post_and_none_use_the_form),
        cmocka_unit_test(test_no_request_with_a_secret_that_is_missing),
        cmocka_unit_test(test_form_beyond_16_kb_is_refused),
        cmocka_unit_test(test_answer_of_pocket_id_is_understood),
        cmocka_unit_test(test_answer_without_optional_members_is_fine),
        cmocka_unit_test(test_token_type_is_bearer_in_any_case_of_letters),
        cmocka_unit_test(test_tokens_hold_any_printable_characters),
        cmocka_unit_test(test_access_token_with_control_characters_is_refused),
        cmocka_unit_test(test_refresh_token_may_have_any_length),
        cmocka_unit_test(test_expires_in_is_understood_or_unknown),
        cmocka_unit_test(test_media_type_does_not_matter_where_the_body_is_json),
        cmocka_unit_test(test_answers_that_cannot_be_read),
        cmocka_unit_test(test_invalid_grant_and_access_denied_are_a_definite_no),
        cmocka_unit_test(test_refused_client_is_no_refused_login),
        cmocka_unit_test(test_provider_in_trouble_is_no_refused_login),
        cmocka_unit_test(test_wrong_request_or_url_is_no_refused_login),
        cmocka_unit_test(test_details_never_hold_a_token),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
