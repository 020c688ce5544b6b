/*
 * Back-channel logout, as a provider means it: whose sessions end, and whose do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "backchannel.h"
#include "flow/backchannel.h"

static void test_sid_ends_that_session_alone(void **state)
{
    world *w = *state;
    browser *ended = backchannel_log_in(w, "alice", "sid-1");
    browser *other = backchannel_log_in(w, "alice", "sid-2");
    browser *bob = backchannel_log_in(w, "bob", "sid-3");
    ta_reply *reply = backchannel_post(w, backchannel_token(w, "'sid':'sid-1'", "a"));

    assert_int_equal(reply->status, 200);
    assert_int_equal(reply->cookies->nelts, 0);
    assert_false(backchannel_is_logged_in(ended));
    assert_true(backchannel_is_logged_in(other));
    assert_true(backchannel_is_logged_in(bob));
    assert_true(world_has_logged(w, "TA0501"));
}

static void test_sub_alone_ends_all_sessions_of_the_user(void **state)
{
    world *w = *state;
    browser *one = backchannel_log_in(w, "alice", "sid-1");
    browser *two = backchannel_log_in(w, "alice", NULL);
    browser *bob = backchannel_log_in(w, "bob", "sid-3");

    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "a"))->status, 200);
    assert_false(backchannel_is_logged_in(one));
    assert_false(backchannel_is_logged_in(two));
    assert_true(backchannel_is_logged_in(bob));
    assert_int_equal(world_records(w), 1);
}

static void test_sub_and_sid_end_the_session_of_that_sid(void **state)
{
    world *w = *state;
    browser *ended = backchannel_log_in(w, "alice", "sid-1");
    browser *other = backchannel_log_in(w, "alice", "sid-2");
    const char *token = backchannel_token(w, "'sub':'alice','sid':'sid-1'", "a");

    assert_int_equal(backchannel_post(w, token)->status, 200);
    assert_false(backchannel_is_logged_in(ended));
    assert_true(backchannel_is_logged_in(other));
}

/* One session at the provider is one user's. */
static void test_a_sid_of_somebody_else_ends_nothing(void **state)
{
    world *w = *state;
    browser *bob = backchannel_log_in(w, "bob", "sid-1");
    browser *alice = backchannel_log_in(w, "alice", "sid-2");
    const char *token = backchannel_token(w, "'sub':'alice','sid':'sid-1'", "a");

    assert_int_equal(backchannel_post(w, token)->status, 200);
    assert_true(backchannel_is_logged_in(bob));
    assert_true(backchannel_is_logged_in(alice));
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 0);
}

/* A provider may name a sid in its logout tokens that its ID tokens had not. */
static void test_a_login_without_sid_ends_by_its_sub(void **state)
{
    world *w = *state;
    browser *bare = backchannel_log_in(w, "alice", NULL);
    browser *other = backchannel_log_in(w, "alice", "sid-2");
    browser *bob = backchannel_log_in(w, "bob", NULL);
    const char *token = backchannel_token(w, "'sub':'alice','sid':'sid-1'", "a");

    assert_int_equal(backchannel_post(w, token)->status, 200);
    assert_false(backchannel_is_logged_in(bare));
    assert_true(backchannel_is_logged_in(other));
    assert_true(backchannel_is_logged_in(bob));
}

static void test_each_login_that_ends_is_told(void **state)
{
    world *w = *state;
    const ta_event *told;

    (void)backchannel_log_in(w, "alice", "sid-1");
    (void)backchannel_log_in(w, "alice", "sid-2");
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "a"))->status, 200);
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 2);
    told = world_last_told(w, TA_EVENT_LOGOUT);
    assert_int_equal(told->by, TA_ENDED_BY_BACK_CHANNEL);
    assert_string_equal(told->provider, WORLD_ID);
    assert_string_equal(told->user, "alice");
    assert_string_equal(told->sub, "alice");
    assert_non_null(told->login_key);
    /* nobody was there any more */
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "b"))->status, 200);
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 2);
}

static apr_status_t end_uncounted(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                                  int *count)
{
    (void)context, (void)tmp;
    assert_false(ending->is_guess); /* the provider signed it */
    *count = -1;
    return APR_SUCCESS;
}

/* A store that ends by a stamp knows nobody's name: one event says what the token said. */
static void test_a_store_that_cannot_count_has_one_event(void **state)
{
    world *w = *state;
    const ta_event *told;

    w->port.end_all = end_uncounted;
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "a"))->status, 200);
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 1);
    told = world_last_told(w, TA_EVENT_LOGOUT);
    assert_string_equal(told->provider, WORLD_ID);
    assert_string_equal(told->sub, "alice");
    assert_null(told->user);
    assert_null(told->login_key);
}

/* A sid may hold any printable character. */
static void test_a_sid_is_compared_as_it_is(void **state)
{
    static const char sid[] = "a b/+%&=<>{}~ \xc3\xa4";
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", sid);
    const char *shorter = backchannel_token(w, "'sid':'a b/+%&=<>{}~ '", "a");

    assert_int_equal(backchannel_post(w, shorter)->status, 200);
    assert_true(backchannel_is_logged_in(b));
    assert_int_equal(
        backchannel_post(w, backchannel_token(w, apr_psprintf(w->pool, "'sid':'%s'", sid), "b"))
            ->status,
        200);
    assert_false(backchannel_is_logged_in(b));
}

static void test_a_session_that_is_gone_already_is_a_success(void **state)
{
    world *w = *state;

    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'nobody'", "a"))->status, 200);
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sid':'none'", "b"))->status, 200);
}

/* The same sub at another provider, or for another client, is somebody else. */
static void test_another_providers_user_of_that_name_stays(void **state)
{
    world *w = *state;
    browser *here, *there = browser_make(w);
    world_op *second;
    const char *link;

    world_add_provider(w, "second", "https://second.example.com");
    second = world_find_op(w, "https://second.example.com/");
    second->sub = "alice";
    second->sid = "sid-1";
    here = backchannel_log_in(w, "alice", "sid-1");
    link = WORLD_APP "/tinyauth/login?return=/page&provider=second";
    assert_passed(browser_walk(there, browser_get(there, link)), "alice");
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "a"))->status, 200);
    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sid':'sid-1'", "b"))->status, 200);
    assert_false(backchannel_is_logged_in(here));
    assert_true(backchannel_is_logged_in(there));
}

static void test_a_login_on_many_hosts_ends_on_all_of_them(void **state)
{
    static const char *const hosts[] = {"https://auth.example.com", WORLD_APP,
                                        "https://second.example.org"};
    world *w = *state;
    browser *b, *thief;

    w->app->site.app_origin = hosts[0];
    world_add_site(w, hosts[0], hosts[0]);
    world_add_site(w, hosts[2], hosts[0]);
    b = backchannel_log_in(w, "alice", "sid-1");
    assert_passed(browser_walk(b, browser_get(b, "https://second.example.org/page")), "alice");
    thief = browser_make(w);
    thief->jar = apr_array_copy(w->pool, b->jar);
    {
        visit v = {.url = "https://auth.example.com/tinyauth/backchannel-logout/" WORLD_ID,
                   .method = "POST",
                   .body = apr_pstrcat(
                       w->pool, "logout_token=", backchannel_token(w, "'sid':'sid-1'", "a"), NULL)};

        assert_int_equal(browser_send(browser_make(w), &v)->status, 200);
    }
    for (size_t i = 0; i < COUNT(hosts); i++) {
        const char *page = apr_pstrcat(w->pool, hosts[i], "/page", NULL);

        assert_int_equal(browser_get(thief, page)->status, 302);
    }
}

static void test_a_new_login_after_it_counts(void **state)
{
    world *w = *state;

    assert_int_equal(backchannel_post(w, backchannel_token(w, "'sub':'alice'", "a"))->status, 200);
    w->now += 1;
    assert_true(backchannel_is_logged_in(backchannel_log_in(w, "alice", "sid-1")));
}

/* Providers differ: aud as an array, no typ, plain JWT, no exp, more members in the event. */
static void test_what_other_providers_write_is_taken(void **state)
{
    static const struct {
        const char *header;
        const char *payload;
    } cases[] = {
        {"{'alg':'ES256','kid':'first'}",
         "{" BACKCHANNEL_ISS "," BACKCHANNEL_AUD "," BACKCHANNEL_TIMES
         ",'jti':'1','sub':'alice'," BACKCHANNEL_EVENTS "}"},
        {"{'alg':'ES256','typ':'JWT'}", "{" BACKCHANNEL_ISS ",'aud':['client-0']," BACKCHANNEL_TIMES
                                        ",'jti':'2','sub':'alice'," BACKCHANNEL_EVENTS "}"},
        {"{'alg':'ES256','kid':'first','typ':'application/logout+jwt'}",
         "{" BACKCHANNEL_ISS "," BACKCHANNEL_AUD ",'iat':1800000000,'jti':'3','sub':'alice',"
         "'sid':'x','typ':'Logout',"
         "'events':{'" BACKCHANNEL_EVENT "':{'revoke_offline_access':true},'urn:x':{}}}"},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_reply *reply =
            backchannel_post(w, backchannel_sign(w, cases[i].header, cases[i].payload));

        if (reply->status != 200) {
            fail_msg("case %d: %d %s", (int)i, reply->status, reply->body);
        }
    }
}

/* A key that was rotated a moment ago is found. */
static void test_a_token_with_the_providers_new_key_is_taken(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");
    const char *token;

    w->now += 61;
    world_op_rotate(w, w->op, "next");
    token = backchannel_sign(w, "{'alg':'ES256','kid':'next','typ':'logout+jwt'}",
                             "{" BACKCHANNEL_ISS "," BACKCHANNEL_AUD "," BACKCHANNEL_TIMES
                             ",'jti':'a','sub':'alice'," BACKCHANNEL_EVENTS "}");
    assert_int_equal(backchannel_post(w, token)->status, 200);
    assert_false(backchannel_is_logged_in(b));
}

/* An ID token of a refresh may leave the sid out; the session at the provider is the same. */
static void test_a_renewed_session_keeps_its_sid(void **state)
{
    world *w = *state;
    ta_identity identity = {.user = "alice", .sub = "alice", .sid = "sid-1"};
    unsigned char index[TA_STORE_KEY_LEN];
    ta_record record;

    identity.groups = apr_array_make(w->pool, 1, sizeof(const char *));
    identity.claims = apr_array_make(w->pool, 1, sizeof(ta_claim));
    memset(&record, 0, sizeof(record));
    memcpy(record.provider, w->provider->fingerprint, sizeof(record.provider));
    assert_int_equal(ta_session_renew(w->pool, &record, &identity, w->now), APR_SUCCESS);
    identity.sid = NULL;
    assert_int_equal(ta_session_renew(w->pool, &record, &identity, w->now), APR_SUCCESS);
    assert_string_equal(ta_record_text(&record, TA_RECORD_SID), "sid-1");
    assert_int_equal(ta_session_index_of_sid(record.provider, "sid-1", index), APR_SUCCESS);
    assert_memory_equal(record.sid_index, index, sizeof(index));
    identity.sid = "sid-2";
    assert_int_equal(ta_session_renew(w->pool, &record, &identity, w->now), APR_SUCCESS);
    assert_string_equal(ta_record_text(&record, TA_RECORD_SID), "sid-2");
}

static void test_an_id_that_no_provider_has_ends_nothing(void **state)
{
    world *w = *state;
    browser *b = backchannel_log_in(w, "alice", "sid-1");

    backchannel_assert_refused(w, ta_backchannel_handle(b->env, "nobody"),
                               TA_REASON_PROVIDER_UNKNOWN);
    assert_true(backchannel_is_logged_in(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sid_ends_that_session_alone),
        TEST(test_sub_alone_ends_all_sessions_of_the_user),
        TEST(test_sub_and_sid_end_the_session_of_that_sid),
        TEST(test_a_sid_of_somebody_else_ends_nothing),
        TEST(test_a_login_without_sid_ends_by_its_sub),
        TEST(test_each_login_that_ends_is_told),
        TEST(test_a_store_that_cannot_count_has_one_event),
        TEST(test_a_sid_is_compared_as_it_is),
        TEST(test_a_session_that_is_gone_already_is_a_success),
        TEST(test_another_providers_user_of_that_name_stays),
        TEST(test_a_login_on_many_hosts_ends_on_all_of_them),
        TEST(test_a_new_login_after_it_counts),
        TEST(test_what_other_providers_write_is_taken),
        TEST(test_a_token_with_the_providers_new_key_is_taken),
        TEST(test_a_renewed_session_keeps_its_sid),
        TEST(test_an_id_that_no_provider_has_ends_nothing),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
