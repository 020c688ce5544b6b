/*
 * What a process knows of its providers: how often they are asked, what is believed, and what
 * serves while they do not answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/trust.h"
#include "signer.h"
#include "world.h"

#define LOGIN WORLD_APP "/tinyauth/login?provider=" WORLD_ID "&return=/page"

static ta_reply *begin_login(world *w)
{
    return browser_get(browser_make(w), LOGIN);
}

static ta_reply *log_in(world *w)
{
    browser *b = browser_make(w);

    return browser_walk(b, browser_get(b, LOGIN));
}

/* The callback of a fresh login; never looks further. */
static ta_reply *call_back(world *w)
{
    browser *b = browser_make(w);

    return browser_get(b, browser_start(b, LOGIN));
}

static void test_nothing_is_asked_before_the_first_login(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    (void)browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/signed-out"));
    assert_int_equal(browser_get(b, WORLD_APP "/page")->status, 302);
    assert_int_equal(browser_get(b, WORLD_APP "/tinyauth/login")->status, 200);
    assert_int_equal(w->op->discoveries + w->op->key_sets + w->op->others, 0);
}

static void test_many_logins_need_one_discovery_and_one_key_set(void **state)
{
    world *w = *state;

    for (int i = 0; i < 50; i++) {
        assert_passed(log_in(w), "alice");
    }
    assert_int_equal(w->op->discoveries, 1);
    assert_int_equal(w->op->key_sets, 1);
    assert_int_equal(w->op->others, 0);
}

static void test_a_document_is_kept_for_an_hour(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->now += 3599;
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 1);
    assert_int_equal(w->op->key_sets, 1);
    w->now += 1;
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 2);
    assert_int_equal(w->op->key_sets, 2);
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 2);
}

/* A clock that was set back must not make a document fresh for ever. */
static void test_a_document_from_the_future_is_fetched_again(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->now -= 86400;
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 2);
    assert_int_equal(w->op->key_sets, 2);
}

static void test_each_process_asks_for_itself(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    world_restart(w);
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 2);
}

static void test_a_stale_document_serves_while_the_provider_is_down(void **state)
{
    static const int statuses[] = {0, 500, 503, 404, 302};
    world *w = *state;

    assert_passed(log_in(w), "alice");
    for (size_t i = 0; i < COUNT(statuses); i++) {
        w->now += 86400;
        w->op->down = statuses[i] ? NULL : "/";
        w->op->status = statuses[i];
        assert_int_equal(begin_login(w)->status, 302);
        assert_int_equal(w->op->discoveries, 2 + (int)i);
    }
    assert_true(world_has_logged(w, "TA0011"));
    w->op->status = 0;
    w->now += 5;
    assert_passed(log_in(w), "alice");
}

static void test_stale_keys_serve_while_the_key_set_cannot_be_fetched(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->now += 86400;
    w->op->down = "/keys";
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->key_sets, 2);
}

static void test_a_provider_that_is_down_is_not_asked_again_within_seconds(void **state)
{
    world *w = *state;

    w->op->down = "/";
    for (int i = 0; i < 20; i++) {
        browser *b = browser_make(w);

        assert_refused(b, browser_get(b, LOGIN), TA_REASON_PROVIDER_UNREACHABLE);
    }
    assert_int_equal(w->op->discoveries, 1);
    w->now += 5;
    w->op->down = NULL;
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->discoveries, 2);
}

static void test_a_failure_in_the_future_does_not_keep_us_from_asking(void **state)
{
    world *w = *state;

    w->op->down = "/";
    (void)begin_login(w);
    w->now -= 3600;
    w->op->down = NULL;
    assert_passed(log_in(w), "alice");
}

static void test_a_stale_document_is_not_tried_anew_by_every_login(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->now += 3600;
    w->op->down = "/";
    for (int i = 0; i < 20; i++) {
        assert_int_equal(begin_login(w)->status, 302);
    }
    assert_int_equal(w->op->discoveries, 2);
}

/* Discovery 4.3: the issuer must be identical. Otherwise anybody who can write one document
 * on the issuer's host would redirect every login. */
static void test_a_document_of_another_issuer_is_not_believed(void **state)
{
    static const char *const issuers[] = {"https://evil.example.net", WORLD_ISSUER "/",
                                          "HTTPS://id.example.com", "https://id.example.com:443",
                                          ""};
    world *w = *state;

    w->op->path = "/.well-known/openid-configuration";
    for (size_t i = 0; i < COUNT(issuers); i++) {
        browser *b = browser_make(w);

        w->op->body = apr_psprintf(w->pool,
                                   "{'issuer':'%s','authorization_endpoint':'%s/authorize',"
                                   "'token_endpoint':'%s/token','jwks_uri':'%s/keys'}",
                                   issuers[i], WORLD_ISSUER, WORLD_ISSUER, WORLD_ISSUER);
        w->now += 10;
        assert_refused(b, browser_get(b, LOGIN), TA_REASON_DISCOVERY_ISSUER);
        assert_int_equal(browser_cookies(b, "tinyauth"), 0);
    }
    assert_int_equal(w->op->key_sets + w->op->tokens + w->op->userinfos, 0);
}

/* The callback, too, must not send the code to whom the document names now. */
static void test_an_issuer_that_changes_during_a_login_gets_no_code(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, LOGIN);

    w->now += 3599;
    world_restart(w);
    w->op->path = "/.well-known/openid-configuration";
    w->op->body = "{'issuer':'https://evil.example.net',"
                  "'authorization_endpoint':'https://evil.example.net/authorize',"
                  "'token_endpoint':'https://evil.example.net/token',"
                  "'jwks_uri':'https://evil.example.net/keys'}";
    assert_refused(b, browser_get(b, callback), TA_REASON_DISCOVERY_ISSUER);
    assert_int_equal(w->op->tokens, 0);
}

static void test_a_stale_document_does_not_hide_that_the_issuer_changed(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(log_in(w), "alice");
    w->now += 3600;
    w->op->path = "/.well-known/openid-configuration";
    w->op->body = "{'issuer':'https://evil.example.net'}";
    assert_refused(b, browser_get(b, LOGIN), TA_REASON_DISCOVERY_ISSUER);
    /* not either while nobody asks again */
    assert_refused(b, browser_get(b, LOGIN), TA_REASON_DISCOVERY_ISSUER);
    assert_int_equal(w->op->discoveries, 2);
}

static void test_a_document_that_is_none_is_refused(void **state)
{
    static const char *const bodies[] = {"", "<html>", "[]", "{'issuer':'" WORLD_ISSUER "'}",
                                         "{'issuer':7}"};
    world *w = *state;

    w->op->path = "/.well-known/openid-configuration";
    for (size_t i = 0; i < COUNT(bodies); i++) {
        ta_reply *reply;

        w->op->body = bodies[i];
        w->now += 10;
        reply = begin_login(w);
        assert_int_equal(reply->status, 502);
        assert_null(reply->location);
    }
}

static void test_a_key_set_that_is_none_is_refused(void **state)
{
    static const char *const bodies[] = {"", "<html>", "[]", "{}", "{'keys':7}"};
    world *w = *state;

    w->op->path = "/keys";
    for (size_t i = 0; i < COUNT(bodies); i++) {
        browser *b = browser_make(w);

        w->op->body = bodies[i];
        w->now += 10;
        assert_refused(b, browser_get(b, browser_start(b, LOGIN)), TA_REASON_KEYS_MALFORMED);
    }
    assert_int_equal(world_records(w), 0);
}

static void test_keys_that_we_cannot_use_are_skipped(void **state)
{
    world *w = *state;
    const char *usable = signer_jwk(w->pool, w->op->published, ",\"kid\":\"first\"");

    w->op->path = "/keys";
    w->op->body =
        apr_psprintf(w->pool, "{'keys':[{'kty':'oct','k':'AAAA'},%s,{'kty':'XX'}]}", usable);
    assert_passed(log_in(w), "alice");
    assert_true(world_has_logged(w, "TA0010"));
}

static void test_a_key_that_was_rotated_a_second_ago_is_found(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    for (int i = 0; i < 3; i++) {
        w->now++;
        world_op_rotate(w, w->op, apr_psprintf(w->pool, "key-%d", i));
        assert_passed(log_in(w), "alice");
        assert_int_equal(w->op->key_sets, 2 + i);
    }
}

static void test_a_rotated_key_without_a_kid_is_found(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    world_op_rotate(w, w->op, "second");
    w->op->header = "{'alg':'ES256'}";
    assert_passed(log_in(w), "alice");
    assert_int_equal(w->op->key_sets, 2);
}

static void test_an_unknown_kid_fetches_the_key_set_once(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->op->header = "{'alg':'ES256','kid':'made-up'}";
    assert_int_equal(call_back(w)->status, 502);
    assert_int_equal(w->op->key_sets, 2);
}

/* Two hundred tokens with made-up kids, one a second: the provider hears little of it. */
static void test_made_up_kids_cause_no_storm_at_the_provider(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    for (int i = 0; i < 200; i++) {
        w->op->header = apr_psprintf(w->pool, "{'alg':'ES256','kid':'made-up-%d'}", i);
        assert_int_equal(call_back(w)->status, 502);
        w->now++;
    }
    assert_true(w->op->key_sets <= 1 + 3 + 200 / 20);
    /* and an honest rotation is found soon all the same */
    w->op->header = NULL;
    world_op_rotate(w, w->op, "second");
    w->now += 20;
    assert_passed(log_in(w), "alice");
}

static void test_a_wrong_signature_with_a_known_kid_fetches_nothing(void **state)
{
    world *w = *state;

    assert_passed(log_in(w), "alice");
    w->op->breaks_signature = 1;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(call_back(w)->status, 502);
    }
    assert_int_equal(w->op->key_sets, 1);
}

static void test_a_clock_set_back_gives_no_endless_refetches_and_no_pause(void **state)
{
    world *w = *state;
    int before;

    assert_passed(log_in(w), "alice");
    w->op->header = "{'alg':'ES256','kid':'made-up'}";
    for (int i = 0; i < 5; i++) {
        (void)call_back(w);
    }
    assert_int_equal(w->op->key_sets, 4);
    w->now -= 1000;
    before = w->op->key_sets;
    for (int i = 0; i < 50; i++) {
        (void)call_back(w);
    }
    /* the document from the future is fetched anew, and so many are allowed at once */
    assert_int_equal(w->op->key_sets - before, 4);
}

static void test_a_refetch_that_fails_refuses_the_token(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(log_in(w), "alice");
    world_op_rotate(w, w->op, "second");
    w->op->down = "/keys";
    assert_refused(b, browser_get(b, browser_start(b, LOGIN)), TA_REASON_PROVIDER_UNREACHABLE);
    /* the keys of before still serve for tokens of theirs */
    w->op->down = NULL;
    assert_passed(log_in(w), "alice");
}

static void test_a_key_that_was_withdrawn_counts_no_more(void **state)
{
    world *w = *state;
    EVP_PKEY *old;

    assert_passed(log_in(w), "alice");
    old = w->op->key;
    world_op_rotate(w, w->op, "second");
    assert_passed(log_in(w), "alice");
    w->op->key = old;
    w->op->kid = "first";
    assert_int_equal(call_back(w)->status, 502);
}

static void test_providers_are_kept_apart(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    world_op *other;

    world_add_provider(w, "other", "https://other.example.net");
    other = world_find_op(w, "https://other.example.net/");
    assert_passed(log_in(w), "alice");
    assert_int_equal(other->discoveries + other->key_sets, 0);
    /* the first provider's key, in a token that claims to be of the other */
    other->key = w->op->key;
    other->kid = w->op->kid;
    assert_refused(b, browser_get(b, browser_start(b, WORLD_APP "/tinyauth/login?provider=other")),
                   TA_REASON_ID_TOKEN_SIGNATURE);
}

static void test_tls_settings_of_the_provider_are_sent_along(void **state)
{
    world *w = *state;
    ta_http_request request = {.url = WORLD_ISSUER "/keys"};
    ta_http_response *response;
    browser *b = browser_make(w);
    ta_fault fault = {.reason = TA_REASON_NONE};

    (void)browser_get(b, LOGIN);
    w->provider->ca_file = "/ca.pem";
    request.insecure = 1;
    assert_int_equal(ta_trust_send(b->env, w->provider, &request, &response, &fault), APR_SUCCESS);
    assert_string_equal(request.ca_file, "/ca.pem");
    assert_int_equal(request.insecure, 0);
    assert_int_equal(request.timeout_seconds, 10);
}

static void test_a_good_document_under_an_error_status_is_none(void **state)
{
    static const int statuses[] = {201, 204, 301, 302, 404, 500};
    world *w = *state;

    for (size_t i = 0; i < COUNT(statuses); i++) {
        browser *b = browser_make(w);

        w->now += 10;
        w->op->status = statuses[i];
        assert_refused(b, browser_get(b, LOGIN), TA_REASON_PROVIDER_UNREACHABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_asked_before_the_first_login),
        TEST(test_many_logins_need_one_discovery_and_one_key_set),
        TEST(test_a_document_is_kept_for_an_hour),
        TEST(test_a_document_from_the_future_is_fetched_again),
        TEST(test_each_process_asks_for_itself),
        TEST(test_a_stale_document_serves_while_the_provider_is_down),
        TEST(test_stale_keys_serve_while_the_key_set_cannot_be_fetched),
        TEST(test_a_provider_that_is_down_is_not_asked_again_within_seconds),
        TEST(test_a_failure_in_the_future_does_not_keep_us_from_asking),
        TEST(test_a_stale_document_is_not_tried_anew_by_every_login),
        TEST(test_a_document_of_another_issuer_is_not_believed),
        TEST(test_an_issuer_that_changes_during_a_login_gets_no_code),
        TEST(test_a_stale_document_does_not_hide_that_the_issuer_changed),
        TEST(test_a_document_that_is_none_is_refused),
        TEST(test_a_key_set_that_is_none_is_refused),
        TEST(test_keys_that_we_cannot_use_are_skipped),
        TEST(test_a_key_that_was_rotated_a_second_ago_is_found),
        TEST(test_a_rotated_key_without_a_kid_is_found),
        TEST(test_an_unknown_kid_fetches_the_key_set_once),
        TEST(test_made_up_kids_cause_no_storm_at_the_provider),
        TEST(test_a_wrong_signature_with_a_known_kid_fetches_nothing),
        TEST(test_a_clock_set_back_gives_no_endless_refetches_and_no_pause),
        TEST(test_a_refetch_that_fails_refuses_the_token),
        TEST(test_a_key_that_was_withdrawn_counts_no_more),
        TEST(test_providers_are_kept_apart),
        TEST(test_tls_settings_of_the_provider_are_sent_along),
        TEST(test_a_good_document_under_an_error_status_is_none),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
