/*
 * A provider's description: its defaults, its fingerprint, and that everything which is
 * incomplete or unsafe is refused in words that help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "oidc/provider.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CALLBACK     "https://tinyauth.example.com/api/oauth/callback/pocketid"

/* One field, set to something else than in a sound description. */
typedef struct field_case {
    const char *what;
    size_t offset;
    const char *value;
    const char *expected; /* must be in the sentence; NULL: no sentence */
} field_case;

#define FIELD(name) offsetof(ta_provider, name)

static ta_provider with_issuer(void)
{
    ta_provider provider = {
        .id = "pocketid",
        .issuer = "https://id.example.com",
        .client_id = "3654a746-35d4-4321-ac61-0bdcff2b4055",
        .client_secret = "a secret of 32 characters.......",
    };

    return provider;
}

/* The set-up with Tinyauth's own eight variables. */
static ta_provider without_issuer(void)
{
    ta_provider provider = {
        .id = "pocketid",
        .name = "Pocket ID",
        .client_id = "your-pocket-id-client-id",
        .client_secret = "your-pocket-id-client-secret",
        .auth_url = "https://pocket-id.example.com/authorize",
        .token_url = "https://pocket-id.example.com/api/oidc/token",
        .userinfo_url = "https://pocket-id.example.com/api/oidc/userinfo",
        .redirect_url = CALLBACK,
        .scopes = "openid email profile groups",
    };

    return provider;
}

static void set_field(ta_provider *provider, size_t offset, const char *value)
{
    *(const char **)((char *)provider + offset) = value;
}

static void assert_problem(apr_pool_t *p, const char *what, const ta_provider *provider,
                           const char *expected)
{
    const char *problem = ta_provider_check(p, provider);

    if ((problem == NULL) != (expected == NULL) ||
        (expected != NULL && strstr(problem, expected) == NULL)) {
        print_error("%s: \"%s\" lacks \"%s\"\n", what, problem ? problem : "(no problem)",
                    expected ? expected : "(no problem)");
        fail();
    }
}

static void assert_cases(apr_pool_t *p, ta_provider (*make)(void), const field_case *cases,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_provider provider = make();

        set_field(&provider, cases[i].offset, cases[i].value);
        assert_problem(p, cases[i].what, &provider, cases[i].expected);
    }
}

static void test_ids(void **state)
{
    static const struct {
        const char *id;
        int valid;
    } cases[] = {
        {"pocketid", 1},
        {"a", 1},
        {"my-provider-2", 1},
        {"12345678901234567890123456789012", 1},
        {"123456789012345678901234567890123", 0},
        {"", 0},
        {"PocketID", 0},
        {"pocket_id", 0},
        {"pocket id", 0},
        {"../x", 0},
        {"pocket/id", 0},
        {"p\303\266", 0},
    };
    ta_provider provider = with_issuer();

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ta_provider_id_is_valid(cases[i].id), cases[i].valid);
    }
    provider.id = "../x";
    assert_problem(*state, "id", &provider, "<TinyauthProvider>");
    provider.id = NULL;
    assert_problem(*state, "no id", &provider, "<TinyauthProvider>");
}

static void test_defaults_are_filled_in(void **state)
{
    static const char *const user_claims[] = {"preferred_username", "email", "sub"};
    ta_provider provider = with_issuer();

    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_string_equal(provider.name, "pocketid");
    assert_string_equal(provider.scopes, "openid email profile groups");
    assert_string_equal(provider.groups_claim, "groups");
    assert_int_equal(provider.user_claims->nelts, COUNT(user_claims));
    for (size_t i = 0; i < COUNT(user_claims); i++) {
        assert_string_equal(APR_ARRAY_IDX(provider.user_claims, (int)i, const char *),
                            user_claims[i]);
    }
    assert_int_equal(provider.token_auth, TA_TOKEN_AUTH_AUTO);
}

static void test_what_was_written_stays(void **state)
{
    ta_provider provider = without_issuer();

    provider.groups_claim = "realm_access.roles";
    provider.user_claims = apr_array_make(*state, 1, sizeof(const char *));
    APR_ARRAY_PUSH(provider.user_claims, const char *) = "upn";
    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_string_equal(provider.name, "Pocket ID");
    assert_string_equal(provider.groups_claim, "realm_access.roles");
    assert_int_equal(provider.user_claims->nelts, 1);
    assert_string_equal(APR_ARRAY_IDX(provider.user_claims, 0, const char *), "upn");
}

static void test_scopes_take_blanks_and_commas(void **state)
{
    static const struct {
        const char *written;
        const char *expected;
    } cases[] = {
        {"openid email", "openid email"},
        {"openid,email,groups", "openid email groups"},
        {" openid , email\t profile ,", "openid email profile"},
        {"openid", "openid"},
        {"", "openid email profile groups"},
        {" , ", "openid email profile groups"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_provider provider = with_issuer();

        provider.scopes = cases[i].written;
        assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
        assert_string_equal(provider.scopes, cases[i].expected);
    }
}

static void test_has_scope_looks_for_whole_words(void **state)
{
    ta_provider provider = with_issuer();

    (void)state;
    provider.scopes = "xopenid openidx profile";
    assert_false(ta_provider_has_scope(&provider, "openid"));
    assert_false(ta_provider_has_scope(&provider, "pro"));
    assert_true(ta_provider_has_scope(&provider, "profile"));
    provider.scopes = "profile openid";
    assert_true(ta_provider_has_scope(&provider, "openid"));
}

static int same_fingerprint(apr_pool_t *p, ta_provider a, ta_provider b)
{
    assert_int_equal(ta_provider_finish(p, &a), APR_SUCCESS);
    assert_int_equal(ta_provider_finish(p, &b), APR_SUCCESS);
    return memcmp(a.fingerprint, b.fingerprint, sizeof(a.fingerprint)) == 0;
}

/* SHA-256 of "pocketid" NUL "https://id.example.com" NUL "client" */
static void test_fingerprint_is_a_hash_of_who_vouches(void **state)
{
    static const unsigned char expected[TA_SHA256_LEN] = {
        0x74, 0x1e, 0x13, 0xe3, 0x67, 0xb8, 0xd1, 0xf2, 0x95, 0xbe, 0xb8,
        0x06, 0x5b, 0x78, 0xe5, 0x00, 0x99, 0x98, 0xd9, 0xbc, 0xf9, 0x70,
        0x45, 0x9c, 0x54, 0x4d, 0x3a, 0xb4, 0xd3, 0x67, 0x21, 0x7c};
    ta_provider provider = with_issuer();

    provider.client_id = "client";
    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_memory_equal(provider.fingerprint, expected, sizeof(expected));
}

static void test_fingerprint_changes_with_who_vouches(void **state)
{
    static const struct {
        size_t offset;
        const char *value;
        int same;
    } cases[] = {
        {FIELD(id), "other", 0},
        {FIELD(issuer), "https://other.example.com", 0},
        {FIELD(client_id), "other", 0},
        {FIELD(client_secret), "a new secret", 1},
        {FIELD(name), "another name", 1},
        {FIELD(scopes), "openid", 1},
        {FIELD(token_url), "https://id.example.com/token", 1},
    };
    ta_provider plain = without_issuer();
    ta_provider other = without_issuer();

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_provider changed = with_issuer();

        set_field(&changed, cases[i].offset, cases[i].value);
        assert_int_equal(same_fingerprint(*state, with_issuer(), changed), cases[i].same);
    }
    assert_true(same_fingerprint(*state, plain, other));
    other.token_url = "https://elsewhere.example.com/token";
    assert_false(same_fingerprint(*state, plain, other));
}

/* Without something between the parts, two providers could be made to look like one. */
static void test_fingerprint_keeps_its_parts_apart(void **state)
{
    ta_provider a = with_issuer();
    ta_provider b = with_issuer();

    a.issuer = "https://id.example.com/a";
    a.client_id = "b";
    b.issuer = "https://id.example.com/";
    b.client_id = "ab";
    assert_false(same_fingerprint(*state, a, b));
}

static void test_sound_descriptions_pass(void **state)
{
    ta_provider provider = with_issuer();

    assert_null(ta_provider_check(*state, &provider));
    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_null(ta_provider_check(*state, &provider));
    provider = with_issuer();
    provider.client_secret = NULL;
    assert_null(ta_provider_check(*state, &provider));
}

/* openid among the scopes, but no issuer: discarding the ID token is fine. */
static void test_plain_oauth_with_the_scope_openid_passes(void **state)
{
    ta_provider provider = without_issuer();

    assert_null(ta_provider_check(*state, &provider));
    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_null(ta_provider_check(*state, &provider));
}

static void test_something_is_missing(void **state)
{
    static const field_case cases[] = {
        {"client id", FIELD(client_id), NULL, "TinyauthClientID is missing: write"},
        {"empty client id", FIELD(client_id), "", "TinyauthClientID is missing: write"},
        {"client id with newline", FIELD(client_id), "abc\n", "TinyauthClientID is "},
        {"empty secret", FIELD(client_secret), "", "TinyauthClientSecret is empty: write"},
        {"auth URL", FIELD(auth_url), NULL, "TinyauthAuthURL is missing: write TinyauthIssuer"},
        {"token URL", FIELD(token_url), NULL, "TinyauthTokenURL is missing: write"},
        {"userinfo URL", FIELD(userinfo_url), NULL, "TinyauthUserInfoURL is missing: write"},
        {"groups claim", FIELD(groups_claim), "", "TinyauthGroupsClaim is empty: write"},
        {"redirect URL is optional", FIELD(redirect_url), NULL, NULL},
        {"JWKS URL is optional", FIELD(jwks_url), NULL, NULL},
    };

    assert_cases(*state, without_issuer, cases, COUNT(cases));
}

static void test_urls_of_the_provider_are_encrypted_urls(void **state)
{
    static const struct {
        const char *directive;
        size_t offset;
    } settings[] = {
        {"TinyauthIssuer", FIELD(issuer)},      {"TinyauthAuthURL", FIELD(auth_url)},
        {"TinyauthTokenURL", FIELD(token_url)}, {"TinyauthUserInfoURL", FIELD(userinfo_url)},
        {"TinyauthJwksURL", FIELD(jwks_url)},   {"TinyauthEndSessionURL", FIELD(end_session_url)},
    };
    static const char *const malformed[] = {
        "",
        "id.example.com",
        "/authorize",
        "ftp://id.example.com/",
        "https://user:pw@id.example.com/",
        "https://id.example.com/ x",
        "javascript:alert(1)",
    };

    for (size_t i = 0; i < COUNT(settings); i++) {
        ta_provider provider = with_issuer();

        for (size_t j = 0; j < COUNT(malformed); j++) {
            set_field(&provider, settings[i].offset, malformed[j]);
            assert_problem(*state, malformed[j], &provider,
                           apr_pstrcat(*state, settings[i].directive, " is ", NULL));
            assert_problem(*state, malformed[j], &provider, "write an absolute one");
        }
        set_field(&provider, settings[i].offset, "http://id.example.com");
        assert_problem(*state, "http", &provider,
                       apr_pstrcat(*state, settings[i].directive, " is ", NULL));
        assert_problem(*state, "http", &provider,
                       "which is not encrypted: write https://id.example.com, or "
                       "TinyauthInsecure On if this is a test");
        provider.insecure = 1;
        assert_problem(*state, "http with TinyauthInsecure", &provider, NULL);
    }
}

static void test_http_is_fine_on_loopback(void **state)
{
    static const field_case cases[] = {
        {"127.0.0.1", FIELD(issuer), "http://127.0.0.1:1411", NULL},
        {"::1", FIELD(issuer), "http://[::1]:1411", NULL},
        {"localhost", FIELD(issuer), "http://localhost:1411", NULL},
        {"*.localhost", FIELD(issuer), "http://id.localhost", NULL},
        {"not quite localhost", FIELD(issuer), "http://localhost.example.com", "not encrypted"},
        {"not quite loopback", FIELD(issuer), "http://127.0.0.1.example.com", "not encrypted"},
        {"private is not loopback", FIELD(issuer), "http://10.0.0.1", "not encrypted"},
    };

    assert_cases(*state, with_issuer, cases, COUNT(cases));
}

static void test_an_issuer_has_no_query_fragment_or_well_known_path(void **state)
{
    static const field_case cases[] = {
        {"query", FIELD(issuer), "https://id.example.com/x?tenant=1", "is no part of an issuer"},
        {"empty query", FIELD(issuer), "https://id.example.com?", "is no part of an issuer"},
        {"fragment", FIELD(issuer), "https://id.example.com/#x", "is no part of an issuer"},
        {"the document's URL", FIELD(issuer),
         "https://id.example.com/.well-known/openid-configuration", "is no part of an issuer"},
        {"path", FIELD(issuer), "https://id.example.com/realms/x/", NULL},
        {"query elsewhere", FIELD(auth_url), "https://id.example.com/authorize?tenant=1", NULL},
    };

    assert_cases(*state, with_issuer, cases, COUNT(cases));
}

static void test_scopes_hold_what_scopes_may_hold(void **state)
{
    static const field_case cases[] = {
        {"quotes of the environment", FIELD(scopes), "\"openid email\"", "TinyauthScopes is "},
        {"backslash", FIELD(scopes), "openid \\email", "TinyauthScopes is "},
        {"newline", FIELD(scopes), "openid\nemail", "TinyauthScopes is "},
        {"not ASCII", FIELD(scopes), "openid \303\244", "TinyauthScopes is "},
        {"URLs", FIELD(scopes), "openid https://x.example/scope:read!", NULL},
    };
    ta_provider provider = with_issuer();

    assert_cases(*state, with_issuer, cases, COUNT(cases));
    provider.scopes = memset(apr_pcalloc(*state, 5001), 'x', 5000);
    assert_int_equal(ta_provider_finish(*state, &provider), APR_SUCCESS);
    assert_problem(*state, "too long", &provider, "5000 bytes: write at most 4096");
}

static void test_scope_holds_openid_unless_plain_oauth(void **state)
{
    ta_provider provider = with_issuer();

    provider.scopes = "email profile";
    assert_problem(*state, "issuer without openid", &provider, "write openid email profile");
    provider = without_issuer();
    provider.scopes = "email profile";
    assert_problem(*state, "plain OAuth without openid", &provider, NULL);
}

static void test_redirect_url_is_where_the_answer_is_awaited(void **state)
{
    static const field_case cases[] = {
        {"as it must be", FIELD(redirect_url), CALLBACK, NULL},
        {"below a path", FIELD(redirect_url),
         "https://x.example.com/auth/api/oauth/callback/pocketid",
         "write https://x.example.com/api/oauth/callback/pocketid"},
        {"with a query", FIELD(redirect_url), CALLBACK "?x=1", "here and at the provider"},
        {"a site without TLS", FIELD(redirect_url),
         "http://x.example.com/api/oauth/callback/pocketid", NULL},
        {"other id", FIELD(redirect_url), "https://x.example.com/api/oauth/callback/other",
         "write https://x.example.com/api/oauth/callback/pocketid"},
        {"longer id", FIELD(redirect_url), CALLBACK "2", "/api/oauth/callback/pocketid, here"},
        {"shorter", FIELD(redirect_url), "https://x.example.com:8443/",
         "write https://x.example.com:8443/api/oauth/callback/pocketid"},
        {"path in the query", FIELD(redirect_url),
         "https://x.example.com/?/api/oauth/callback/pocketid", "here and at the provider"},
        {"no URL", FIELD(redirect_url), "/api/oauth/callback/pocketid", "is no absolute URL"},
        {"fragment", FIELD(redirect_url), CALLBACK "#x", "is no absolute URL"},
    };

    assert_cases(*state, with_issuer, cases, COUNT(cases));
}

static void test_token_auth_needs_its_secret(void **state)
{
    static const struct {
        ta_token_auth auth;
        const char *expected;
    } cases[] = {
        {TA_TOKEN_AUTH_AUTO, NULL},
        {TA_TOKEN_AUTH_NONE, NULL},
        {TA_TOKEN_AUTH_BASIC, "TinyauthTokenAuth is basic, which needs a secret: write"},
        {TA_TOKEN_AUTH_POST, "TinyauthTokenAuth is post, which needs a secret: write"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_provider provider = with_issuer();

        provider.token_auth = cases[i].auth;
        assert_problem(*state, "with secret", &provider, NULL);
        provider.client_secret = NULL;
        assert_problem(*state, "without secret", &provider, cases[i].expected);
    }
}

static void test_algorithm_must_be_on_the_allow_list(void **state)
{
    ta_provider provider = with_issuer();

    for (size_t i = 0; ta_algorithm_at(i) != NULL; i++) {
        assert_true(ta_provider_allows_algorithm(&provider, ta_algorithm_at(i)));
    }
    assert_false(ta_provider_allows_algorithm(&provider, NULL));
    provider.algorithms = apr_array_make(*state, 2, sizeof(const ta_algorithm *));
    assert_false(ta_provider_allows_algorithm(&provider, ta_algorithm_find("RS256")));
    APR_ARRAY_PUSH(provider.algorithms, const ta_algorithm *) = ta_algorithm_find("RS256");
    assert_true(ta_provider_allows_algorithm(&provider, ta_algorithm_find("RS256")));
    assert_false(ta_provider_allows_algorithm(&provider, ta_algorithm_find("RS384")));
    assert_false(ta_provider_allows_algorithm(&provider, ta_algorithm_find("PS256")));
    assert_false(ta_provider_allows_algorithm(&provider, ta_algorithm_find("EdDSA")));
    assert_false(ta_provider_allows_algorithm(&provider, NULL));
    APR_ARRAY_PUSH(provider.algorithms, const ta_algorithm *) = ta_algorithm_find("EdDSA");
    assert_true(ta_provider_allows_algorithm(&provider, ta_algorithm_find("EdDSA")));
    assert_true(ta_provider_allows_algorithm(&provider, ta_algorithm_find("Ed25519")));
    assert_false(ta_provider_allows_algorithm(&provider, ta_algorithm_find("ES256")));
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
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_defaults_are_filled_in),
        cmocka_unit_test(test_what_was_written_stays),
        cmocka_unit_test(test_scopes_take_blanks_and_commas),
        cmocka_unit_test(test_has_scope_looks_for_whole_words),
        cmocka_unit_test(test_fingerprint_is_a_hash_of_who_vouches),
        cmocka_unit_test(test_fingerprint_changes_with_who_vouches),
        cmocka_unit_test(test_fingerprint_keeps_its_parts_apart),
        cmocka_unit_test(test_sound_descriptions_pass),
        cmocka_unit_test(test_plain_oauth_with_the_scope_openid_passes),
        cmocka_unit_test(test_something_is_missing),
        cmocka_unit_test(test_urls_of_the_provider_are_encrypted_urls),
        cmocka_unit_test(test_http_is_fine_on_loopback),
        cmocka_unit_test(test_an_issuer_has_no_query_fragment_or_well_known_path),
        cmocka_unit_test(test_scopes_hold_what_scopes_may_hold),
        cmocka_unit_test(test_scope_holds_openid_unless_plain_oauth),
        cmocka_unit_test(test_redirect_url_is_where_the_answer_is_awaited),
        cmocka_unit_test(test_token_auth_needs_its_secret),
        cmocka_unit_test(test_algorithm_must_be_on_the_allow_list),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
