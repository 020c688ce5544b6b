/*
 * Discovery documents: Pocket ID's as it is, what other providers do, and what an attacker or
 * an accident would make of one.
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

#include "oidc/discovery.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ISSUER       "https://id.example.com"

/* What a code flow needs, as members of an object; ' stands for ". */
#define ISSUER_MEMBER "'issuer':'" ISSUER "',"
#define AUTH_MEMBER   "'authorization_endpoint':'" ISSUER "/authorize',"
#define TOKEN_MEMBER  "'token_endpoint':'" ISSUER "/api/oidc/token',"
#define JWKS_MEMBER   "'jwks_uri':'" ISSUER "/.well-known/jwks.json'"
#define WITH(more)    "{" ISSUER_MEMBER AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER more "}"
#define METHODS(list) WITH(",'token_endpoint_auth_methods_supported':" list)

/* Pocket ID 2.14 with INTERNAL_APP_URL on another host. */
static const char pocket_id[] =
    "{'authorization_endpoint':'https://id.example.com/authorize',"
    "'authorization_response_iss_parameter_supported':true,"
    "'claims_supported':['sub','given_name','groups','amr'],"
    "'code_challenge_methods_supported':['plain','S256'],"
    "'device_authorization_endpoint':'https://id.example.com/api/oidc/device/authorize',"
    "'end_session_endpoint':'https://id.example.com/api/oidc/end-session',"
    "'grant_types_supported':['authorization_code','refresh_token'],"
    "'id_token_signing_alg_values_supported':['XX999'],"
    "'introspection_endpoint':'https://internal.example.net/api/oidc/introspect',"
    "'issuer':'https://id.example.com',"
    "'jwks_uri':'https://internal.example.net/.well-known/jwks.json',"
    "'require_pushed_authorization_requests':false,"
    "'scopes_supported':['openid','profile','email','groups','offline_access'],"
    "'something_new':{'a':[1,2.5,null]},"
    "'token_endpoint':'https://internal.example.net/api/oidc/token',"
    "'token_endpoint_auth_methods_supported':['client_secret_basic','client_secret_post','none'],"
    "'userinfo_endpoint':'https://internal.example.net/api/oidc/userinfo'}";

typedef struct document_case {
    const char *what;
    const char *document;
    ta_reason expected; /* TA_REASON_NONE: it is taken */
    const char *detail; /* must be in the detail, or NULL */
} document_case;

static ta_provider pocketid(void)
{
    ta_provider provider = {
        .id = "pocketid",
        .issuer = ISSUER,
        .client_id = "client",
        .client_secret = "secret",
    };

    return provider;
}

/* Reads a document from a block of its exact size, which is gone afterwards. */
static apr_status_t parse(apr_pool_t *p, const ta_provider *provider, const char *text,
                          ta_metadata **metadata, ta_fault *fault)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len + 1);
    unsigned char *block;
    apr_status_t status;

    for (size_t i = 0; i < len; i++) {
        copy[i] = text[i] == '\'' ? '"' : (unsigned char)text[i];
    }
    block = realloc(copy, len > 0 ? len : 1);
    status =
        ta_discovery_parse(p, provider, (ta_bytes){.data = block, .len = len}, metadata, fault);
    free(block);
    return status;
}

static ta_metadata *parse_good(apr_pool_t *p, const ta_provider *provider, const char *text)
{
    ta_metadata *metadata;
    ta_fault fault = {.reason = TA_REASON_NONE};

    if (parse(p, provider, text, &metadata, &fault) != APR_SUCCESS) {
        print_error("%s\n", fault.detail);
        fail();
    }
    assert_int_equal(fault.reason, TA_REASON_NONE);
    assert_non_null(metadata);
    return metadata;
}

static void assert_refused(apr_pool_t *p, const ta_provider *provider, const document_case *c)
{
    ta_metadata *metadata = (ta_metadata *)"not touched";
    ta_fault fault = {.reason = TA_REASON_NONE};
    apr_status_t status = parse(p, provider, c->document, &metadata, &fault);

    if (fault.reason != c->expected ||
        (c->detail != NULL && (!fault.detail || strstr(fault.detail, c->detail) == NULL))) {
        print_error("%s: reason %d, detail %s\n", c->what, fault.reason,
                    fault.detail ? fault.detail : "(none)");
        fail();
    }
    assert_int_equal(status, c->expected == TA_REASON_NONE ? APR_SUCCESS : APR_EGENERAL);
    assert_int_equal(metadata == NULL, c->expected != TA_REASON_NONE);
}

static void assert_cases(apr_pool_t *p, const ta_provider *provider, const document_case *cases,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_refused(p, provider, &cases[i]);
    }
}

static void test_url_is_the_issuer_and_the_well_known_path(void **state)
{
    static const char *const cases[][2] = {
        {"https://id.example.com", "https://id.example.com/.well-known/openid-configuration"},
        {"https://id.example.com/", "https://id.example.com/.well-known/openid-configuration"},
        {"https://id.example.com/realms/x",
         "https://id.example.com/realms/x/.well-known/openid-configuration"},
        {"https://id.example.com/realms/x/",
         "https://id.example.com/realms/x/.well-known/openid-configuration"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(ta_discovery_url(*state, cases[i][0]), cases[i][1]);
    }
}

/* Unknown members and algorithms are tolerated; endpoints may lie on other hosts. */
static void test_document_of_pocket_id_is_understood(void **state)
{
    ta_provider provider = pocketid();
    ta_metadata *metadata = parse_good(*state, &provider, pocket_id);

    assert_string_equal(metadata->issuer, ISSUER);
    assert_string_equal(metadata->authorization_endpoint, ISSUER "/authorize");
    assert_string_equal(metadata->token_endpoint, "https://internal.example.net/api/oidc/token");
    assert_string_equal(metadata->userinfo_endpoint,
                        "https://internal.example.net/api/oidc/userinfo");
    assert_string_equal(metadata->jwks_uri, "https://internal.example.net/.well-known/jwks.json");
    assert_string_equal(metadata->end_session_endpoint, ISSUER "/api/oidc/end-session");
    assert_true(metadata->response_iss_promised);
    assert_int_equal(metadata->token_auth, TA_TOKEN_AUTH_BASIC);
}

static void test_smallest_document_is_enough(void **state)
{
    ta_provider provider = pocketid();
    ta_metadata *metadata = parse_good(*state, &provider, WITH(""));

    assert_null(metadata->userinfo_endpoint);
    assert_null(metadata->end_session_endpoint);
    assert_false(metadata->response_iss_promised);
    assert_int_equal(metadata->token_auth, TA_TOKEN_AUTH_BASIC);
}

/* A document of another issuer must not be able to collect our users or codes. */
static void test_issuer_must_be_the_configured_one_byte_for_byte(void **state)
{
    static const document_case cases[] = {
        {"slash", "{'issuer':'https://id.example.com/'," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_ISSUER, "https://id.example.com/"},
        {"case", "{'issuer':'https://ID.example.com'," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_ISSUER, NULL},
        {"port", "{'issuer':'https://id.example.com:443'," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_ISSUER, NULL},
        {"other", "{'issuer':'https://evil.example'," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_ISSUER, "TinyauthIssuer is"},
        {"prefix", "{'issuer':'https://id.example.co'," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_ISSUER, NULL},
        {"none", "{" AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}", TA_REASON_DISCOVERY_MALFORMED,
         "no issuer"},
        {"array", "{'issuer':['" ISSUER "']," AUTH_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_MALFORMED, "no issuer"},
    };
    static const document_case whole = {"a provider without issuer", WITH(""),
                                        TA_REASON_DISCOVERY_ISSUER, NULL};
    ta_provider provider = pocketid();

    assert_cases(*state, &provider, cases, COUNT(cases));
    provider.issuer = NULL;
    assert_refused(*state, &provider, &whole);
}

static void test_what_is_no_document_is_refused(void **state)
{
    static const document_case cases[] = {
        {"empty", "", TA_REASON_DISCOVERY_MALFORMED, "no JSON object"},
        {"HTML", "<!doctype html><title>404</title>", TA_REASON_DISCOVERY_MALFORMED,
         "no JSON object"},
        {"array", "[" WITH("") "]", TA_REASON_DISCOVERY_MALFORMED, "no JSON object"},
        {"cut", "{" ISSUER_MEMBER "'a", TA_REASON_DISCOVERY_MALFORMED, "no JSON object"},
        {"two issuers", WITH(",'issuer':'https://evil.example'"), TA_REASON_DISCOVERY_MALFORMED,
         "no JSON object"},
    };
    ta_provider provider = pocketid();

    assert_cases(*state, &provider, cases, COUNT(cases));
}

static void test_needed_endpoints_must_be_there(void **state)
{
    static const document_case cases[] = {
        {"authorization", "{" ISSUER_MEMBER TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_MALFORMED, "no authorization_endpoint, and TinyauthAuthURL"},
        {"token", "{" ISSUER_MEMBER AUTH_MEMBER JWKS_MEMBER "}", TA_REASON_DISCOVERY_MALFORMED,
         "no token_endpoint, and TinyauthTokenURL"},
        {"keys", "{" ISSUER_MEMBER AUTH_MEMBER TOKEN_MEMBER "'x':1}", TA_REASON_DISCOVERY_MALFORMED,
         "no jwks_uri, and TinyauthJwksURL"},
        {"null", "{" ISSUER_MEMBER AUTH_MEMBER TOKEN_MEMBER "'jwks_uri':null}",
         TA_REASON_DISCOVERY_MALFORMED, "no jwks_uri"},
        {"userinfo is not needed", WITH(",'userinfo_endpoint':null"), TA_REASON_NONE, NULL},
    };
    ta_provider provider = pocketid();

    assert_cases(*state, &provider, cases, COUNT(cases));
}

/* http would show codes, secrets or identities to everybody on the way. */
static void test_endpoints_are_encrypted_urls(void **state)
{
    static const document_case cases[] = {
        {"http userinfo", WITH(",'userinfo_endpoint':'http://id.example.com/u'"),
         TA_REASON_DISCOVERY_MALFORMED, "not encrypted"},
        {"http logout", WITH(",'end_session_endpoint':'http://id.example.com/u'"),
         TA_REASON_DISCOVERY_MALFORMED, "not encrypted"},
        {"http token",
         "{" ISSUER_MEMBER AUTH_MEMBER "'token_endpoint':'http://id.example.com/t'," JWKS_MEMBER
         "}",
         TA_REASON_DISCOVERY_MALFORMED, "token_endpoint"},
        {"http keys",
         "{" ISSUER_MEMBER AUTH_MEMBER TOKEN_MEMBER "'jwks_uri':'http://id.example.com/k'}",
         TA_REASON_DISCOVERY_MALFORMED, "jwks_uri"},
        {"javascript",
         "{" ISSUER_MEMBER
         "'authorization_endpoint':'javascript:alert(1)'," TOKEN_MEMBER JWKS_MEMBER "}",
         TA_REASON_DISCOVERY_MALFORMED, "no URL"},
        {"relative", WITH(",'userinfo_endpoint':'/userinfo'"), TA_REASON_DISCOVERY_MALFORMED,
         "no URL"},
        {"file", WITH(",'userinfo_endpoint':'file:///etc/passwd'"), TA_REASON_DISCOVERY_MALFORMED,
         "no URL"},
        {"fragment", WITH(",'end_session_endpoint':'https://id.example.com/#x'"),
         TA_REASON_DISCOVERY_MALFORMED, "no URL"},
        {"number", WITH(",'userinfo_endpoint':7"), TA_REASON_DISCOVERY_MALFORMED, "no string"},
        {"empty", WITH(",'userinfo_endpoint':''"), TA_REASON_DISCOVERY_MALFORMED, "no URL"},
        {"loopback", WITH(",'userinfo_endpoint':'http://127.0.0.1:1411/u'"), TA_REASON_NONE, NULL},
        {"localhost", WITH(",'userinfo_endpoint':'http://localhost:1411/u'"), TA_REASON_NONE, NULL},
    };
    ta_provider provider = pocketid();

    assert_cases(*state, &provider, cases, COUNT(cases));
}

static void test_insecure_provider_may_have_http_endpoints(void **state)
{
    static const document_case still_no_url = {"file",
                                               WITH(",'userinfo_endpoint':'file:///etc/passwd'"),
                                               TA_REASON_DISCOVERY_MALFORMED, "no URL"};
    ta_provider provider = pocketid();
    ta_metadata *metadata;

    provider.insecure = 1;
    metadata =
        parse_good(*state, &provider, WITH(",'userinfo_endpoint':'http://id.example.com/u'"));
    assert_string_equal(metadata->userinfo_endpoint, "http://id.example.com/u");
    assert_refused(*state, &provider, &still_no_url);
}

static void test_explicit_urls_win_over_the_document(void **state)
{
    ta_provider provider = pocketid();
    ta_metadata *metadata;

    provider.auth_url = "https://explicit.example.com/a";
    provider.token_url = "https://explicit.example.com/t";
    provider.userinfo_url = "https://explicit.example.com/u";
    provider.jwks_url = "https://explicit.example.com/k";
    provider.end_session_url = "https://explicit.example.com/e";
    metadata = parse_good(*state, &provider, pocket_id);
    assert_string_equal(metadata->authorization_endpoint, provider.auth_url);
    assert_string_equal(metadata->token_endpoint, provider.token_url);
    assert_string_equal(metadata->userinfo_endpoint, provider.userinfo_url);
    assert_string_equal(metadata->jwks_uri, provider.jwks_url);
    assert_string_equal(metadata->end_session_endpoint, provider.end_session_url);
    assert_string_equal(metadata->issuer, ISSUER);
    /* what they replace need not even be there */
    metadata = parse_good(*state, &provider, "{'issuer':'" ISSUER "'}");
    assert_string_equal(metadata->jwks_uri, provider.jwks_url);
}

static void test_token_auth_is_what_the_document_allows_basic_preferred(void **state)
{
    static const struct {
        const char *document;
        ta_token_auth expected;
    } cases[] = {
        {METHODS("['client_secret_post','client_secret_basic']"), TA_TOKEN_AUTH_BASIC},
        {METHODS("['none','client_secret_post']"), TA_TOKEN_AUTH_POST},
        {METHODS("['private_key_jwt','none']"), TA_TOKEN_AUTH_NONE},
        {METHODS("[]"), TA_TOKEN_AUTH_BASIC},
        {METHODS("null"), TA_TOKEN_AUTH_BASIC},
        {METHODS("[7,null,'client_secret_post']"), TA_TOKEN_AUTH_POST},
        {WITH(""), TA_TOKEN_AUTH_BASIC},
    };
    ta_provider provider = pocketid();

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse_good(*state, &provider, cases[i].document)->token_auth,
                         cases[i].expected);
    }
}

static void test_token_auth_that_nobody_can_do_is_named(void **state)
{
    static const document_case cases[] = {
        {"assertion only", METHODS("['private_key_jwt','tls_client_auth']"),
         TA_REASON_DISCOVERY_MALFORMED, "tls_client_auth"},
        {"no array", METHODS("'client_secret_basic'"), TA_REASON_DISCOVERY_MALFORMED, "no array"},
    };
    ta_provider provider = pocketid();

    assert_cases(*state, &provider, cases, COUNT(cases));
}

static void test_explicit_token_auth_wins(void **state)
{
    static const ta_token_auth explicit[] = {
        TA_TOKEN_AUTH_BASIC,
        TA_TOKEN_AUTH_POST,
        TA_TOKEN_AUTH_NONE,
    };
    ta_provider provider = pocketid();

    for (size_t i = 0; i < COUNT(explicit); i++) {
        provider.token_auth = explicit[i];
        assert_int_equal(parse_good(*state, &provider, METHODS("['private_key_jwt']"))->token_auth,
                         explicit[i]);
        assert_int_equal(ta_discovery_explicit(*state, &provider)->token_auth, explicit[i]);
    }
}

static void test_public_client_does_not_authenticate(void **state)
{
    ta_provider provider = pocketid();

    provider.client_secret = NULL;
    assert_int_equal(parse_good(*state, &provider, pocket_id)->token_auth, TA_TOKEN_AUTH_NONE);
    assert_int_equal(ta_discovery_explicit(*state, &provider)->token_auth, TA_TOKEN_AUTH_NONE);
}

static void test_iss_is_promised_by_true_alone(void **state)
{
    static const struct {
        const char *document;
        int expected;
    } cases[] = {
        {WITH(",'authorization_response_iss_parameter_supported':true"), 1},
        {WITH(",'authorization_response_iss_parameter_supported':false"), 0},
        {WITH(",'authorization_response_iss_parameter_supported':null"), 0},
    };
    ta_provider provider = pocketid();

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse_good(*state, &provider, cases[i].document)->response_iss_promised,
                         cases[i].expected);
    }
}

static void test_plain_oauth_has_what_was_written(void **state)
{
    ta_provider provider = {
        .id = "pocketid",
        .client_id = "client",
        .client_secret = "secret",
        .auth_url = "https://id.example.com/authorize",
        .token_url = "https://id.example.com/api/oidc/token",
        .userinfo_url = "https://id.example.com/api/oidc/userinfo",
    };
    ta_metadata *metadata = ta_discovery_explicit(*state, &provider);

    assert_null(metadata->issuer);
    assert_string_equal(metadata->authorization_endpoint, provider.auth_url);
    assert_string_equal(metadata->token_endpoint, provider.token_url);
    assert_string_equal(metadata->userinfo_endpoint, provider.userinfo_url);
    assert_null(metadata->jwks_uri);
    assert_null(metadata->end_session_endpoint);
    assert_false(metadata->response_iss_promised);
    assert_int_equal(metadata->token_auth, TA_TOKEN_AUTH_BASIC);
}

/* The cache outlives the request that fetched the document. */
static void test_copy_lives_without_the_original(void **state)
{
    ta_provider provider = pocketid();
    ta_metadata *metadata;
    ta_metadata *copy;
    apr_pool_t *tmp;

    apr_pool_create(&tmp, *state);
    provider.issuer = apr_pstrdup(tmp, ISSUER);
    provider.auth_url = apr_pstrdup(tmp, "https://explicit.example.com/a");
    metadata = parse_good(tmp, &provider, pocket_id);
    copy = ta_metadata_copy(*state, metadata);
    assert_ptr_not_equal(copy->issuer, metadata->issuer);
    assert_ptr_not_equal(copy->authorization_endpoint, metadata->authorization_endpoint);
    assert_ptr_not_equal(copy->token_endpoint, metadata->token_endpoint);
    assert_ptr_not_equal(copy->userinfo_endpoint, metadata->userinfo_endpoint);
    assert_ptr_not_equal(copy->jwks_uri, metadata->jwks_uri);
    assert_ptr_not_equal(copy->end_session_endpoint, metadata->end_session_endpoint);
    apr_pool_destroy(tmp);
    assert_string_equal(copy->issuer, ISSUER);
    assert_string_equal(copy->authorization_endpoint, "https://explicit.example.com/a");
    assert_string_equal(copy->token_endpoint, "https://internal.example.net/api/oidc/token");
    assert_int_equal(copy->token_auth, TA_TOKEN_AUTH_BASIC);
    assert_true(copy->response_iss_promised);
    assert_null(ta_metadata_copy(*state, &(ta_metadata){.issuer = NULL})->jwks_uri);
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
        cmocka_unit_test(test_url_is_the_issuer_and_the_well_known_path),
        cmocka_unit_test(test_document_of_pocket_id_is_understood),
        cmocka_unit_test(test_smallest_document_is_enough),
        cmocka_unit_test(test_issuer_must_be_the_configured_one_byte_for_byte),
        cmocka_unit_test(test_what_is_no_document_is_refused),
        cmocka_unit_test(test_needed_endpoints_must_be_there),
        cmocka_unit_test(test_endpoints_are_encrypted_urls),
        cmocka_unit_test(test_insecure_provider_may_have_http_endpoints),
        cmocka_unit_test(test_explicit_urls_win_over_the_document),
        cmocka_unit_test(test_token_auth_is_what_the_document_allows_basic_preferred),
        cmocka_unit_test(test_token_auth_that_nobody_can_do_is_named),
        cmocka_unit_test(test_explicit_token_auth_wins),
        cmocka_unit_test(test_public_client_does_not_authenticate),
        cmocka_unit_test(test_iss_is_promised_by_true_alone),
        cmocka_unit_test(test_plain_oauth_has_what_was_written),
        cmocka_unit_test(test_copy_lives_without_the_original),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
