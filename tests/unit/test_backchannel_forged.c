/*
 * Logout tokens that the provider did not send, or not for us, or not now: each with one thing
 * wrong, and nobody is logged out by any of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "backchannel.h"
#include "signer.h"
#include "util/base64url.h"

#define ALL(iss, aud, times, jti, events, about)                                                   \
    "{" iss "," aud "," times "," jti "," events "," about "}"
#define GOOD(about)                                                                                \
    ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'", BACKCHANNEL_EVENTS, about)
#define SUB "'sub':'alice'"

static const struct attack {
    const char *what;
    const char *header;
    const char *payload;
    ta_reason reason;
} attacks[] = {
    {"an access token", "{'alg':'ES256','kid':'first','typ':'at+jwt'}", GOOD(SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"typ of an ID token", "{'alg':'ES256','kid':'first','typ':'id+jwt'}", GOOD(SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"unsigned", "{'alg':'none'}", GOOD(SUB), TA_REASON_ID_TOKEN_ALGORITHM},
    {"an algorithm of shared secrets", "{'alg':'HS256','kid':'first'}", GOOD(SUB),
     TA_REASON_ID_TOKEN_ALGORITHM},
    {"another algorithm than it is signed with", "{'alg':'RS256','kid':'first'}", GOOD(SUB),
     TA_REASON_ID_TOKEN_KEY},
    {"a key that the provider does not have", "{'alg':'ES256','kid':'other'}", GOOD(SUB),
     TA_REASON_ID_TOKEN_KEY},
    {"a header that must be understood", "{'alg':'ES256','kid':'first','crit':['x'],'x':1}",
     GOOD(SUB), TA_REASON_ID_TOKEN_MALFORMED},
    {"another issuer", BACKCHANNEL_HEAD,
     ALL("'iss':'https://evil.example.com'", BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_ISSUER},
    {"an issuer with a slash more", BACKCHANNEL_HEAD,
     ALL("'iss':'" WORLD_ISSUER "/'", BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_ISSUER},
    {"no issuer", BACKCHANNEL_HEAD,
     ALL("'x':1", BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'", BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_ISSUER},
    {"another client", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, "'aud':'client-1'", BACKCHANNEL_TIMES, "'jti':'j'", BACKCHANNEL_EVENTS,
         SUB),
     TA_REASON_ID_TOKEN_AUDIENCE},
    {"another client beside us", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, "'aud':['client-0','client-1']", BACKCHANNEL_TIMES, "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_AUDIENCE},
    {"no client", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, "'aud':[]", BACKCHANNEL_TIMES, "'jti':'j'", BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_AUDIENCE},
    {"expired", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1799999000,'exp':1799999700", "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_EXPIRED},
    {"old, and never expires", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1799996100", "'jti':'j'", BACKCHANNEL_EVENTS,
         SUB),
     TA_REASON_ID_TOKEN_EXPIRED},
    {"old, and expires in a year", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1799996100,'exp':1831536000", "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_EXPIRED},
    {"from the future", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1800000301", "'jti':'j'", BACKCHANNEL_EVENTS,
         SUB),
     TA_REASON_ID_TOKEN_TIME},
    {"no iat", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'exp':1800000120", "'jti':'j'", BACKCHANNEL_EVENTS,
         SUB),
     TA_REASON_ID_TOKEN_TIME},
    {"an exp that is no number", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1800000000,'exp':'1800000120'", "'jti':'j'",
         BACKCHANNEL_EVENTS, SUB),
     TA_REASON_ID_TOKEN_TIME},
    {"no events", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'", "'x':1", SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"another event", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         "'events':{'" BACKCHANNEL_EVENT "x':{}}", SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"an event that is a text", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         "'events':{'" BACKCHANNEL_EVENT "':'{}'}", SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"an event that is null", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         "'events':{'" BACKCHANNEL_EVENT "':null}", SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"events as an array", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'jti':'j'",
         "'events':['" BACKCHANNEL_EVENT "']", SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"a nonce: an ID token", BACKCHANNEL_HEAD, GOOD(SUB ",'nonce':'n'"),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"a nonce that is empty", BACKCHANNEL_HEAD, GOOD(SUB ",'nonce':''"),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"neither sub nor sid", BACKCHANNEL_HEAD, GOOD("'x':1"), TA_REASON_BACKCHANNEL_TOKEN},
    {"an empty sub", BACKCHANNEL_HEAD, GOOD("'sub':''"), TA_REASON_BACKCHANNEL_TOKEN},
    {"an empty sid beside a sub", BACKCHANNEL_HEAD, GOOD(SUB ",'sid':''"),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"a sub that is an array", BACKCHANNEL_HEAD, GOOD("'sub':['alice']"),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"a sub with a line break", BACKCHANNEL_HEAD, GOOD("'sub':'alice\\nTA0501: x'"),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"two subs", BACKCHANNEL_HEAD, GOOD("'sub':'bob'," SUB), TA_REASON_ID_TOKEN_MALFORMED},
    {"no jti", BACKCHANNEL_HEAD,
     ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, BACKCHANNEL_TIMES, "'x':1", BACKCHANNEL_EVENTS, SUB),
     TA_REASON_BACKCHANNEL_TOKEN},
    {"an array", BACKCHANNEL_HEAD, "[" GOOD(SUB) "]", TA_REASON_ID_TOKEN_MALFORMED},
};

static void test_a_forged_token_ends_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    for (size_t i = 0; i < COUNT(attacks); i++) {
        const struct attack *each = &attacks[i];
        ta_reply *reply = backchannel_post(w, backchannel_sign(w, each->header, each->payload));
        const char *code = ta_reason_info_get(each->reason)->code;

        if (reply->status != 400 || !strstr(reply->body, code)) {
            fail_msg("%s: %d %s, expected %s", each->what, reply->status, reply->body, code);
        }
        backchannel_assert_refused(w, reply, each->reason);
        if (!backchannel_is_logged_in(b)) {
            fail_msg("%s: it ended the session", each->what);
        }
    }
}

/* Whoever has another key: the attacker's own, with the kid of the provider's. */
static void test_somebody_elses_key_ends_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");
    EVP_PKEY *right = w->op->key;
    const char *token;

    w->op->key = world_op_key(w->pool);
    token = backchannel_token(w, SUB, "a");
    w->op->key = right;
    backchannel_assert_refused(w, backchannel_post(w, token), TA_REASON_ID_TOKEN_SIGNATURE);
    assert_true(backchannel_is_logged_in(b));
}

static void test_what_is_no_token_ends_nothing(void **state)
{
    static const char *const bodies[] = {NULL, "", "x", "a.b", "a.b.c", "a.b.c.d.e", "%", ".."};
    world *w = *state;

    for (size_t i = 0; i < COUNT(bodies); i++) {
        ta_reply *reply = backchannel_post(w, bodies[i]);

        assert_int_equal(reply->status, 400);
        assert_string_equal(reply->content_type, "application/json");
    }
}

/* Which one would be checked, and which one obeyed? */
static void test_two_tokens_in_one_form_end_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");
    const char *two = apr_pstrcat(w->pool, backchannel_token(w, SUB, "a"),
                                  "&logout_token=", backchannel_token(w, SUB, "b"), NULL);

    backchannel_assert_refused(w, backchannel_post(w, two), TA_REASON_BACKCHANNEL_TOKEN);
    assert_true(backchannel_is_logged_in(b));
}

/* The login's own ID token, which the browser sees in the URL of the provider's logout. */
static void test_an_id_token_is_no_logout_token(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    backchannel_assert_refused(w, backchannel_post(w, w->op->last_id_token),
                               TA_REASON_BACKCHANNEL_TOKEN);
    assert_true(backchannel_is_logged_in(b));
}

static void test_a_token_counts_once(void **state)
{
    world *w = *state;
    const char *token = backchannel_token(w, SUB, "a");
    browser *b;

    assert_int_equal(backchannel_post(w, token)->status, 200);
    w->now += 1;
    b = backchannel_log_in(w, "alice", "sid-1");
    backchannel_assert_refused(w, backchannel_post(w, token), TA_REASON_BACKCHANNEL_USED);
    assert_true(backchannel_is_logged_in(b));
}

/* As long as its age does not refuse it, its jti does: there is no gap between the two. */
static void test_a_token_without_exp_never_counts_again(void **state)
{
    world *w = *state;
    const char *token = backchannel_sign(w, BACKCHANNEL_HEAD,
                                         ALL(BACKCHANNEL_ISS, BACKCHANNEL_AUD, "'iat':1800000000",
                                             "'jti':'j'", BACKCHANNEL_EVENTS, SUB));

    assert_int_equal(backchannel_post(w, token)->status, 200);
    for (int i = 0; i < 80; i++) {
        w->now += 60;
        assert_int_equal(backchannel_post(w, token)->status, 400);
    }
}

/* A jti of one provider is not one of another: nobody can use them up for somebody else. */
static void test_a_jti_is_its_providers_own(void **state)
{
    world *w = *state;

    world_add_provider(w, "second", "https://second.example.com");
    assert_int_equal(backchannel_post(w, backchannel_token(w, SUB, "a"))->status, 200);
    w->op = world_find_op(w, "https://second.example.com/");
    {
        const char *payload =
            "{'iss':'https://second.example.com','aud':'client-1'," BACKCHANNEL_TIMES
            ",'jti':'a'," BACKCHANNEL_EVENTS "," SUB "}";
        visit v = {.url = WORLD_APP "/tinyauth/backchannel-logout/second",
                   .method = "POST",
                   .body = apr_pstrcat(w->pool, "logout_token=",
                                       backchannel_sign(w, BACKCHANNEL_HEAD, payload), NULL)};

        assert_int_equal(browser_send(browser_make(w), &v)->status, 200);
        /* and sent to the first one it is refused: keys and issuer are not its own */
        v.url = BACKCHANNEL;
        assert_int_equal(browser_send(browser_make(w), &v)->status, 400);
    }
}

static void test_without_an_issuer_nothing_can_be_verified(void **state)
{
    world *w = *state;
    const char *token = backchannel_token(w, SUB, "a");

    w->provider->issuer = NULL;
    backchannel_assert_refused(w, backchannel_post(w, token), TA_REASON_BACKCHANNEL_TOKEN);
}

/* Not to have asked or ended is never called a success. */
static void test_a_failure_of_ours_is_no_success(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");
    ta_reply *reply;

    w->store.claim_status = APR_TIMEUP;
    backchannel_assert_refused(w, backchannel_post(w, backchannel_token(w, SUB, "a")),
                               TA_REASON_STORE_UNAVAILABLE);
    w->store.claim_status = APR_SUCCESS;
    w->store.remove_status = APR_TIMEUP;
    reply = backchannel_post(w, backchannel_token(w, SUB, "b"));
    backchannel_assert_refused(w, reply, TA_REASON_STORE_UNAVAILABLE);
    assert_holds(reply->body, "temporarily_unavailable");
    assert_int_equal(reply->reason, TA_REASON_STORE_UNAVAILABLE);
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 0);
    w->store.remove_status = APR_SUCCESS;
    assert_true(backchannel_is_logged_in(b));
    world_restart(w);
    w->op->down = "/";
    backchannel_assert_refused(w, backchannel_post(w, backchannel_token(w, SUB, "c")),
                               TA_REASON_PROVIDER_UNREACHABLE);
    w->op->down = NULL;
    assert_true(backchannel_is_logged_in(b));
}

/* 2.8: the provider may send it again; what failed was not used up. */
static void test_a_token_that_failed_for_our_sake_counts_when_it_comes_again(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");
    const char *token = backchannel_token(w, SUB, "a");

    w->store.remove_status = APR_TIMEUP;
    backchannel_assert_refused(w, backchannel_post(w, token), TA_REASON_STORE_UNAVAILABLE);
    w->store.remove_status = APR_SUCCESS;
    assert_true(backchannel_is_logged_in(b));
    assert_int_equal(backchannel_post(w, token)->status, 200);
    assert_false(backchannel_is_logged_in(b));
    b = backchannel_log_in(w, "alice", "sid-1");
    backchannel_assert_refused(w, backchannel_post(w, token), TA_REASON_BACKCHANNEL_USED);
    assert_true(backchannel_is_logged_in(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_forged_token_ends_nothing),
        TEST(test_somebody_elses_key_ends_nothing),
        TEST(test_what_is_no_token_ends_nothing),
        TEST(test_two_tokens_in_one_form_end_nothing),
        TEST(test_an_id_token_is_no_logout_token),
        TEST(test_a_token_counts_once),
        TEST(test_a_token_without_exp_never_counts_again),
        TEST(test_a_jti_is_its_providers_own),
        TEST(test_without_an_issuer_nothing_can_be_verified),
        TEST(test_a_failure_of_ours_is_no_success),
        TEST(test_a_token_that_failed_for_our_sake_counts_when_it_comes_again),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
