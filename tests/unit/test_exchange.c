/*
 * From a code to a person: each lie that a provider can tell, once through a whole login. It
 * ends in a refusal that says why, and leaves nothing in the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/exchange.h"
#include "signer.h"
#include "world.h"

/* Logs in and holds what came of it against what was expected. */
static void assert_login_fails(world *w, ta_reason reason)
{
    browser *b = browser_make(w);

    assert_refused(b, browser_get(b, browser_start(b, WORLD_APP "/page")), reason);
    assert_int_equal(world_records(w), 0);
    assert_int_equal(browser_cookies(b, "tinyauth"), 0);
    assert_true(world_has_logged(w, ta_reason_info_get(reason)->code));
    /* and nothing of it serves as a session */
    assert_int_equal(browser_get(b, WORLD_APP "/page")->status, 302);
}

static void test_an_id_token_with_one_wrong_claim_makes_no_session(void **state)
{
    static const struct {
        const char *claim;
        const char *json;
        ta_reason expected;
    } cases[] = {
        {"iss", "'https://evil.example.net'", TA_REASON_ID_TOKEN_ISSUER},
        {"iss", "'" WORLD_ISSUER "/'", TA_REASON_ID_TOKEN_ISSUER},
        {"iss", NULL, TA_REASON_ID_TOKEN_ISSUER},
        {"sub", NULL, TA_REASON_ID_TOKEN_SUBJECT},
        {"sub", "''", TA_REASON_ID_TOKEN_SUBJECT},
        {"sub", "7", TA_REASON_ID_TOKEN_SUBJECT},
        {"aud", "'another-client'", TA_REASON_ID_TOKEN_AUDIENCE},
        {"aud", "['client-0','another-client']", TA_REASON_ID_TOKEN_AUDIENCE},
        {"aud", "[]", TA_REASON_ID_TOKEN_AUDIENCE},
        {"aud", NULL, TA_REASON_ID_TOKEN_AUDIENCE},
        {"azp", "'another-client'", TA_REASON_ID_TOKEN_AUDIENCE},
        {"nonce", "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'", TA_REASON_ID_TOKEN_NONCE},
        {"nonce", "''", TA_REASON_ID_TOKEN_NONCE},
        {"nonce", NULL, TA_REASON_ID_TOKEN_NONCE},
        {"exp", "1799999000", TA_REASON_ID_TOKEN_EXPIRED},
        {"exp", NULL, TA_REASON_ID_TOKEN_TIME},
        {"exp", "1e300", TA_REASON_ID_TOKEN_TIME},
        {"exp", "'1800000600'", TA_REASON_ID_TOKEN_TIME},
        {"iat", "1800001000", TA_REASON_ID_TOKEN_TIME},
        {"iat", NULL, TA_REASON_ID_TOKEN_TIME},
        {"at_hash", "'AAAAAAAAAAAAAAAAAAAAAA'", TA_REASON_ID_TOKEN_HASH},
        {"type", "'access-token'", TA_REASON_ID_TOKEN_TYPE},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        w->op->claim = cases[i].claim;
        w->op->json = cases[i].json;
        assert_login_fails(w, cases[i].expected);
    }
    /* userinfo is asked only after the ID token proved right */
    assert_int_equal(w->op->userinfos, 0);
    w->op->claim = NULL;
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/page"), "alice");
}

static void test_an_id_token_with_a_wrong_header_makes_no_session(void **state)
{
    static const struct {
        const char *header;
        ta_reason expected;
    } cases[] = {
        {"{'alg':'none'}", TA_REASON_ID_TOKEN_ALGORITHM},
        {"{'alg':'None','kid':'first'}", TA_REASON_ID_TOKEN_ALGORITHM},
        {"{'alg':'HS256','kid':'first'}", TA_REASON_ID_TOKEN_ALGORITHM},
        {"{'alg':'RS256','kid':'first'}", TA_REASON_ID_TOKEN_KEY},
        {"{'alg':'ES256','kid':'nobody'}", TA_REASON_ID_TOKEN_KEY},
        {"{'alg':'ES256','kid':'first','typ':'at+jwt'}", TA_REASON_ID_TOKEN_TYPE},
        {"{'alg':'ES256','kid':'first','crit':['b64'],'b64':false}", TA_REASON_ID_TOKEN_MALFORMED},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        w->op->header = cases[i].header;
        assert_login_fails(w, cases[i].expected);
        w->now += 300;
    }
    assert_int_equal(w->op->userinfos, 0);
}

static void test_a_wrong_signature_makes_no_session(void **state)
{
    world *w = *state;

    w->op->breaks_signature = 1;
    assert_login_fails(w, TA_REASON_ID_TOKEN_SIGNATURE);
    w->op->breaks_signature = 0;
    /* a key of the attacker's own, under the name of the right one */
    w->op->key = world_op_key(w->pool);
    assert_login_fails(w, TA_REASON_ID_TOKEN_SIGNATURE);
    /* and without any name */
    w->op->header = "{'alg':'ES256'}";
    assert_login_fails(w, TA_REASON_ID_TOKEN_SIGNATURE);
    assert_int_equal(w->op->userinfos, 0);
}

static void test_an_unsigned_id_token_makes_no_session(void **state)
{
    world *w = *state;
    const char *claims = "{\"iss\":\"" WORLD_ISSUER "\",\"sub\":\"x\"}";

    const char *input = signer_input(w->pool, "{\"alg\":\"none\"}", claims);

    w->op->id_token = apr_pstrcat(w->pool, input, ".", NULL);
    assert_login_fails(w, TA_REASON_ID_TOKEN_MALFORMED);
    w->op->id_token = apr_pstrcat(w->pool, input, ".AAAA", NULL);
    assert_login_fails(w, TA_REASON_ID_TOKEN_ALGORITHM);
}

static void test_a_token_answer_without_id_token_makes_no_session(void **state)
{
    world *w = *state;

    w->op->id_token = "";
    assert_login_fails(w, TA_REASON_ID_TOKEN_MISSING);
    w->op->id_token = "no-token-at-all";
    assert_login_fails(w, TA_REASON_ID_TOKEN_MALFORMED);
    assert_int_equal(w->op->userinfos, 0);
}

/* A token that was right for one login, given to another. */
static void test_the_id_token_of_another_login_is_refused(void **state)
{
    world *w = *state;

    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/page"), "alice");
    apr_hash_clear(w->store.records);
    w->op->id_token = w->op->last_id_token;
    assert_login_fails(w, TA_REASON_ID_TOKEN_NONCE);
}

static void test_an_algorithm_off_the_list_makes_no_session(void **state)
{
    world *w = *state;
    apr_array_header_t *allowed = apr_array_make(w->pool, 1, sizeof(const ta_algorithm *));

    APR_ARRAY_PUSH(allowed, const ta_algorithm *) = ta_algorithm_find("RS256");
    w->provider->algorithms = allowed;
    assert_login_fails(w, TA_REASON_ID_TOKEN_ALGORITHM);
    APR_ARRAY_PUSH(allowed, const ta_algorithm *) = ta_algorithm_find("ES256");
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/page"), "alice");
}

static void test_a_strange_answer_to_the_token_request_makes_no_session(void **state)
{
    static const struct {
        const char *body;
        int status;
        ta_reason expected;
    } cases[] = {
        {"{'error':'invalid_grant'}", 400, TA_REASON_TOKEN_REFUSED},
        {"{'error':'invalid_client'}", 401, TA_REASON_CLIENT_REFUSED},
        {"{'error':'slow_down'}", 429, TA_REASON_PROVIDER_UNREACHABLE},
        {"<html>", 500, TA_REASON_PROVIDER_UNREACHABLE},
        {"<html>", 302, TA_REASON_TOKEN_MALFORMED},
        {"<html>", 200, TA_REASON_TOKEN_MALFORMED},
        {"", 200, TA_REASON_TOKEN_MALFORMED},
        {"{}", 200, TA_REASON_TOKEN_MALFORMED},
        {"{'access_token':'a','token_type':'mac'}", 200, TA_REASON_TOKEN_MALFORMED},
        {"{'access_token':'a','token_type':'bearer'}", 200, TA_REASON_ID_TOKEN_MISSING},
    };
    world *w = *state;

    /* what is known of the provider before it goes mad */
    assert_int_equal(
        browser_get(browser_make(w), WORLD_APP "/tinyauth/login?provider=" WORLD_ID)->status, 302);
    w->op->path = "/token";
    for (size_t i = 0; i < COUNT(cases); i++) {
        w->op->body = cases[i].body;
        w->op->status = cases[i].status;
        assert_login_fails(w, cases[i].expected);
        assert_int_equal(w->op->tokens, i + 1);
    }
    assert_int_equal(w->op->userinfos, 0);
}

static void test_userinfo_about_somebody_else_makes_no_session(void **state)
{
    static const struct {
        const char *body;
        ta_reason expected;
    } cases[] = {
        {"{'sub':'sub-of-mallory','preferred_username':'alice'}", TA_REASON_USERINFO_SUBJECT},
        {"{'preferred_username':'alice'}", TA_REASON_USERINFO_SUBJECT},
        {"{'id':'sub-of-alice','preferred_username':'alice'}", TA_REASON_USERINFO_SUBJECT},
        {"{'sub':['sub-of-alice'],'preferred_username':'alice'}", TA_REASON_USERINFO_SUBJECT},
        {"<html>", TA_REASON_USERINFO_MALFORMED},
        {"[]", TA_REASON_USERINFO_MALFORMED},
    };
    world *w = *state;

    w->op->path = "/userinfo";
    for (size_t i = 0; i < COUNT(cases); i++) {
        w->op->body = cases[i].body;
        assert_login_fails(w, cases[i].expected);
        assert_int_equal(w->op->userinfos, i + 1);
    }
}

static void test_a_provider_that_names_nobody_makes_no_session(void **state)
{
    world *w = *state;

    w->provider->user_claims = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(w->provider->user_claims, const char *) = "employee_number";
    assert_login_fails(w, TA_REASON_IDENTITY_EMPTY);
}

static void test_userinfo_wins_over_the_id_token(void **state)
{
    world *w = *state;

    w->op->user = "'preferred_username':'alice-from-userinfo'";
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/page"), "alice-from-userinfo");
}

static ta_provider *add_plain_oauth(world *w)
{
    ta_provider *provider = world_add_provider(w, "plain", "https://plain.example.net");

    provider->auth_url = "https://plain.example.net/authorize";
    provider->token_url = "https://plain.example.net/token";
    provider->userinfo_url = "https://plain.example.net/userinfo";
    provider->issuer = NULL;
    assert_int_equal(ta_provider_finish(w->pool, provider), APR_SUCCESS);
    return provider;
}

/* Nothing to hold the ID token against: what it says must not count, whatever it says. */
static void test_without_an_issuer_the_id_token_is_discarded_unread(void **state)
{
    static const char *const tokens[] = {"", "garbage", NULL};
    world *w = *state;
    world_op *op;

    add_plain_oauth(w);
    op = world_find_op(w, "https://plain.example.net/");
    op->response_iss = "https://whatever.example.net";
    op->claim = "sub";
    op->json = "'sub-of-mallory'";
    for (size_t i = 0; i < COUNT(tokens); i++) {
        browser *b = browser_make(w);
        world_record *record;
        ta_record read;

        op->id_token = tokens[i];
        op->breaks_signature = 1;
        assert_passed(browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?provider=plain"
                                                               "&return=/page")),
                      "alice");
        record = world_only_record(w);
        assert_int_equal(ta_record_read(record->bytes, &read), APR_SUCCESS);
        assert_string_equal(ta_record_text(&read, TA_RECORD_SUB), "sub-of-alice");
        apr_hash_clear(w->store.records);
    }
    assert_int_equal(op->discoveries + op->key_sets, 0);
}

static void test_without_an_issuer_userinfo_must_name_the_subject(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    world_op *op;

    add_plain_oauth(w);
    op = world_find_op(w, "https://plain.example.net/");
    op->path = "/userinfo";
    op->body = "{'preferred_username':'alice'}";
    assert_refused(b, browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?provider=plain")),
                   TA_REASON_USERINFO_SUBJECT);
    op->body = "{'id':4711,'preferred_username':'alice'}";
    assert_passed(browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?provider=plain"
                                                           "&return=/page")),
                  "alice");
}

/* A session holds 64 KB: what is larger is refused, not cut. */
static void test_an_identity_too_large_for_a_session_makes_none(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_text groups;
    const char *text;

    ta_text_init(&groups, w->pool, 200000);
    for (int i = 0; i < 4000; i++) {
        ta_text_append_format(&groups, "'a-group-with-a-long-name-%d',", i);
    }
    assert_int_equal(ta_text_finish(&groups, &text), APR_SUCCESS);
    w->op->user =
        apr_pstrcat(w->pool, "'preferred_username':'alice','groups':[", text, "'z']", NULL);
    assert_refused(b, browser_log_in(b, WORLD_APP "/page"), TA_REASON_SESSION_TOO_LARGE);
    assert_int_equal(world_records(w), 0);
}

static void test_signed_userinfo_is_verified_as_an_id_token_is(void **state)
{
    static const struct {
        const char *claims;
        ta_reason expected;
    } cases[] = {
        {"{'iss':'https://evil.example.net','sub':'sub-of-alice','aud':'client-0'}",
         TA_REASON_ID_TOKEN_ISSUER},
        {"{'iss':'" WORLD_ISSUER "','sub':'sub-of-alice','aud':'another'}",
         TA_REASON_ID_TOKEN_AUDIENCE},
        {"{'iss':'" WORLD_ISSUER "','sub':'sub-of-mallory','aud':'client-0'}",
         TA_REASON_USERINFO_SUBJECT},
    };
    world *w = *state;
    signing how = {.algorithm = "ES256", .key = w->op->key};
    const char *header = "{\"alg\":\"ES256\",\"kid\":\"first\"}";

    w->op->path = "/userinfo";
    w->op->content_type = "application/jwt";
    for (size_t i = 0; i < COUNT(cases); i++) {
        w->op->body = signer_token(w->pool, &how, header, world_quotes(w->pool, cases[i].claims));
        assert_login_fails(w, cases[i].expected);
    }
    w->op->body = signer_token(w->pool, &how, header,
                               world_quotes(w->pool, "{'iss':'" WORLD_ISSUER "','aud':'client-0',"
                                                     "'sub':'sub-of-alice',"
                                                     "'preferred_username':'signed'}"));
    assert_passed(browser_log_in(browser_make(w), WORLD_APP "/page"), "signed");
    apr_hash_clear(w->store.records);
    how.key = world_op_key(w->pool);
    w->op->body = signer_token(w->pool, &how, header,
                               world_quotes(w->pool, "{'iss':'" WORLD_ISSUER "','aud':'client-0',"
                                                     "'sub':'sub-of-alice'}"));
    assert_login_fails(w, TA_REASON_ID_TOKEN_SIGNATURE);
}

static void test_signed_userinfo_without_an_issuer_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    world_op *op;

    add_plain_oauth(w);
    op = world_find_op(w, "https://plain.example.net/");
    op->path = "/userinfo";
    op->content_type = "application/jwt";
    op->body = "e30.e30.AAAA";
    assert_refused(b, browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?provider=plain")),
                   TA_REASON_USERINFO_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_id_token_with_one_wrong_claim_makes_no_session),
        TEST(test_an_id_token_with_a_wrong_header_makes_no_session),
        TEST(test_a_wrong_signature_makes_no_session),
        TEST(test_an_unsigned_id_token_makes_no_session),
        TEST(test_a_token_answer_without_id_token_makes_no_session),
        TEST(test_the_id_token_of_another_login_is_refused),
        TEST(test_an_algorithm_off_the_list_makes_no_session),
        TEST(test_a_strange_answer_to_the_token_request_makes_no_session),
        TEST(test_userinfo_about_somebody_else_makes_no_session),
        TEST(test_a_provider_that_names_nobody_makes_no_session),
        TEST(test_userinfo_wins_over_the_id_token),
        TEST(test_without_an_issuer_the_id_token_is_discarded_unread),
        TEST(test_without_an_issuer_userinfo_must_name_the_subject),
        TEST(test_an_identity_too_large_for_a_session_makes_none),
        TEST(test_signed_userinfo_is_verified_as_an_id_token_is),
        TEST(test_signed_userinfo_without_an_issuer_is_refused),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
